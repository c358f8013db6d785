"""RollingBack: traffic off the canary first, read back; then pods, route and back ends, in the order that fails nobody.

A release that is superseded, bypassed or failed in mid-flight is unwound in the same way, to another final phase.
"""

from __future__ import annotations

from delivery.decision.actions import (
    Action,
    Announce,
    Decision,
    FenceRoute,
    LetGo,
    RemoveBackEnds,
    RemoveCanary,
    RestoreRoute,
    SetTemplate,
    SetWeight,
)
from delivery.decision.phases import MOVES, enter, move
from delivery.decision.snapshot import Snapshot
from delivery.decision.traffic import steer
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Phase, ReleaseStatus, Stage

WAIT_S = 1.0  # what is waited for is watched, and wakes the next pass by itself; this is for what was missed
PUT_BACK_FOR_S = 60.0  # after that somebody else keeps setting the template, and theirs it is


def unwind(status: ReleaseStatus, outcome: Phase, reason: str, message: str, now: float) -> Decision:
    """Begin to withdraw the canary; the Release will end as `outcome`. The first write is weight 0."""
    traffic = status.traffic.model_copy(update={"desired_weight": 0.0 if status.routes else None})
    moved = move(status, Phase.ROLLING_BACK, reason, message, now)
    moved = moved.model_copy(update={"outcome": outcome, "traffic": traffic})
    withdraw: tuple[Action, ...] = (SetWeight(0.0, reason),) if status.routes else ()
    announced = Announce(reason, message, warning=outcome is not Phase.SUPERSEDED)
    return Decision(moved, (*withdraw, announced), again_after=WAIT_S)


def continue_unwinding(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    """The next thing that RollingBack asks for."""
    exempt = _rolls_out_natively(snapshot) and status.stage is not Stage.WITHDRAW
    if (snapshot.route.weight or 0.0) > 0 and not exempt:  # at any stage: somebody may have put the weight back
        status, withdraw = steer(status, 0.0, status.reason)
        return Decision(status, (withdraw,), again_after=WAIT_S)
    if status.stage is Stage.WITHDRAW and not snapshot.route.fenced:
        # The weight is 0, and a former leader may still be about to raise it: after this write it cannot.
        return Decision(status, (FenceRoute(status.reason),), again_after=WAIT_S)
    handlers = {
        Stage.WITHDRAW: _withdraw,
        Stage.REMOVE_CANARY: _remove_canary,
        Stage.RESTORE_ROUTE: _restore_route,
        Stage.REMOVE_BACK_ENDS: _remove_back_ends,
    }
    return handlers[status.stage](snapshot, status, policy, now)


def _withdraw(snapshot: Snapshot, status: ReleaseStatus, _policy: DeliveryPolicySpec, now: float) -> Decision:
    traffic = status.traffic.model_copy(update={"verified_weight": 0.0, "zero_weight_at": now})
    # After the emergency exit the pinned stable pods are being replaced: only the user's own route serves everybody.
    next_stage = Stage.RESTORE_ROUTE if _rolls_out_natively(snapshot) else Stage.REMOVE_CANARY
    return Decision(enter(status.model_copy(update={"traffic": traffic}), next_stage, now), again_after=0.0)


def _remove_canary(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    if _rolls_out_natively(snapshot) and _route_is_ours(snapshot):
        return Decision(enter(status, Stage.RESTORE_ROUTE, now), again_after=0.0)
    if snapshot.canary.exists and snapshot.canary.ours:
        left = _drain_left(status, policy, now)
        if status.traffic.first_weight_at is not None and left > 0:
            return Decision(status, again_after=max(WAIT_S, left))
        return Decision(status, (RemoveCanary(status.reason),), again_after=WAIT_S)
    if snapshot.canary.pods:
        return Decision(status, again_after=WAIT_S)
    next_stage = Stage.RESTORE_ROUTE if _route_is_ours(snapshot) else Stage.REMOVE_BACK_ENDS
    return Decision(enter(status, next_stage, now), again_after=0.0)


def _restore_route(snapshot: Snapshot, status: ReleaseStatus, _policy: DeliveryPolicySpec, now: float) -> Decision:
    if _route_is_ours(snapshot):
        return Decision(status, (RestoreRoute(status.reason),), again_after=WAIT_S)
    canary_left = (snapshot.canary.exists and snapshot.canary.ours) or snapshot.canary.pods
    next_stage = Stage.REMOVE_CANARY if canary_left else Stage.REMOVE_BACK_ENDS
    return Decision(enter(status, next_stage, now), again_after=0.0)


def _remove_back_ends(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    if not snapshot.back_ends.gone:
        left = _drain_left(status, policy, now)
        if status.routes and left > 0:
            return Decision(status, again_after=max(WAIT_S, left))
        return Decision(status, (RemoveBackEnds(status.reason),), again_after=WAIT_S)
    outcome = status.outcome if status.outcome in MOVES[Phase.ROLLING_BACK] else Phase.ROLLED_BACK
    put_back = _template_to_put_back(snapshot, policy, outcome)
    if put_back and now - (status.stage_since or now) < policy.strategy.canary.drain + PUT_BACK_FOR_S:
        return Decision(status, (put_back,), again_after=WAIT_S)  # before the end, or a crash would forget it
    return ended(snapshot, move(status, outcome, status.reason, status.message, now))


def ended(snapshot: Snapshot, status: ReleaseStatus) -> Decision:
    """The Release has its final phase; only now may its record be deleted."""
    release = snapshot.release
    actions = (LetGo(release.name, "the Release has ended"),) if release and release.held else ()
    return Decision(status, actions, again_after=0.0)


def _route_is_ours(snapshot: Snapshot) -> bool:
    return snapshot.route.weight is not None or snapshot.route.marked


def _drain_left(status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> float:
    """Seconds for which proxies may still send by what they last heard; counted from the present stage's begin."""
    return policy.strategy.canary.drain - (now - (status.stage_since or now))


def _template_to_put_back(snapshot: Snapshot, policy: DeliveryPolicySpec, outcome: Phase) -> SetTemplate | None:
    release, workload, stable = snapshot.release, snapshot.workload, snapshot.stable
    if policy.on_rollback != "restoreTemplate" or outcome is not Phase.ROLLED_BACK:
        return None
    if release is None or workload is None or stable is None:
        return None
    if workload.template_hash != release.spec.canary.template_hash:
        return None
    return SetTemplate(stable.template, "onRollback: restoreTemplate")


def _rolls_out_natively(snapshot: Snapshot) -> bool:
    return snapshot.workload is not None and not snapshot.workload.paused
