"""A Release survives the API: what was recorded is what is read, times to the microsecond."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from delivery.clock import from_rfc3339, to_rfc3339
from delivery.resources.release import (
    AnalysisRecord,
    Evidence,
    Intent,
    Phase,
    Release,
    ReleaseSpec,
    ReleaseStatus,
    Revision,
    RouteRecord,
    Stage,
    Traffic,
    Transition,
    release_from_object,
    spec_object,
    status_object,
)

MICROSECOND = 1e-6
TIMES = st.integers(1_600_000_000_000_000, 2_500_000_000_000_000).map(lambda microseconds: microseconds / 1e6)
TEXTS = st.text(max_size=20)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXTS, JSON, max_size=4)

STATUSES = st.builds(
    ReleaseStatus,
    phase=st.sampled_from(Phase),
    reason=TEXTS,
    message=TEXTS,
    outcome=st.none() | st.sampled_from(Phase),
    stage=st.sampled_from(Stage),
    stage_since=st.none() | TIMES,
    step=st.integers(0, 20),
    traffic=st.builds(Traffic, desired_weight=st.none() | NUMBERS, first_weight_at=st.none() | TIMES),
    routes=st.tuples(st.builds(RouteRecord, name=TEXTS, namespace=TEXTS, created=st.booleans(), saved=OBJECTS)),
    analysis=st.builds(AnalysisRecord, data_through=st.none() | TIMES, state=OBJECTS, problem=st.none() | TEXTS),
    history=st.tuples(st.builds(Transition, at=TIMES, phase=st.sampled_from(Phase), reason=TEXTS, message=TEXTS)),
)


def spec(**changes: Any) -> ReleaseSpec:
    made: dict[str, Any] = {
        "deployment": "web",
        "service": "web",
        "stable": Revision(template_hash="a", pod_template_hash="6f7", images=("web:1",)),
        "canary": Revision(template_hash="b", images=("web:2",)),
        "template": {"metadata": {"creationTimestamp": None}, "spec": {"containers": [{"name": "web"}]}},
        "policy_name": "standard",
        "policy": {"analysis": {"interval": "2s"}},
        "release_id": "build-7",
        "intents": (Intent(verb="approve", by="ann", at=1_700_000_000.25),),
    }
    return ReleaseSpec(**{**made, **changes})


def through_the_api(release: Release) -> Release:
    meta = {"name": release.name, "namespace": release.namespace, "uid": release.uid}
    meta["resourceVersion"] = release.resource_version
    stored = {"metadata": meta, "spec": spec_object(release.spec), "status": status_object(release.status)}
    return release_from_object(json.loads(json.dumps(stored, allow_nan=False)))


@settings(derandomize=True, max_examples=60, deadline=None)
@given(STATUSES)
def test_every_status_is_read_as_it_was_recorded(status: ReleaseStatus) -> None:
    release = Release(name="web-b", namespace="shop", uid="u", resource_version="7", spec=spec(), status=status)
    assert through_the_api(release) == release


def test_evidence_and_all_of_a_spec_survive_too() -> None:
    evidence = Evidence(
        at=1_700_000_000.000001, step=1, weight=5, verdict="Advance", reason="", log_evidence_rollback=-3.25,
        log_evidence_advance=1e-300, stable_requests=1, stable_errors=0, canary_requests=2, canary_errors=0,
        metrics={"errors": {"interval": [None, 0.1]}},
    )  # fmt: skip
    status = ReleaseStatus(evidence=evidence, decisions=(evidence, evidence))
    release = Release(name="web-b", namespace="shop", spec=spec(attempt=3), status=status)
    assert through_the_api(release) == release


def test_a_new_release_without_a_status_is_pending() -> None:
    read = release_from_object({"metadata": {"name": "r", "namespace": "n"}, "spec": spec_object(spec())})
    assert read.status == ReleaseStatus()
    assert read.active
    assert (read.canary_name, read.stable_name, read.key) == ("web-canary", "web-stable", "n/r")


def test_fields_of_a_later_version_are_passed_over_but_nonsense_is_not() -> None:
    stored = {"metadata": {"name": "r", "namespace": "n"}, "spec": {**spec_object(spec()), "colour": "blue"}}
    assert release_from_object(stored).spec == spec()
    with pytest.raises(ValidationError, match="phase"):
        release_from_object({**stored, "status": {"phase": "Dancing"}})


@settings(derandomize=True, max_examples=300)
@given(TIMES)
def test_a_time_survives_to_the_microsecond_and_then_for_good(seconds: float) -> None:
    once = from_rfc3339(to_rfc3339(seconds))
    assert abs(once - seconds) <= 0.51 * MICROSECOND
    assert to_rfc3339(once) == to_rfc3339(seconds)
    assert from_rfc3339(to_rfc3339(once)) == once


@settings(derandomize=True, max_examples=300)
@given(st.sampled_from([2.0, 10.0, 1.0, 0.5, 0.25]), st.integers(1_000_000_000, 1_600_000_000))
def test_instants_of_a_binary_interval_are_read_exactly(interval: float, count: int) -> None:
    instant = count * interval
    assert from_rfc3339(to_rfc3339(instant)) == instant


@settings(derandomize=True, max_examples=300)
@given(st.sampled_from([0.1, 0.3, 0.7, 1.1, 3.3]), st.integers(1_000_000_000, 1_600_000_000))
def test_instants_of_any_other_interval_are_told_apart_by_half_a_microsecond(interval: float, count: int) -> None:
    """So a reader who takes instants within 10 microseconds for the same one never counts one twice, nor drops one."""
    earlier, instant = (count - 1) * interval, count * interval
    stored = from_rfc3339(to_rfc3339(instant))
    assert abs(stored - instant) < 10 * MICROSECOND < stored - earlier


def test_final_phases_are_final() -> None:
    final = {phase for phase in Phase if phase.final}
    assert {phase.value for phase in final} == {"Succeeded", "RolledBack", "Superseded", "Bypassed", "Failed"}
