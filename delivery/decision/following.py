"""The route says what was asked for, and the mesh says that it does not follow it (yet): waited for, within a bound."""

from __future__ import annotations

from delivery.decision.actions import Decision
from delivery.decision.phases import enter, note
from delivery.decision.snapshot import Snapshot
from delivery.decision.steps import same_weight
from delivery.decision.unwinding import WAIT_S, unwind
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Phase, ReleaseStatus

UNFOLLOWED = "RouteNotFollowed"


def await_mesh(
    snapshot: Snapshot, status: ReleaseStatus, weight: float, policy: DeliveryPolicySpec, now: float
) -> Decision | None:
    """Nothing more can be written: the mesh has until the readyDeadline. None where that is not what is wrong."""
    route = snapshot.route
    if not route.unfollowed or not route.fenced or not same_weight(route.weight, weight):
        return None
    noted, traffic = note(status, UNFOLLOWED, route.unfollowed), status.traffic
    if same_weight(traffic.verified_weight, weight):  # it did follow, and stopped: the time counts from here
        traffic = traffic.model_copy(update={"verified_weight": None})
        unverified = noted.model_copy(update={"traffic": traffic, "step_since": None})
        return Decision(enter(unverified, status.stage, now), again_after=WAIT_S)
    # A new leader's mark on the route is a change of it, which the mesh has yet to follow.
    waited = now - max(status.stage_since or now, snapshot.watch.since if snapshot.watch else 0.0)
    if waited > policy.strategy.canary.ready_deadline:
        message = f"{route.unfollowed}, for {waited:.0f} s (readyDeadline)"
        return unwind(status, Phase.ROLLED_BACK, UNFOLLOWED, message, now)
    return Decision(noted, again_after=WAIT_S)
