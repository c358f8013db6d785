"""Thousands of made-up requests against the listener: no fault of ours, and no answer that the document does not name.

Schemathesis makes them from the OpenAPI document: its examples, every boundary, chance (from a seed), and sequences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from delivery.api import examples
from delivery.resources.release import Phase
from tests.served import Served

CASES = 2_000
EACH = 80
WAITED_S = 0.05
PHASES = ("examples", "coverage", "fuzzing", "stateful")
APPLIES = {
    "approve": (Phase.PAUSED, Phase.STALLED),
    "resume": (Phase.PAUSED, Phase.STALLED),
    "retry": (Phase.ROLLED_BACK, Phase.FAILED),
}
"""What is asked where it applies half of the time: in most phases nothing but a refusal would be seen."""
CHECKS = {
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "use_after_free",
    "ensure_resource_availability",
    "ignored_auth",
}


@dataclass(slots=True)
class Told:
    """What came of a run."""

    cases: Counter[str] = field(default_factory=Counter)
    checks: set[str] = field(default_factory=set)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def take(self, event: events.EngineEvent) -> None:
        if isinstance(event, events.NonFatalError):
            self.errors.append(f"{event.phase} {event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            self.errors.append(repr(event.exception))
        elif isinstance(event, events.ScenarioFinished):
            self._scenario(event)

    def _scenario(self, event: events.ScenarioFinished) -> None:
        self.cases[event.phase.value] += len(event.recorder.cases)
        for key, made in event.recorder.interactions.items():
            if made.response is not None:
                self.answers[event.recorder.cases[key].value.operation.label, made.response.status_code] += 1
        for each in (check for checks in event.recorder.checks.values() for check in checks):
            self.checks.add(each.name)
            if each.failure_info is not None:
                self.failures.append(f"{each.name}: {each.failure_info.failure}\n{each.failure_info.code_sample}")


def filled(served: Served) -> list[str]:
    """A Release in each phase, all of the Deployment `web`; their names."""
    served.deployment()
    return [served.release(phase, name=f"web-{phase.value.lower()}").name for phase in Phase]


def config(served: Served, names: list[str]) -> SchemathesisConfig:
    """Every check in every phase, mostly on what is there."""
    recording = {"dictionary": "recordings", "probability": 0.5}
    given = {
        "headers": {"Authorization": f"Bearer {served.token_everywhere()}"},
        "base-url": served.url,
        "continue-on-failure": True,
        "max-stream-events": 1,  # a stream is read to its first event
        "request-timeout": 30,
        "seed": 1,
        "generation": {"max-examples": EACH, "deterministic": True, "database": "none"},
        "phases": {phase: {"enabled": True} for phase in PHASES},
        "dictionaries": {
            "namespaces": {"values": [served.namespace]},
            "names": {"values": ["web", "web", *names]},
            "recordings": {"values": [examples.RECORDING]},
            **{
                verb: {"values": [f"web-{phase.value.lower()}" for phase in phases]} for verb, phases in APPLIES.items()
            },
        },
        "parameters": {
            "path.namespace": {"dictionary": "namespaces", "probability": 0.9},
            "path.name": {"dictionary": "names", "probability": 0.9},
        },
        "operations": [
            {
                "include-operation-id": "backtest",
                "parameters": {"body.recording": recording},
                # JSON Schema cannot say what an uploaded file or a policy's YAML holds, so what it takes for good data
                # may be none: 422 is as good an answer as the outcome.
                "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "422", "429"]}},
            },
            *(
                {"include-operation-id": verb, "parameters": {"path.name": {"dictionary": verb, "probability": 0.5}}}
                for verb in APPLIES
            ),
        ],
    }
    return SchemathesisConfig.from_dict(given)


@contextmanager
def short_waits() -> Iterator[None]:
    """A call that would wait for a Release waits a moment instead."""

    @schemathesis.hook("before_call")
    def shorten(_context: schemathesis.HookContext, case: schemathesis.Case[Any], _kwargs: dict[str, Any]) -> None:
        if case.operation.definition.raw.get("operationId") == "wait" and waits(case.query):
            case.query = {**(case.query or {}), "timeout": WAITED_S}

    yield
    schemathesis.hooks.unregister(shorten)


def waits(query: dict[str, Any] | None) -> bool:
    try:
        return WAITED_S < float((query or {}).get("timeout", 60)) <= 300
    except (TypeError, ValueError):
        return False


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_no_request_meets_a_fault_or_an_answer_that_the_document_does_not_name(own_served: Served) -> None:
    served, told = own_served, Told()
    with served.client() as client:
        document = client.get("/api/v1/openapi.json").json()
    for operation in (each for methods in document["paths"].values() for each in methods.values()):
        for parameter in operation.get("parameters", ()):
            if parameter["name"] == "namespace":  # what the examples name is there too
                parameter["schema"]["examples"] = [served.namespace]
    schema = schemathesis.openapi.from_dict(document, config=config(served, filled(served)))
    with short_waits():
        for event in from_schema(schema).execute():
            told.take(event)
    print("cases:", dict(told.cases))
    assert told.errors == []
    assert told.failures == []
    assert told.checks >= CHECKS
    assert set(told.cases) >= set(PHASES)
    assert told.cases.total() >= CASES, told.cases
    labels = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    succeeded = {label for label, status in told.answers if 200 <= status < 300}
    assert labels - succeeded == set()
    assert [(label, status) for label, status in told.answers if status >= 500] == []
