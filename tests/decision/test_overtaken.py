"""A newer template in the promotion window: stopped, put aside, and set again when the approved one is done."""

from __future__ import annotations

from typing import Any

from delivery.decision.actions import Announce, PauseDeployment, SetTemplate
from delivery.decision.snapshot import BackEnds, CanaryState
from delivery.resources.release import Deferred, Phase, Release, Stage
from tests.decision.given import CANARY, TEMPLATES, THIRD, decided, kinds, only, recorded, release, workload
from tests.decision.test_promoting import FOUR

PUT_ASIDE = Deferred(template=TEMPLATES[THIRD], template_hash=THIRD, put_back=1, open=True)


def rolling_out(**status: Any) -> Release:
    return release(Phase.PROMOTING, Stage.ROLL_OUT, weight=100.0, **status)


def test_it_is_remembered_before_the_rollout_is_paused() -> None:
    decision = decided(rolling_out(), canary=FOUR, workload=workload(THIRD, paused=False))
    assert recorded(decision).deferred == PUT_ASIDE
    assert decision.actions == (PauseDeployment(True, only(decision, PauseDeployment).reason),)


def test_then_the_approved_template_is_put_back_and_people_are_told() -> None:
    decision = decided(rolling_out(deferred=PUT_ASIDE), canary=FOUR, workload=workload(THIRD))
    assert kinds(decision) == ["SetTemplate", "Announce"]
    assert only(decision, SetTemplate).template == TEMPLATES[CANARY]
    assert only(decision, Announce).reason == "TemplateDeferred"
    assert recorded(decision).deferred == PUT_ASIDE  # a write that fails is no second edit


def test_the_rollout_goes_on_once_it_is_back() -> None:
    decision = decided(rolling_out(deferred=PUT_ASIDE), canary=FOUR, workload=workload())
    assert not only(decision, PauseDeployment).paused
    kept = recorded(decision).deferred
    assert kept is not None
    assert not kept.open


def test_who_sets_it_again_and_again_stalls_the_release() -> None:
    often = PUT_ASIDE.model_copy(update={"put_back": 3, "open": False})
    decision = decided(rolling_out(deferred=often), canary=FOUR, workload=workload(THIRD))
    assert (recorded(decision).phase, recorded(decision).reason) == (Phase.STALLED, "TemplateContested")


def test_it_is_set_again_before_the_release_ends() -> None:
    gone: dict[str, Any] = {"canary": CanaryState(), "back_ends": BackEnds()}
    ending = release(Phase.PROMOTING, Stage.REMOVE_BACK_ENDS, weight=None, deferred=PUT_ASIDE)
    decision = decided(ending, **gone)
    assert only(decision, SetTemplate).template == TEMPLATES[THIRD]
    assert recorded(decision).phase is Phase.PROMOTING
    done = decided(ending, **gone, workload=workload(THIRD))
    assert recorded(done).phase is Phase.SUCCEEDED
