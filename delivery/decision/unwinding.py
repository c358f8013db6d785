"""RollingBack: traffic off the canary first, read back; then pods, route and back ends, in the order that fails nobody.

A release that is superseded, bypassed or failed in mid-flight is unwound in the same way, to another final phase.
"""

from __future__ import annotations

from delivery.decision.actions import (
    Action,
    Announce,
    Decision,
    RemoveBackEnds,
    RemoveCanary,
    RestoreRoute,
    SetTemplate,
    SetWeight,
)
from delivery.decision.phases import enter, move
from delivery.decision.snapshot import Snapshot
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Phase, ReleaseStatus, Stage

WAIT_S = 0.25


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
    handlers = {
        Stage.WITHDRAW: _withdraw,
        Stage.REMOVE_CANARY: _remove_canary,
        Stage.RESTORE_ROUTE: _restore_route,
        Stage.REMOVE_BACK_ENDS: _remove_back_ends,
    }
    return handlers[status.stage](snapshot, status, policy, now)


def _withdraw(snapshot: Snapshot, status: ReleaseStatus, _policy: DeliveryPolicySpec, now: float) -> Decision:
    weight = snapshot.route.weight
    if weight is not None and weight > 0:
        return Decision(status, (SetWeight(0.0, status.reason),), again_after=WAIT_S)
    traffic = status.traffic.model_copy(update={"verified_weight": 0.0, "zero_weight_at": now})
    # After the emergency exit the pinned stable pods are being replaced: only the user's own route serves everybody.
    next_stage = Stage.RESTORE_ROUTE if _rolls_out_natively(snapshot) else Stage.REMOVE_CANARY
    return Decision(enter(status.model_copy(update={"traffic": traffic}), next_stage, now), again_after=0.0)


def _remove_canary(snapshot: Snapshot, status: ReleaseStatus, _policy: DeliveryPolicySpec, now: float) -> Decision:
    if _rolls_out_natively(snapshot) and snapshot.route.weight is not None:
        return Decision(enter(status, Stage.RESTORE_ROUTE, now), again_after=0.0)
    if snapshot.canary.exists and snapshot.canary.ours:
        return Decision(status, (RemoveCanary(status.reason),), again_after=WAIT_S)
    if snapshot.canary.pods:
        return Decision(status, again_after=WAIT_S)
    next_stage = Stage.REMOVE_BACK_ENDS if snapshot.route.weight is None else Stage.RESTORE_ROUTE
    return Decision(enter(status, next_stage, now), again_after=0.0)


def _restore_route(snapshot: Snapshot, status: ReleaseStatus, _policy: DeliveryPolicySpec, now: float) -> Decision:
    if snapshot.route.weight is not None:
        return Decision(status, (RestoreRoute(status.reason),), again_after=WAIT_S)
    canary_left = (snapshot.canary.exists and snapshot.canary.ours) or snapshot.canary.pods
    next_stage = Stage.REMOVE_CANARY if canary_left else Stage.REMOVE_BACK_ENDS
    return Decision(enter(status, next_stage, now), again_after=0.0)


def _remove_back_ends(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    if not snapshot.back_ends.gone:
        waited = now - (status.stage_since or now)
        if status.routes and waited < policy.strategy.canary.drain:
            return Decision(status, again_after=max(WAIT_S, policy.strategy.canary.drain - waited))
        return Decision(status, (RemoveBackEnds(status.reason),), again_after=WAIT_S)
    outcome = status.outcome or Phase.ROLLED_BACK
    finished = move(status, outcome, status.reason, status.message, now)
    return Decision(finished, _put_template_back(snapshot, policy, outcome))


def _put_template_back(snapshot: Snapshot, policy: DeliveryPolicySpec, outcome: Phase) -> tuple[Action, ...]:
    release, workload, stable = snapshot.release, snapshot.workload, snapshot.stable
    if policy.on_rollback != "restoreTemplate" or outcome is not Phase.ROLLED_BACK:
        return ()
    if release is None or workload is None or stable is None:
        return ()
    if workload.template_hash != release.spec.canary.template_hash:
        return ()
    return (SetTemplate(stable.template, "onRollback: restoreTemplate"),)


def _rolls_out_natively(snapshot: Snapshot) -> bool:
    return snapshot.workload is not None and not snapshot.workload.paused
