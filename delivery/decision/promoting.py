"""Promoting and Stalled: Kubernetes' own rolling update behind a canary that carries all the traffic."""

from __future__ import annotations

from delivery.decision.actions import (
    Announce,
    Decision,
    EnsureBackEnds,
    PauseDeployment,
    RemoveBackEnds,
    RemoveCanary,
    RestoreRoute,
    SetWeight,
)
from delivery.decision.phases import enter, move
from delivery.decision.preparing import settled
from delivery.decision.shifting import carry_weight, rolled_back_on_evidence
from delivery.decision.snapshot import Snapshot
from delivery.decision.steps import FULL, same_weight
from delivery.decision.unwinding import WAIT_S
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Phase, ReleaseStatus, Stage


def promote(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    """The next thing that Promoting asks for."""
    handlers = {
        Stage.SHIFT_ALL: _shift_all,
        Stage.ROLL_OUT: _roll_out,
        Stage.SETTLE: _settle,
        Stage.SHIFT_BACK: _shift_back,
        Stage.RESTORE_ROUTE: _restore_route,
        Stage.REMOVE_CANARY: _remove_canary,
        Stage.REMOVE_BACK_ENDS: _remove_back_ends,
    }
    return handlers[status.stage](snapshot, status, policy, now)


def wait_for_a_person(snapshot: Snapshot, status: ReleaseStatus, _policy: DeliveryPolicySpec, now: float) -> Decision:
    """Stalled: traffic stays on the approved canary. Goes on by itself once the rollout can finish."""
    workload = snapshot.workload
    if workload and _judged(snapshot) and not workload.stuck:
        resumed = move(status, Phase.PROMOTING, "Resumed", "the rollout goes on", now)
        return Decision(enter(resumed, Stage.ROLL_OUT, now), again_after=0.0)
    if workload and not _judged(snapshot) and not workload.paused:
        return Decision(status, (PauseDeployment(True, "a template that was not judged must not roll out"),), 1.0)
    return Decision(status, again_after=1.0)


def _shift_all(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    condemned = rolled_back_on_evidence(snapshot.look, status, now)
    if condemned:
        return condemned
    carrying = carry_weight(snapshot, status, FULL, policy, now)
    if carrying:
        return carrying
    traffic = status.traffic.model_copy(update={"verified_weight": FULL, "max_weight": FULL})
    return Decision(enter(status.model_copy(update={"traffic": traffic}), Stage.ROLL_OUT, now), again_after=0.0)


def _roll_out(snapshot: Snapshot, status: ReleaseStatus, _policy: DeliveryPolicySpec, now: float) -> Decision:
    workload = snapshot.workload
    if workload is None or not _judged(snapshot):
        return _stall(status, "TemplateChanged", "the template was edited during the promotion; put it back", now)
    if workload.paused:
        return Decision(status, (PauseDeployment(False, "Kubernetes' own rolling update"),), again_after=WAIT_S)
    if workload.stuck:
        return _stall(status, "RolloutStuck", "Kubernetes gave up on the rollout (progressDeadlineSeconds)", now)
    if workload.rolled_out:
        return Decision(enter(status, Stage.SETTLE, now), again_after=0.0)
    return Decision(status, again_after=WAIT_S)


def _settle(snapshot: Snapshot, status: ReleaseStatus, _policy: DeliveryPolicySpec, now: float) -> Decision:
    workload, stable = snapshot.workload, snapshot.stable
    if workload is None or not _judged(snapshot):
        return _stall(status, "TemplateChanged", "the template was edited during the promotion; put it back", now)
    if not workload.paused:
        return Decision(status, (PauseDeployment(True, "the next template waits for its release"),), WAIT_S)
    if stable is None or stable.template_hash != workload.template_hash:
        return Decision(status, again_after=WAIT_S)
    if snapshot.back_ends.stable_hash != stable.pod_template_hash:
        ensure = EnsureBackEnds(stable.pod_template_hash, "stable is the new version now")
        return Decision(enter(status, Stage.SETTLE, now), (ensure,), again_after=WAIT_S)
    if snapshot.back_ends.stable_ready < max(1, stable.ready) or not settled(status, now):
        return Decision(status, again_after=WAIT_S)
    traffic = status.traffic.model_copy(update={"desired_weight": 0.0})
    return Decision(enter(status.model_copy(update={"traffic": traffic}), Stage.SHIFT_BACK, now), again_after=0.0)


def _shift_back(snapshot: Snapshot, status: ReleaseStatus, _policy: DeliveryPolicySpec, now: float) -> Decision:
    weight = snapshot.route.weight
    if weight is not None and not same_weight(weight, 0.0):
        return Decision(status, (SetWeight(0.0, "traffic back to the stable name"),), again_after=WAIT_S)
    traffic = status.traffic.model_copy(update={"verified_weight": 0.0, "zero_weight_at": now})
    return Decision(enter(status.model_copy(update={"traffic": traffic}), Stage.RESTORE_ROUTE, now), again_after=0.0)


def _restore_route(snapshot: Snapshot, status: ReleaseStatus, _policy: DeliveryPolicySpec, now: float) -> Decision:
    if snapshot.route.weight is not None:
        return Decision(status, (RestoreRoute("promoted"),), again_after=WAIT_S)
    return Decision(enter(status, Stage.REMOVE_CANARY, now), again_after=0.0)


def _remove_canary(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    waited, drain = now - (status.stage_since or now), policy.strategy.canary.drain
    if snapshot.canary.exists and snapshot.canary.ours:
        if waited < drain:
            return Decision(status, again_after=max(WAIT_S, drain - waited))
        return Decision(status, (RemoveCanary("promoted"),), again_after=WAIT_S)
    if snapshot.canary.pods:
        return Decision(status, again_after=WAIT_S)
    return Decision(enter(status, Stage.REMOVE_BACK_ENDS, now), again_after=0.0)


def _remove_back_ends(snapshot: Snapshot, status: ReleaseStatus, _policy: DeliveryPolicySpec, now: float) -> Decision:
    if not snapshot.back_ends.gone:
        return Decision(status, (RemoveBackEnds("promoted"),), again_after=WAIT_S)
    message = "promoted: every pod runs the new version and the route is as it was"
    return Decision(move(status, Phase.SUCCEEDED, "Promoted", message, now), (Announce("Succeeded", message),))


def _judged(snapshot: Snapshot) -> bool:
    workload, release = snapshot.workload, snapshot.release
    return bool(workload and release and workload.template_hash == release.spec.canary.template_hash)


def _stall(status: ReleaseStatus, reason: str, message: str, now: float) -> Decision:
    stalled = move(status, Phase.STALLED, reason, f"{message}; traffic stays on the approved canary", now)
    return Decision(stalled, (Announce(reason, stalled.message, warning=True),), again_after=0.0)
