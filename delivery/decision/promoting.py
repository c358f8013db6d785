"""Promoting and Stalled: Kubernetes' own rolling update behind a canary that carries all the traffic."""

from __future__ import annotations

from dataclasses import replace

from delivery.decision.actions import (
    Announce,
    Decision,
    EnsureBackEnds,
    EnsureCanary,
    PauseDeployment,
    RemoveBackEnds,
    RemoveCanary,
    RestoreRoute,
)
from delivery.decision.phases import enter, move, note
from delivery.decision.preparing import settled
from delivery.decision.shifting import carry_weight, rolled_back_on_evidence
from delivery.decision.snapshot import Snapshot, Workload
from delivery.decision.steps import FULL, replicas_for, same_weight
from delivery.decision.traffic import steer
from delivery.decision.unwinding import WAIT_S, unwind
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
    return _keep_serving(snapshot, status) or Decision(status, again_after=1.0)


def _shift_all(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    condemned = rolled_back_on_evidence(snapshot.look, status, now)
    if condemned:
        return condemned
    carrying = carry_weight(snapshot, status, FULL, policy, now)
    waited = now - (status.stage_since or now)
    followed = not same_weight(status.traffic.desired_weight, FULL) or snapshot.canary.ready == 0
    if carrying and not followed and waited > policy.strategy.canary.ready_deadline:
        message = snapshot.route.problem or f"the mesh does not carry {FULL:g} % after {waited:.0f} s (readyDeadline)"
        return unwind(status, Phase.ROLLED_BACK, "RouteNotFollowed", message, now)
    if carrying:
        return carrying
    traffic = status.traffic.model_copy(update={"verified_weight": FULL, "max_weight": FULL})
    return Decision(enter(status.model_copy(update={"traffic": traffic}), Stage.ROLL_OUT, now), again_after=0.0)


def _roll_out(snapshot: Snapshot, status: ReleaseStatus, _policy: DeliveryPolicySpec, now: float) -> Decision:
    workload = snapshot.workload
    if workload is None or not _judged(snapshot):
        return _template_changed(snapshot, status, now)
    serving = _keep_serving(snapshot, status)
    if serving:
        return serving
    if workload.paused:
        return Decision(status, (PauseDeployment(False, "Kubernetes' own rolling update"),), again_after=WAIT_S)
    if workload.stuck:
        return _stall(status, "RolloutStuck", "Kubernetes gave up on the rollout (progressDeadlineSeconds)", now)
    if workload.rolled_out:
        return Decision(enter(status, Stage.SETTLE, now), again_after=0.0)
    return Decision(status, again_after=WAIT_S)


def _settle(snapshot: Snapshot, status: ReleaseStatus, _policy: DeliveryPolicySpec, now: float) -> Decision:
    workload = snapshot.workload
    if workload is None or not _judged(snapshot):
        return _template_changed(snapshot, status, now)
    if not workload.paused:
        return Decision(status, (PauseDeployment(True, "the next template waits for its release"),), WAIT_S)
    return _keep_serving(snapshot, status) or _name_the_new_stable(snapshot, status, workload, now)


def _name_the_new_stable(snapshot: Snapshot, status: ReleaseStatus, workload: Workload, now: float) -> Decision:
    stable = snapshot.stable
    if stable is None or stable.template_hash != workload.template_hash:
        return Decision(status, again_after=WAIT_S)
    if snapshot.back_ends.stable_hash != stable.pod_template_hash:
        ensure = EnsureBackEnds(stable.pod_template_hash, "stable is the new version now")
        return Decision(enter(status, Stage.SETTLE, now), (ensure,), again_after=WAIT_S)
    needed = max(min(1, workload.replicas), stable.ready)
    if snapshot.back_ends.stable_ready < needed or not settled(status, now):
        return Decision(status, again_after=WAIT_S)
    traffic = status.traffic.model_copy(update={"desired_weight": 0.0})
    return Decision(enter(status.model_copy(update={"traffic": traffic}), Stage.SHIFT_BACK, now), again_after=0.0)


def _shift_back(snapshot: Snapshot, status: ReleaseStatus, _policy: DeliveryPolicySpec, now: float) -> Decision:
    weight = snapshot.route.weight
    if weight is not None and not same_weight(weight, 0.0):
        status, back = steer(status, 0.0, "traffic back to the stable name")
        return Decision(status, (back,), again_after=WAIT_S)
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


def _keep_serving(snapshot: Snapshot, status: ReleaseStatus) -> Decision | None:
    """While Kubernetes replaces the stable pods, their pinned name empties: only the approved canary can serve.

    Should the canary's pods be lost, the user's own route is given back early: it reaches every pod, old and new.
    """
    canary, workload, weight = snapshot.canary, snapshot.workload, snapshot.route.weight
    if weight is None or workload is None:
        return None
    if canary.ready == 0:
        message = "the canary lost its ready pods during the promotion; the user's own route serves"
        traffic = status.traffic.model_copy(update={"desired_weight": None, "verified_weight": None})
        lost = note(status, "CanaryLost", message).model_copy(update={"traffic": traffic})
        return Decision(lost, (RestoreRoute(message), Announce("CanaryLost", message, True)), again_after=WAIT_S)
    if not same_weight(weight, FULL):
        status, again = steer(status, FULL, f"the mesh must carry {FULL:g} % during the promotion")
        return Decision(status, (again,), again_after=WAIT_S)
    size = replicas_for(FULL, workload.replicas)
    if canary.replicas < size:
        return Decision(status, (EnsureCanary(size, f"{size} for {FULL:g} %"),), again_after=WAIT_S)
    return None


def _judged(snapshot: Snapshot) -> bool:
    workload, release = snapshot.workload, snapshot.release
    return bool(workload and release and workload.template_hash == release.spec.canary.template_hash)


def _template_changed(snapshot: Snapshot, status: ReleaseStatus, now: float) -> Decision:
    stalled = _stall(status, "TemplateChanged", "the template was edited during the promotion; put it back", now)
    if snapshot.workload is None or snapshot.workload.paused:
        return stalled
    stop = PauseDeployment(True, "a template that was not judged must not roll out")
    return replace(stalled, actions=(stop, *stalled.actions))


def _stall(status: ReleaseStatus, reason: str, message: str, now: float) -> Decision:
    stalled = move(status, Phase.STALLED, reason, f"{message}; traffic stays on the approved canary", now)
    return Decision(stalled, (Announce(reason, stalled.message, warning=True),), again_after=0.0)
