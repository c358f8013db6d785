"""Promoting and Stalled: Kubernetes' own rollout behind a canary that carries everything, then no trace."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.decision.actions import Announce, EnsureBackEnds, EnsureCanary, PauseDeployment, SetWeight
from delivery.decision.snapshot import BackEnds, CanaryState, RouteState
from delivery.resources.release import Intent, Phase, Release, Stage
from tests.decision.given import (
    CANARY,
    NOW,
    RELEASE,
    STABLE,
    THIRD,
    decided,
    kinds,
    look,
    only,
    recorded,
    release,
    stable_set,
    touching,
    workload,
)

FOUR = CanaryState(exists=True, of_release=RELEASE, replicas=4, ready=4, pods=4)
LOST = CanaryState(exists=True, of_release=RELEASE, replicas=4, ready=0, pods=4)
DONE = workload(rolled_out=True)
NEW = stable_set(CANARY)
NEW_NAME = BackEnds(exist=True, partly=True, stable_hash=f"pod-{CANARY}", stable_ready=4)


def promoting(stage: Stage, weight: float | None = 100.0, **fields: Any) -> Release:
    return release(Phase.PROMOTING, stage, weight=weight, step=1, **fields)


def stage_after(stage: Stage, weight: float | None = 100.0, **seen: Any) -> Stage:
    return recorded(decided(promoting(stage, weight), **{"canary": FOUR, **seen})).stage


def test_the_canary_grows_to_full_size_without_losing_its_place() -> None:
    decision = decided(promoting(Stage.SHIFT_ALL, 50.0))
    assert only(decision, EnsureCanary).replicas == 4
    assert recorded(decision).stage is Stage.SHIFT_ALL
    raised = decided(promoting(Stage.SHIFT_ALL, 50.0), canary=FOUR)
    assert only(raised, SetWeight).weight == 100
    assert recorded(raised).stage is Stage.SHIFT_ALL


def test_the_deployment_is_not_touched_before_all_traffic_is_on_the_canary() -> None:
    assert stage_after(Stage.SHIFT_ALL, 50.0) is Stage.SHIFT_ALL
    decision = decided(promoting(Stage.SHIFT_ALL), canary=FOUR)
    assert recorded(decision).stage is Stage.ROLL_OUT, "the intent to unpause is recorded first"
    assert touching(decision) == []
    assert not only(decided(promoting(Stage.ROLL_OUT), canary=FOUR), PauseDeployment).paused


def test_evidence_still_counts_until_the_rollout() -> None:
    assert recorded(decided(promoting(Stage.SHIFT_ALL, 50.0), look=look("RollBack"))).phase is Phase.ROLLING_BACK


def test_a_mesh_that_does_not_follow_to_the_end_is_rolled_back() -> None:
    asked = decided(promoting(Stage.SHIFT_ALL), canary=FOUR, route=RouteState(weight=50.0))
    assert only(asked, SetWeight).weight == 100
    late = promoting(Stage.SHIFT_ALL, stage_since=NOW - 31)
    assert recorded(decided(late, canary=FOUR, route=RouteState(weight=50.0))).reason == "RouteNotFollowed"


def test_the_rollout_is_waited_for_then_the_deployment_is_paused_again() -> None:
    running = workload(paused=False)
    assert decided(promoting(Stage.ROLL_OUT), canary=FOUR, workload=running).actions == ()
    finished = workload(paused=False, rolled_out=True)
    assert stage_after(Stage.ROLL_OUT, workload=finished) is Stage.SETTLE
    settling = decided(promoting(Stage.SETTLE), canary=FOUR, workload=finished, stable=NEW)
    assert only(settling, PauseDeployment).paused


def test_stable_gets_the_new_pods_before_it_gets_traffic() -> None:
    seen: dict[str, Any] = {"canary": FOUR, "workload": DONE, "stable": NEW}
    renamed = decided(promoting(Stage.SETTLE), **seen)
    assert only(renamed, EnsureBackEnds).stable_hash == f"pod-{CANARY}"
    few = BackEnds(exist=True, partly=True, stable_hash=f"pod-{CANARY}", stable_ready=3)
    assert stage_after(Stage.SETTLE, **{**seen, "back_ends": few}) is Stage.SETTLE
    just = promoting(Stage.SETTLE, stage_since=NOW - 0.5)
    assert recorded(decided(just, **seen, back_ends=NEW_NAME)).stage is Stage.SETTLE
    ready = decided(promoting(Stage.SETTLE), **seen, back_ends=NEW_NAME)
    assert (recorded(ready).stage, recorded(ready).traffic.desired_weight) == (Stage.SHIFT_BACK, 0)


def test_then_weight_route_canary_and_names_go_in_this_order() -> None:
    seen: dict[str, Any] = {"canary": FOUR, "workload": DONE, "stable": NEW, "back_ends": NEW_NAME}
    back = decided(promoting(Stage.SHIFT_BACK, 0.0), **seen, route=RouteState(weight=100.0))
    assert only(back, SetWeight).weight == 0
    assert stage_after(Stage.SHIFT_BACK, 0.0, **seen) is Stage.RESTORE_ROUTE
    assert kinds(decided(promoting(Stage.RESTORE_ROUTE, 0.0), **seen)) == ["RestoreRoute"]
    plain = {**seen, "route": RouteState()}
    assert stage_after(Stage.RESTORE_ROUTE, 0.0, **plain) is Stage.REMOVE_CANARY
    draining = promoting(Stage.REMOVE_CANARY, 0.0, stage_since=NOW - 2)
    assert decided(draining, **plain).actions == ()
    assert kinds(decided(promoting(Stage.REMOVE_CANARY, 0.0), **plain)) == ["RemoveCanary"]
    leaving = {**plain, "canary": CanaryState(pods=1)}
    assert stage_after(Stage.REMOVE_CANARY, 0.0, **leaving) is Stage.REMOVE_CANARY
    gone = {**plain, "canary": CanaryState()}
    assert stage_after(Stage.REMOVE_CANARY, 0.0, **gone) is Stage.REMOVE_BACK_ENDS
    assert kinds(decided(promoting(Stage.REMOVE_BACK_ENDS, 0.0), **gone)) == ["RemoveBackEnds"]
    end = recorded(decided(promoting(Stage.REMOVE_BACK_ENDS, 0.0), **{**gone, "back_ends": BackEnds()}))
    assert (end.phase, end.finished_at) == (Phase.SUCCEEDED, NOW)


def test_a_deployment_scaled_to_nothing_can_still_be_promoted() -> None:
    nothing: dict[str, Any] = {
        "workload": workload(rolled_out=True, replicas=0),
        "stable": stable_set(CANARY, replicas=0, ready=0),
    }
    empty = BackEnds(exist=True, partly=True, stable_hash=f"pod-{CANARY}", stable_ready=0)
    assert stage_after(Stage.SETTLE, **nothing, back_ends=empty) is Stage.SHIFT_BACK


def test_a_rollout_kubernetes_gave_up_on_keeps_traffic_on_the_canary() -> None:
    stuck = decided(promoting(Stage.ROLL_OUT), canary=FOUR, workload=workload(paused=False, stuck=True))
    assert (recorded(stuck).phase, recorded(stuck).reason) == (Phase.STALLED, "RolloutStuck")
    assert touching(stuck) == []
    stalled = release(Phase.STALLED, weight=100.0)
    assert decided(stalled, canary=FOUR, workload=workload(paused=False, stuck=True)).actions == ()
    on = recorded(decided(stalled, canary=FOUR, workload=workload(paused=False)))
    assert (on.phase, on.stage) == (Phase.PROMOTING, Stage.ROLL_OUT)


@pytest.mark.parametrize("stage", [Stage.ROLL_OUT, Stage.SETTLE])
@pytest.mark.parametrize("template", [THIRD, STABLE])
def test_a_template_edited_during_the_rollout_is_stopped_at_once(stage: Stage, template: str) -> None:
    decision = decided(promoting(stage), canary=FOUR, workload=workload(template, paused=False))
    assert (recorded(decision).phase, recorded(decision).stage) == (Phase.PROMOTING, Stage.ROLL_OUT)
    assert only(decision, PauseDeployment).paused
    later = decided(release(Phase.STALLED, weight=100.0), canary=FOUR, workload=workload(template, paused=False))
    assert only(later, PauseDeployment).paused


@pytest.mark.parametrize("verb", ["retry", "resume", "approve"])
def test_a_person_can_have_a_stalled_rollout_tried_again(verb: Any) -> None:
    stalled = release(Phase.STALLED, weight=100.0, intents=[Intent(verb=verb, by="ann")])
    decision = decided(stalled, canary=FOUR, workload=workload(paused=False, stuck=True))
    assert (recorded(decision).phase, recorded(decision).stage) == (Phase.PROMOTING, Stage.ROLL_OUT)
    assert recorded(decision).intents_done == 1


def test_a_stalled_rollout_cannot_be_aborted_any_more() -> None:
    stalled = release(Phase.STALLED, weight=100.0, intents=[Intent(verb="abort")])
    decision = decided(stalled, canary=FOUR, workload=workload(paused=False, stuck=True))
    assert recorded(decision).phase is Phase.STALLED
    assert "too late" in only(decision, Announce).message


@pytest.mark.parametrize(
    ("phase", "stage", "own"),
    [
        (Phase.PROMOTING, Stage.ROLL_OUT, workload(paused=False)),
        (Phase.PROMOTING, Stage.SETTLE, DONE),
        (Phase.STALLED, Stage.NONE, workload(paused=False, stuck=True)),
    ],
)
def test_while_stable_pods_are_replaced_somebody_always_serves(phase: Phase, stage: Stage, own: Any) -> None:
    record = release(phase, stage, weight=100.0, step=1)
    drifted = decided(record, canary=FOUR, workload=own, stable=NEW, route=RouteState(weight=50.0))
    assert only(drifted, SetWeight).weight == 100
    small = CanaryState(exists=True, of_release=RELEASE, replicas=2, ready=2, pods=2)
    assert only(decided(record, canary=small, workload=own, stable=NEW), EnsureCanary).replicas == 4
    lost = decided(record, canary=LOST, workload=own, stable=NEW)
    assert kinds(lost) == ["RestoreRoute", "Announce"]
    assert recorded(lost).traffic.desired_weight is None
    on_its_own = decided(record, canary=LOST, workload=own, stable=NEW, route=RouteState())
    assert "SetWeight" not in kinds(on_its_own)
