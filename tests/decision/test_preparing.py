"""Pending and Preparing: back ends, the split at 0 %, then pods; no request reaches a canary."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.decision.actions import EnsureBackEnds, EnsureCanary, SetWeight
from delivery.decision.snapshot import BackEnds, CanaryState, RouteState
from delivery.resources.release import Phase, Release, Stage, SubsetsRecord
from tests.decision.given import (
    NOW,
    RELEASE,
    ROUTE,
    STABLE,
    decided,
    kinds,
    only,
    policy,
    recorded,
    release,
    stable_set,
    touching,
)

OLD = NOW - 31  # the readyDeadline is 30 s


def preparing(stage: Stage, *, since: float = NOW - 2, **fields: Any) -> Release:
    return release(Phase.PREPARING, stage, **{"weight": 0.0, "stage_since": since, **fields})


def test_a_pending_release_starts_and_says_what_it_will_do() -> None:
    decision = decided(release(Phase.PENDING, weight=None), canary=CanaryState(), back_ends=BackEnds())
    status = recorded(decision)
    assert (status.phase, status.stage, status.progress) == (Phase.PREPARING, Stage.BACK_ENDS, "1/2")
    assert "steps 5 %, 50 %" in status.message
    assert touching(decision) == []


@pytest.mark.parametrize(
    ("seen", "name"),
    [
        ({"back_ends": BackEnds(foreign=("web-stable",))}, "Service web-stable"),
        ({"canary": CanaryState(exists=True, ours=False)}, "Deployment web-canary"),
    ],
)
def test_a_name_that_is_somebody_elses_fails_the_release_and_is_left_alone(seen: dict[str, Any], name: str) -> None:
    pending = decided(release(Phase.PENDING, weight=None), **seen)
    assert (recorded(pending).phase, recorded(pending).reason) == (Phase.FAILED, "NameTaken")
    assert name in recorded(pending).message
    assert touching(pending) == []
    later = recorded(decided(preparing(Stage.BACK_ENDS, weight=None, routes=()), **seen))
    assert (later.phase, later.outcome) == (Phase.ROLLING_BACK, Phase.FAILED)


@pytest.mark.parametrize(
    "back_ends", [BackEnds(), BackEnds(exist=True, partly=True, stable_hash="other", stable_ready=4)]
)
def test_the_stable_pods_get_a_name_of_their_own_first(back_ends: BackEnds) -> None:
    decision = decided(preparing(Stage.BACK_ENDS), back_ends=back_ends)
    assert kinds(decision) == ["EnsureBackEnds"]
    assert only(decision, EnsureBackEnds).stable_hash == f"pod-{STABLE}"


def test_the_split_waits_until_every_stable_pod_is_behind_that_name() -> None:
    few = BackEnds(exist=True, partly=True, stable_hash=f"pod-{STABLE}", stable_ready=3)
    assert recorded(decided(preparing(Stage.BACK_ENDS), back_ends=few)).stage is Stage.BACK_ENDS
    assert recorded(decided(preparing(Stage.BACK_ENDS))).stage is Stage.ROUTE


def test_the_route_is_recorded_before_it_is_split_at_nothing() -> None:
    seen = RouteState(records=(ROUTE.model_dump(),))
    decision = decided(preparing(Stage.ROUTE, weight=None, routes=()), route=seen)
    assert recorded(decision).routes == (ROUTE,)
    assert only(decision, SetWeight).weight == recorded(decision).traffic.desired_weight == 0
    assert kinds(decision) == ["SetWeight"]


def test_the_split_waits_for_proxies_to_hear_of_the_new_names() -> None:
    decision = decided(preparing(Stage.ROUTE, since=NOW - 0.5, weight=None), route=RouteState())
    assert decision.actions == ()


def test_no_canary_pod_before_the_split_was_read_back() -> None:
    assert recorded(decided(preparing(Stage.ROUTE), route=RouteState(weight=None))).stage is Stage.ROUTE
    assert recorded(decided(preparing(Stage.ROUTE), route=RouteState(weight=0.0))).stage is Stage.CANARY


def test_a_route_that_cannot_be_split_fails_the_release() -> None:
    seen = RouteState(problem="VirtualService shop/web: spec.http is empty")
    status = recorded(decided(preparing(Stage.ROUTE, weight=None, routes=()), route=seen))
    assert (status.outcome, status.reason) == (Phase.FAILED, "RouteInvalid")
    assert "spec.http" in status.message


def test_the_canary_gets_the_first_steps_pods() -> None:
    made = only(decided(preparing(Stage.CANARY), canary=CanaryState(), stable=stable_set(replicas=60)), EnsureCanary)
    assert made.replicas == 3
    half = preparing(Stage.CANARY, spec=policy(steps=[50]))
    assert only(decided(half), EnsureCanary).replicas == 2


def test_a_canary_of_another_template_is_not_taken_for_this_one() -> None:
    left_over = CanaryState(exists=True, of_release="web-earlier", replicas=1, ready=1, pods=1)
    decision = decided(preparing(Stage.CANARY), canary=left_over)
    assert kinds(decision) == ["EnsureCanary"]
    assert recorded(decision).phase is Phase.PREPARING


def test_shifting_begins_when_every_canary_pod_is_ready() -> None:
    waiting = CanaryState(exists=True, of_release=RELEASE, replicas=1, ready=0, pods=1)
    assert recorded(decided(preparing(Stage.CANARY), canary=waiting)).phase is Phase.PREPARING
    decision = decided(preparing(Stage.CANARY))
    assert recorded(decision).phase is Phase.SHIFTING
    assert touching(decision) == []


def test_a_split_that_somebody_undid_is_made_again_while_the_canary_starts() -> None:
    decision = decided(preparing(Stage.CANARY), route=RouteState(weight=None))
    assert only(decision, SetWeight).weight == 0


@pytest.mark.parametrize(
    ("stage", "seen", "reason"),
    [
        (Stage.BACK_ENDS, {"stable": None}, "StableMissing"),
        (Stage.BACK_ENDS, {"back_ends": BackEnds(True, True, (), f"pod-{STABLE}", 0)}, "StableNotReady"),
        (Stage.ROUTE, {"route": RouteState()}, "RouteNotFollowed"),
        (Stage.CANARY, {"route": RouteState()}, "RouteNotFollowed"),
        (Stage.CANARY, {"canary": CanaryState(True, True, RELEASE, 1, 0, 1)}, "CanaryNotReady"),
    ],
)
def test_no_stage_waits_longer_than_the_ready_deadline(stage: Stage, seen: dict[str, Any], reason: str) -> None:
    assert recorded(decided(preparing(stage), **seen)).phase is Phase.PREPARING
    late = recorded(decided(preparing(stage, since=OLD), **seen))
    assert (late.phase, late.outcome, late.reason) == (Phase.ROLLING_BACK, Phase.ROLLED_BACK, reason)
    assert "readyDeadline" in late.message


SUBSETS = SubsetsRecord(name="web", namespace="shop", own=("v1",))
FOUND = RouteState(records=(ROUTE.model_dump(),), mesh="istio", subsets=SUBSETS.model_dump())
SERVICES = BackEnds(exist=True, partly=True, stable_hash=f"pod-{STABLE}", stable_ready=4)


def test_subsets_are_made_and_waited_for_before_the_route_names_them() -> None:
    looking = decided(preparing(Stage.ROUTE, weight=None, routes=()), route=FOUND, back_ends=SERVICES)
    status = recorded(looking)
    assert (status.mesh, status.subsets, status.stage_since) == ("istio", SUBSETS, NOW)
    assert kinds(looking) == ["EnsureBackEnds"]
    begun: dict[str, Any] = {"weight": None, "routes": (ROUTE,), "subsets": SUBSETS}
    lacking = BackEnds(exist=False, partly=True, stable_hash=f"pod-{STABLE}", stable_ready=4)
    assert only(decided(preparing(Stage.ROUTE, **begun), back_ends=lacking), EnsureBackEnds).stable_hash == (
        f"pod-{STABLE}"
    )
    assert only(decided(preparing(Stage.ROUTE, **begun), back_ends=SERVICES, route=RouteState()), SetWeight).weight == 0


def test_subsets_are_made_first_however_soon_proxies_hear() -> None:
    at_once = {**policy(), "mesh": {"propagationDelay": "0s"}}
    looking = decided(preparing(Stage.ROUTE, weight=None, routes=(), spec=at_once), route=FOUND, back_ends=SERVICES)
    assert kinds(looking) == ["EnsureBackEnds"]


def test_how_long_proxies_take_to_hear_is_the_policys_to_say() -> None:
    slow = {**policy(), "mesh": {"propagationDelay": "5s"}}
    for since, waits in ((NOW - 4, True), (NOW - 6, False)):
        decision = decided(
            preparing(Stage.ROUTE, since=since, weight=None, routes=(), spec=slow),
            route=RouteState(records=(ROUTE.model_dump(),)),
        )
        assert (kinds(decision) == []) == waits


def test_a_split_that_the_mesh_does_not_follow_is_no_split() -> None:
    said = "HTTPRoute shop/web: Accepted is False (NoMatchingParent): there is no such Service"
    split = RouteState(weight=0.0, unfollowed=said)
    waiting = decided(preparing(Stage.ROUTE), route=split)
    assert recorded(waiting).stage is Stage.ROUTE
    late = recorded(decided(preparing(Stage.ROUTE, since=OLD), route=split))
    assert (late.phase, late.reason) == (Phase.ROLLING_BACK, "RouteNotFollowed")
    assert late.message.startswith(said)
