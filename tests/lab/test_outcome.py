"""What a run came to: times from the change on, the first Release as its subject."""

from __future__ import annotations

from typing import Any

from delivery.lab.outcome import ArmTotals, Outcome, outcome_of
from delivery.resources.release import Phase, Release, ReleaseSpec, ReleaseStatus, Revision, Transition

CHANGED_AT = 1000.0


def release(name: str, phase: Phase, verdict: str, *diary: tuple[float, Phase]) -> Release:
    spec = ReleaseSpec(
        deployment="web",
        service="web",
        stable=Revision(template_hash="a"),
        canary=Revision(template_hash="b"),
        template={},
        policy_name="web",
        policy={},
        release_id="r",
    )
    history = tuple(Transition(at=at, phase=moved, reason="because", message="so") for at, moved in diary)
    status = ReleaseStatus(phase=phase, reason="because", message="so", verdict=verdict, history=history)
    return Release(name=name, namespace="shop", spec=spec, status=status)


def outcome(releases: list[Release], weights: list[tuple[float, float]], **totals: Any) -> Outcome:
    counted: dict[str, Any] = {
        "requests": {"stable": 1000, "canary": 50},
        "errors": {"stable": 10, "canary": 5},
        "expected": 0.5,
    }
    counted |= totals
    return outcome_of(
        "errors",
        releases,
        changed_at=CHANGED_AT,
        weights=weights,
        totals=ArmTotals(counted["requests"], counted["errors"], 0, counted["expected"]),
        control_plane="embedded",
        left_behind=[],
    )


def test_times_count_from_the_change() -> None:
    bad = release(
        "web-1",
        Phase.ROLLED_BACK,
        "RollBack",
        (1000.5, Phase.PREPARING),
        (1002, Phase.SHIFTING),
        (1010, Phase.ROLLING_BACK),
    )
    told = outcome([bad], [(995, 0), (1002.25, 5), (1010.5, 0)])
    assert (told.time_to_decision_s, told.time_to_first_weight_s, told.time_to_zero_weight_s) == (10, 2.25, 10.5)
    assert told.weights == [[-5, 0], [2.25, 5], [10.5, 0]]
    assert (told.max_canary_weight, told.phase, told.verdict) == (5, "RolledBack", "RollBack")
    assert told.reason == "because: so"


def test_excess_errors_are_those_beyond_the_expected_and_never_negative() -> None:
    bad = release("web-1", Phase.ROLLED_BACK, "RollBack")
    assert outcome([bad], []).excess_errors == 4.5
    assert outcome([bad], [], expected=7.0).excess_errors == 0


def test_what_did_not_happen_has_no_time_and_no_verdict() -> None:
    told = outcome([release("web-1", Phase.ROLLED_BACK, "")], [(995, 0)])
    assert told.time_to_first_weight_s is None
    assert told.time_to_zero_weight_s is None
    assert told.time_to_decision_s is None
    assert told.verdict == "Inconclusive"
    assert outcome([release("web-1", Phase.PAUSED, "Undecided")], []).verdict == "Inconclusive"


def test_the_first_release_is_the_subject_and_all_are_listed() -> None:
    told = outcome([release("web-1", Phase.SUPERSEDED, ""), release("web-2", Phase.SUCCEEDED, "Advance")], [])
    assert told.phase == "Superseded"
    assert [entry["phase"] for entry in told.to_json()["releases"]] == ["Superseded", "Succeeded"]


def test_the_printed_object_has_the_documented_keys() -> None:
    keys = set(outcome([release("web-1", Phase.SUCCEEDED, "Advance")], []).to_json())
    documented = "scenario phase verdict reason time_to_decision_s time_to_first_weight_s time_to_zero_weight_s"
    documented += " max_canary_weight requests errors excess_errors user_visible_5xx_outside_canary weights"
    assert set(documented.split()) <= keys
