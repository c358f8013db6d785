"""RollingBack: weight 0 first and read back; then nothing is left, and the template stays unless asked otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.decision.actions import SetTemplate, SetWeight
from delivery.decision.snapshot import BackEnds, CanaryState, RouteState
from delivery.errors import InvalidSpec
from delivery.resources.policy import parse_policy
from delivery.resources.release import Phase, Release, Stage
from tests.decision.given import (
    NOW,
    POLICY,
    STABLE,
    TEMPLATES,
    THIRD,
    decided,
    kinds,
    only,
    recorded,
    release,
    workload,
)

RESTORING = {**POLICY, "onRollback": "restoreTemplate"}
NATIVE = workload(paused=False)
GONE: dict[str, Any] = {"canary": CanaryState(), "back_ends": BackEnds(), "route": RouteState()}


def rolling_back(stage: Stage, **fields: Any) -> Release:
    known = {"weight": 0.0, "outcome": Phase.ROLLED_BACK, "reason": "Aborted", "message": "aborted"}
    made = release(Phase.ROLLING_BACK, stage, **{**known, **fields})
    traffic = made.status.traffic.model_copy(update={"first_weight_at": NOW - 60})
    return made.model_copy(update={"status": made.status.model_copy(update={"traffic": traffic})})


def stage_after(stage: Stage, **seen: Any) -> Stage:
    return recorded(decided(rolling_back(stage), **seen)).stage


@pytest.mark.parametrize("weight", [5.0, 100.0, float("inf")])
@pytest.mark.parametrize("stage", [Stage.WITHDRAW, Stage.REMOVE_CANARY, Stage.RESTORE_ROUTE, Stage.REMOVE_BACK_ENDS])
def test_whatever_the_stage_the_weight_goes_to_nothing_before_anything_else(stage: Stage, weight: float) -> None:
    decision = decided(rolling_back(stage), route=RouteState(weight=weight))
    assert kinds(decision) == ["SetWeight"]
    assert only(decision, SetWeight).weight == recorded(decision).traffic.desired_weight == 0


def test_the_canary_goes_when_weight_0_was_read_back_and_proxies_had_time_to_hear_it() -> None:
    assert stage_after(Stage.WITHDRAW) is Stage.REMOVE_CANARY
    assert recorded(decided(rolling_back(Stage.WITHDRAW))).traffic.zero_weight_at == NOW
    assert decided(rolling_back(Stage.REMOVE_CANARY, stage_since=NOW - 2)).actions == ()
    assert kinds(decided(rolling_back(Stage.REMOVE_CANARY))) == ["RemoveCanary"]


def test_a_canary_that_never_had_traffic_needs_no_drain() -> None:
    never = release(Phase.ROLLING_BACK, Stage.REMOVE_CANARY, weight=0.0, stage_since=NOW)
    assert kinds(decided(never)) == ["RemoveCanary"]


def test_the_route_stays_split_until_the_last_canary_pod_is_gone() -> None:
    assert stage_after(Stage.REMOVE_CANARY, canary=CanaryState(pods=1)) is Stage.REMOVE_CANARY
    assert stage_after(Stage.REMOVE_CANARY, canary=CanaryState()) is Stage.RESTORE_ROUTE
    assert kinds(decided(rolling_back(Stage.RESTORE_ROUTE), canary=CanaryState())) == ["RestoreRoute"]


def test_then_the_names_and_the_release_ends_as_was_decided() -> None:
    seen = {**GONE, "back_ends": BackEnds(exist=True, partly=True)}
    assert stage_after(Stage.RESTORE_ROUTE, **seen) is Stage.REMOVE_BACK_ENDS
    assert decided(rolling_back(Stage.REMOVE_BACK_ENDS, stage_since=NOW - 2), **seen).actions == ()
    assert kinds(decided(rolling_back(Stage.REMOVE_BACK_ENDS), **seen)) == ["RemoveBackEnds"]
    for outcome in (Phase.ROLLED_BACK, Phase.SUPERSEDED, Phase.BYPASSED, Phase.FAILED):
        end = decided(rolling_back(Stage.REMOVE_BACK_ENDS, outcome=outcome), **GONE)
        assert (recorded(end).phase, recorded(end).reason, end.actions) == (outcome, "Aborted", ())


def test_after_the_emergency_exit_the_users_own_route_comes_before_the_canary() -> None:
    assert stage_after(Stage.WITHDRAW, workload=NATIVE) is Stage.RESTORE_ROUTE
    assert stage_after(Stage.REMOVE_CANARY, workload=NATIVE) is Stage.RESTORE_ROUTE
    assert stage_after(Stage.RESTORE_ROUTE, workload=NATIVE, route=RouteState()) is Stage.REMOVE_CANARY
    assert kinds(decided(rolling_back(Stage.REMOVE_CANARY), workload=NATIVE, route=RouteState())) == ["RemoveCanary"]


def test_the_rejected_template_stays_pending_unless_the_policy_wants_it_restored() -> None:
    assert decided(rolling_back(Stage.REMOVE_BACK_ENDS), **GONE).actions == ()
    restoring = decided(rolling_back(Stage.REMOVE_BACK_ENDS, spec=RESTORING), **GONE)
    assert only(restoring, SetTemplate).template == TEMPLATES[STABLE]
    assert recorded(restoring).phase is Phase.ROLLING_BACK, "done before the end, or a crash would forget it"
    restored = decided(rolling_back(Stage.REMOVE_BACK_ENDS, spec=RESTORING), **GONE, workload=workload(STABLE))
    assert (recorded(restored).phase, restored.actions) == (Phase.ROLLED_BACK, ())


@pytest.mark.parametrize(
    ("fields", "seen"),
    [
        ({"outcome": Phase.SUPERSEDED}, {}),
        ({"outcome": Phase.BYPASSED}, {}),
        ({}, {"workload": workload(THIRD)}),
        ({}, {"workload": None}),
        ({}, {"stable": None}),
        ({"stage_since": NOW - 120}, {}),
    ],
    ids=["superseded", "bypassed", "newer-template", "deleted", "no-stable", "somebody-else-keeps-setting-it"],
)
def test_a_template_that_is_not_the_rejected_one_is_nobodys_to_restore(fields: Any, seen: Any) -> None:
    decision = decided(rolling_back(Stage.REMOVE_BACK_ENDS, spec=RESTORING, **fields), **GONE, **seen)
    assert decision.actions == ()
    assert recorded(decision).phase.final


def test_what_is_not_ours_is_left_alone() -> None:
    foreign = CanaryState(exists=True, ours=False)
    assert stage_after(Stage.REMOVE_CANARY, canary=foreign) is Stage.RESTORE_ROUTE
    theirs = BackEnds(foreign=("web-canary",))
    assert recorded(decided(rolling_back(Stage.REMOVE_BACK_ENDS), **{**GONE, "back_ends": theirs})).phase.final


def test_a_record_with_an_outcome_that_is_none_ends_as_rolled_back() -> None:
    assert (
        recorded(decided(rolling_back(Stage.REMOVE_BACK_ENDS, outcome=Phase.SUCCEEDED), **GONE)).phase
        is Phase.ROLLED_BACK
    )


UNREADABLE = {"strategy": {"canary": {"steps": [50, 5]}}}


def test_a_stored_policy_that_no_longer_parses_ends_the_release_before_the_rollout() -> None:
    with pytest.raises(InvalidSpec):
        parse_policy(UNREADABLE, "policy")
    status = recorded(decided(release(spec=UNREADABLE)))
    assert (status.phase, status.outcome, status.reason) == (Phase.ROLLING_BACK, Phase.FAILED, "InvalidPolicy")
    assert "Release shop/web-bbbbbbbbbb: spec.strategy.canary.steps: steps must rise" in status.message


def test_after_that_it_is_finished_without_the_policy() -> None:
    assert kinds(decided(rolling_back(Stage.REMOVE_CANARY, spec=UNREADABLE))) == ["RemoveCanary"]
    late = release(Phase.PROMOTING, Stage.RESTORE_ROUTE, weight=0.0, spec=UNREADABLE)
    assert kinds(decided(late)) == ["RestoreRoute"]


@pytest.mark.parametrize(
    ("phase", "own", "stage"),
    [
        (Phase.PREPARING, workload(), Stage.BACK_ENDS),
        (Phase.ROLLING_BACK, workload(), Stage.WITHDRAW),
        (Phase.PROMOTING, workload(), Stage.SHIFT_ALL),
        (Phase.PROMOTING, NATIVE, Stage.ROLL_OUT),
    ],
)
def test_a_stage_the_phase_has_not_is_begun_again(phase: Phase, own: Any, stage: Stage) -> None:
    waiting = decided(release(phase, Stage.NONE, weight=5.0), workload=own, back_ends=BackEnds(), canary=CanaryState())
    status = recorded(waiting)
    assert (status.phase, status.stage) == (phase, stage)


@pytest.mark.parametrize("step", [-1, 2, 99])
def test_a_step_the_policy_has_not_is_taken_for_the_nearest(step: int) -> None:
    assert recorded(decided(release(step=step, weight=5.0))).step == max(0, min(step, 1))
