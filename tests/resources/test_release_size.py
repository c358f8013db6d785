"""A Release stays a small object, however long it takes and however much is said about it."""

from __future__ import annotations

import json
from typing import Any

from delivery.decision.phases import record
from delivery.decision.shifting import DECISIONS_KEPT, _remember
from delivery.intents.ask import LONGEST_REASON, ROOM_TO_END, TAKEN_TOGETHER
from delivery.reconcile.custom_judging import with_answers
from delivery.resources.metrics import LONGEST_NAME, LONGEST_TOGETHER, MOST_METRICS
from delivery.resources.policy import parse_policy
from delivery.resources.release import (
    AnalysisRecord,
    CustomMetricRecord,
    Evidence,
    EvidencePoint,
    Intent,
    Phase,
    Release,
    release_object,
)
from delivery.telemetry.expressions import expressions_of
from delivery.telemetry.reasons import LONGEST_PROBLEM, MetricsUnavailable, Reason
from delivery.telemetry.samples import CustomReading
from tests.decision.given import NOW, release

LIMIT = 100_000  # bytes; etcd takes 1.5 MB
STATE = {"bins": [-0.123456789012345] * 190}  # as long as that of a latency metric with 24 bounds
ETERNITY = 500
LONG_SENTENCE = "undecided after 900 s (maxStepDuration): " + "canary fails 1.234 % of requests, stable 1.234 %; " * 4
QUERY = "sum by (instance, destination_workload) (istio_requests_total{destination_workload=~'web|web-canary'}) " * 4
NUMBER = -0.123456789012345
LONGEST = str(MetricsUnavailable(Reason.SERVER_ERROR, "x" * 50_000))
OWN = MOST_METRICS - 1
NAMES = [f"{number}{'n' * (LONGEST_NAME - 1)}" for number in range(OWN)]


def look(number: int, custom: tuple[str, ...] = ("one", "two")) -> Evidence:
    """With everything that the mesh's own metrics and custom ones put into it."""
    interval = {f"a_{field}_of_the_details": NUMBER for field in range(12)}
    quantiles = {f"p{n}": {"stable_ms": [10, 25], "canary_ms": [10, 50], "difference_ms": [-15, 40]} for n in range(3)}
    metrics = {"errors": interval, "latency": {**interval, "quantiles": quantiles}}
    return Evidence(
        at=NOW + number,
        step=number % 5,
        weight=50.0,
        verdict="Undecided",
        reason=LONG_SENTENCE,
        log_evidence_rollback=NUMBER,
        log_evidence_advance=NUMBER,
        stable_requests=123456789.0,
        stable_errors=123456.0,
        canary_requests=123456789.0,
        canary_errors=123456.0,
        metrics={**metrics, **dict.fromkeys(custom, interval)},
    )


def aged(custom: tuple[str, ...], analysis: dict[str, Any], spec: dict[str, Any] | None = None) -> Release:
    """A Release after an eternity of decisions; without numbers half of the time where it has an analysis."""
    status, silent = release(Phase.SHIFTING).status, f"no data on the canary for 301 s: {LONGEST}"
    for number in range(ETERNITY):
        status = status.model_copy(update={"evidence": look(number, custom)})
        status = _remember(record(status, "Inconclusive", silent if analysis and number % 2 else LONG_SENTENCE, NOW))
    points = tuple(EvidencePoint(at=NOW + n, rollback=-123.4567, advance=123.4567) for n in range(64))
    known = AnalysisRecord(course=points, queries=(QUERY, QUERY), state=STATE, **analysis)
    made = release(Phase.SHIFTING, spec=spec)
    return made.model_copy(update={"status": status.model_copy(update={"analysis": known})})


def size(made: Release) -> int:
    """In bytes, with as many intents as a Release takes, those that end it included."""
    said = Intent(verb="promote", by="system:serviceaccount:" + "n" * 63, reason="r" * LONGEST_REASON, at=NOW)
    one = len(json.dumps(said.model_dump(mode="json", by_alias=True)))
    asked = made.spec.model_copy(update={"intents": (said,) * ((TAKEN_TOGETHER + max(ROOM_TO_END.values())) // one)})
    return len(json.dumps(release_object(made.model_copy(update={"spec": asked}))))


def test_a_release_that_goes_on_for_ever_is_under_100_kilobytes() -> None:
    made = aged(("one", "two"), {})
    assert len(made.status.decisions) == DECISIONS_KEPT
    assert all(len(each.metrics) == 4 for each in made.status.decisions)
    assert 50_000 < size(made) < LIMIT  # what is measured is there


def all_it_may_have() -> dict[str, Any]:
    """A policy with as many metrics as there may be, and in their queries as much as there may be."""
    start, end = 'sum by (instance) (x{deployment="{{ workload }}"', "})"
    room = LONGEST_TOGETHER // (2 * OWN) - len(start) - len(end)
    query = start + ',a="\\\\."' * (room // 8) + end
    asked = {"total": query, "errors": query}
    return {
        "analysis": {
            "metrics": [{"kind": "errorRate"}, *({"name": name, "kind": "errorRate", "query": asked} for name in NAMES)]
        }
    }


def told(spec: dict[str, Any]) -> dict[str, Any]:
    """What the record has of a policy's own metrics, none of which can be had, for workloads with the longest names."""
    policy, names = parse_policy(spec, ""), dict.fromkeys(("workload", "service", "namespace", "arm"), "w" * 253)
    readings: dict[str, CustomReading] = {}
    for metric in policy.analysis.custom:
        expressions = expressions_of([metric], {"stable": names, "canary": names})
        asked = {f"{each.arm}.{each.part}": each.promql for each in expressions}
        readings[metric.name] = CustomReading(asked, dict.fromkeys(asked, 123456789012.5), LONGEST)
    judged = {name: CustomMetricRecord(kind="errorRate", state=STATE) for name in NAMES}
    custom = with_answers(policy, judged, readings)
    return {"custom": custom, "problem": LONGEST, "problem_reason": "ServerError"}


def test_with_every_metric_a_policy_may_have_and_the_longest_of_problems_it_is_too() -> None:
    spec = all_it_may_have()
    made = aged(tuple(NAMES), told(spec), spec)
    assert len(LONGEST) == LONGEST_PROBLEM
    assert len(made.status.decisions) == DECISIONS_KEPT
    assert len(made.status.decisions[-1].metrics) == OWN + 2
    assert all(list(each.metrics) == ["errors"] for each in made.status.decisions[:-1])
    assert 80_000 < size(made) < LIMIT
