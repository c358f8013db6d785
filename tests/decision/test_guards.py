"""What ends a release in any phase, and which reason wins when several hold."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.decision.actions import Announce, SetWeight
from delivery.decision.guards import (
    GUARDS,
    aborted,
    asked_too_late,
    deployment_deleted,
    opted_out,
    release_deleted,
    scaled_to_zero,
    template_replaced,
    unpaused_by_hand,
)
from delivery.resources.annotations import FINALIZER
from delivery.resources.release import Intent, Phase, Stage
from tests.decision.given import STABLE, THIRD, decided, kinds, only, recorded, release, workload

EARLY = [
    (Phase.PENDING, Stage.NONE),
    (Phase.PREPARING, Stage.BACK_ENDS),
    (Phase.PREPARING, Stage.CANARY),
    (Phase.SHIFTING, Stage.NONE),
    (Phase.PAUSED, Stage.NONE),
    (Phase.PROMOTING, Stage.SHIFT_ALL),
]
LATE = [
    (Phase.PROMOTING, Stage.ROLL_OUT),
    (Phase.PROMOTING, Stage.SETTLE),
    (Phase.PROMOTING, Stage.REMOVE_CANARY),
    (Phase.STALLED, Stage.NONE),
    (Phase.ROLLING_BACK, Stage.REMOVE_CANARY),
]
ABORT = Intent(verb="abort", by="ann", reason="wrong ticket")
CAUSES: list[tuple[dict[str, Any], list[Intent], Phase, str]] = [
    ({"workload": None}, [], Phase.FAILED, "DeploymentDeleted"),
    ({"workload": workload(paused=False)}, [], Phase.BYPASSED, "UnpausedByHand"),
    ({"workload": workload(THIRD)}, [], Phase.SUPERSEDED, "TemplateReplaced"),
    ({"workload": workload(STABLE)}, [], Phase.SUPERSEDED, "TemplateReplaced"),
    ({}, [ABORT], Phase.ROLLED_BACK, "Aborted"),
]


@pytest.mark.parametrize(("phase", "stage"), EARLY)
@pytest.mark.parametrize(("seen", "intents", "outcome", "reason"), CAUSES)
def test_before_the_rollout_every_cause_withdraws_the_canary_first(
    phase: Phase, stage: Stage, seen: dict[str, Any], intents: list[Intent], outcome: Phase, reason: str
) -> None:
    decision = decided(release(phase, stage, intents=intents), **seen)
    status = recorded(decision)
    assert (status.phase, status.stage, status.outcome) == (Phase.ROLLING_BACK, Stage.WITHDRAW, outcome)
    assert status.reason == reason
    assert kinds(decision) == (["Announce"] if phase is Phase.PENDING else ["SetWeight", "Announce"])
    if phase is not Phase.PENDING:
        assert only(decision, SetWeight).weight == status.traffic.desired_weight == 0


@pytest.mark.parametrize(("phase", "stage"), LATE)
@pytest.mark.parametrize(("seen", "intents", "outcome", "reason"), CAUSES[1:])
def test_from_the_rollout_on_only_a_deletion_ends_it(
    phase: Phase, stage: Stage, seen: dict[str, Any], intents: list[Intent], outcome: Phase, reason: str
) -> None:
    assert recorded(decided(release(phase, stage, intents=intents, weight=None), **seen)).reason != reason


def test_a_deleted_deployment_ends_a_promotion_too() -> None:
    for phase, stage in LATE[:-1]:
        assert recorded(decided(release(phase, stage), workload=None)).outcome is Phase.FAILED


def test_the_guards_are_asked_in_this_order() -> None:
    assert list(GUARDS) == [
        deployment_deleted,
        release_deleted,
        unpaused_by_hand,
        template_replaced,
        opted_out,
        scaled_to_zero,
        aborted,
        asked_too_late,
    ]
    everything = workload(THIRD, paused=False)
    assert recorded(decided(release(intents=[ABORT]), workload=None)).outcome is Phase.FAILED
    assert recorded(decided(release(intents=[ABORT]), workload=everything)).outcome is Phase.BYPASSED
    assert recorded(decided(release(intents=[ABORT]), workload=workload(THIRD))).outcome is Phase.SUPERSEDED


def test_who_aborted_and_why_is_kept() -> None:
    status = recorded(decided(release(intents=[ABORT])))
    assert status.message == "aborted by ann: wrong ticket"
    assert status.intents_done == 1


def test_an_abort_is_heard_behind_other_wishes_and_settles_them() -> None:
    wishes = [Intent(verb="pause"), Intent(verb="resume"), ABORT]
    assert recorded(decided(release(Phase.PREPARING, Stage.CANARY, intents=wishes))).intents_done == 3


def test_an_abort_that_was_answered_is_not_heard_again() -> None:
    assert recorded(decided(release(intents=[ABORT], intents_done=1))).phase is Phase.SHIFTING


def test_a_replaced_template_is_told_from_the_stable_one_put_back() -> None:
    newer = only(decided(release(), workload=workload(THIRD)), Announce)
    assert newer.message == "a newer template came (web:3)"
    assert not newer.warning
    assert only(decided(release(), workload=workload(STABLE)), Announce).message == "the stable template was put back"


def test_a_release_that_is_deleted_withdraws_its_canary_before_it_is_let_go() -> None:
    going = release().model_copy(update={"deleting": True, "finalizers": (FINALIZER,)})
    decision = decided(going)
    assert (recorded(decision).phase, recorded(decision).reason) == (Phase.ROLLING_BACK, "ReleaseDeleted")
    assert decision.actions[0] == SetWeight(0.0, "ReleaseDeleted")


def test_taking_the_annotation_off_withdraws_the_canary() -> None:
    status = recorded(decided(release(), opted_in=False))
    assert (status.phase, status.reason, status.outcome) == (Phase.ROLLING_BACK, "OptedOut", Phase.ROLLED_BACK)
    rolls_out = release(Phase.PROMOTING, Stage.ROLL_OUT, weight=100.0)
    assert recorded(decided(rolls_out, opted_in=False)).phase is Phase.PROMOTING


def test_scaling_to_nothing_ends_the_comparison_and_the_template_waits() -> None:
    status = recorded(decided(release(), workload=workload(replicas=0)))
    assert (status.reason, status.outcome) == ("ScaledToZero", Phase.SUPERSEDED)


def test_a_wish_that_comes_too_late_is_refused_in_words() -> None:
    decision = decided(release(Phase.PROMOTING, Stage.ROLL_OUT, weight=100.0, intents=[ABORT]))
    assert recorded(decision).intents_done == 1
    assert recorded(decision).phase is Phase.PROMOTING
    assert "too late" in only(decision, Announce).message
