"""Outside edits of the split: put right a few times, then people are asked."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.decision.actions import Announce, SetWeight
from delivery.decision.contest import CONTESTED, EDITS_ALLOWED, WITHIN_S
from delivery.decision.snapshot import RouteState
from delivery.resources.release import Intent, Phase, Release, Traffic
from tests.decision.given import NOW, decided, kinds, only, recorded, release

EDITED = RouteState(weight=30.0, editor="argocd-controller")


def corrected(*ago: float, phase: Phase = Phase.SHIFTING, **more: Any) -> Release:
    """A release at 5 % whose split was put right so many seconds ago."""
    traffic = Traffic(desired_weight=5.0, verified_weight=5.0, corrections=tuple(NOW - seconds for seconds in ago))
    return release(phase, traffic=traffic, **more)


def test_an_edit_is_put_right_once_and_told() -> None:
    decision = decided(corrected(), route=EDITED)
    assert only(decision, SetWeight).weight == 5.0
    assert only(decision, Announce).message == "the route's split was edited by argocd-controller and is put right"
    status = recorded(decision)
    assert status.traffic.corrections == (NOW,)
    assert status.traffic.verified_weight is None  # the same edit, seen again before it is gone, is not another one
    again = decided(release(traffic=status.traffic), route=EDITED)
    assert kinds(again) == ["SetWeight"]


def test_one_more_edit_after_several_pauses_and_says_which_field_to_leave_alone() -> None:
    decision = decided(corrected(*range(10, 10 + EDITS_ALLOWED)), route=EDITED)
    status = recorded(decision)
    assert (status.phase, status.reason) == (Phase.PAUSED, CONTESTED)
    assert "argocd-controller" in status.message
    assert "let it ignore .spec.http[].route " in status.message
    assert kinds(decision) == ["Announce"]


def test_edits_long_ago_are_forgotten() -> None:
    decision = decided(corrected(*[WITHIN_S + 1] * EDITS_ALLOWED), route=EDITED)
    assert recorded(decision).phase is Phase.SHIFTING


def test_a_paused_release_that_is_contested_leaves_the_route_alone() -> None:
    assert recorded(decided(corrected(1, 2, 3, phase=Phase.PAUSED), route=EDITED)).reason == CONTESTED
    contested = corrected(1, 2, 3, phase=Phase.PAUSED, reason=CONTESTED)
    assert kinds(decided(contested, route=EDITED)) == []


def test_resuming_counts_edits_anew() -> None:
    contested = corrected(1, 2, 3, phase=Phase.PAUSED, reason=CONTESTED, intents=[Intent(verb="resume")])
    status = recorded(decided(contested, route=EDITED))
    assert (status.phase, status.traffic.corrections) == (Phase.SHIFTING, ())


@pytest.mark.parametrize("weight", [0.0, 5.0])
def test_a_route_that_a_former_leader_wrote_last_is_fenced_and_that_is_no_edit(weight: float) -> None:
    traffic = Traffic(desired_weight=weight, verified_weight=weight, first_weight_at=NOW - 20)
    decision = decided(release(traffic=traffic), route=RouteState(weight=weight, fenced=False))
    assert recorded(decision).traffic.corrections == ()
    assert only(decision, SetWeight).weight in {weight, 5.0}
