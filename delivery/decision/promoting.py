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
from delivery.decision.following import UNFOLLOWED
from delivery.decision.intents import answered, by_whom, pending_intent, too_late
from delivery.decision.overtaken import (
    UNJUDGED,
    back_in_place,
    forgiven,
    is_judged,
    put_back_approved,
    set_again,
)
from delivery.decision.phases import enter, move, note
from delivery.decision.preparing import settled
from delivery.decision.shifting import BACK_ENDS_MISSING, back_ends_again, carry_weight, rolled_back_on_evidence
from delivery.decision.snapshot import Snapshot, Workload
from delivery.decision.steps import FULL, replicas_for, same_weight
from delivery.decision.traffic import steer
from delivery.decision.unwinding import WAIT_S, ended, unwind
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Intent, Phase, ReleaseStatus, Stage


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
    """Stalled: traffic stays where it is. Goes on by itself once the rollout can finish, or when a person asks."""
    workload, intent = snapshot.workload, pending_intent(snapshot, status)
    if intent:
        return _answer(intent, snapshot, status, now)
    if workload and is_judged(snapshot) and not workload.stuck:
        resumed = move(status, Phase.PROMOTING, "Resumed", "the rollout goes on", now)
        return Decision(enter(resumed, Stage.ROLL_OUT, now), again_after=0.0)
    if workload and not is_judged(snapshot) and not workload.paused:
        return Decision(status, (PauseDeployment(True, UNJUDGED),), again_after=0.0)
    return _keep_serving(snapshot, status) or Decision(status, again_after=1.0)


def _answer(intent: Intent, snapshot: Snapshot, status: ReleaseStatus, now: float) -> Decision:
    if intent.verb not in {"approve", "resume", "retry"}:
        return too_late(snapshot, status) or Decision(status)
    resumed = move(answered(status), Phase.PROMOTING, "Resumed", f"{intent.verb} given{by_whom(intent)}", now)
    return Decision(enter(forgiven(resumed), Stage.ROLL_OUT, now), again_after=0.0)


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
    if workload is None:
        return Decision(status)  # the guards have it
    if not is_judged(snapshot):
        return _overtaken(snapshot, status, workload, now)
    status = back_in_place(status)
    return _keep_serving(snapshot, status) or _follow_rollout(snapshot, status, workload, now)


def _follow_rollout(snapshot: Snapshot, status: ReleaseStatus, workload: Workload, now: float) -> Decision:
    if workload.paused:
        return Decision(status, (PauseDeployment(False, "Kubernetes' own rolling update"),), again_after=WAIT_S)
    if workload.stuck:
        message = "Kubernetes gave up on the rollout (progressDeadlineSeconds)"
        return _stall(snapshot, status, "RolloutStuck", message, now)
    if workload.rolled_out:
        return Decision(enter(status, Stage.SETTLE, now), again_after=0.0)
    return Decision(status, again_after=WAIT_S)


def _settle(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    workload = snapshot.workload
    if workload is None:
        return Decision(status)  # the guards have it
    if not workload.paused and not is_judged(snapshot):
        return Decision(enter(status, Stage.ROLL_OUT, now), (PauseDeployment(True, UNJUDGED),), again_after=0.0)
    if not workload.paused:
        return Decision(status, (PauseDeployment(True, "the next template waits for its release"),), WAIT_S)
    if snapshot.release and snapshot.release.spec.light:
        return Decision(enter(status, Stage.REMOVE_BACK_ENDS, now), again_after=0.0)
    if snapshot.back_ends.lost and snapshot.route.weight is None:  # nothing names them any more, nor can they be made
        return Decision(enter(status, Stage.SHIFT_BACK, now), again_after=0.0)
    # What has to be put back every proxy must hear of anew.
    status = status if snapshot.back_ends.exist else enter(status, Stage.SETTLE, now)
    return _keep_serving(snapshot, status) or _name_the_new_stable(snapshot, status, workload, policy, now)


def _name_the_new_stable(
    snapshot: Snapshot, status: ReleaseStatus, workload: Workload, policy: DeliveryPolicySpec, now: float
) -> Decision:
    stable, release = snapshot.stable, snapshot.release
    if stable is None or release is None or stable.template_hash != release.spec.canary.template_hash:
        return Decision(status, again_after=WAIT_S)
    if snapshot.back_ends.stable_hash != stable.pod_template_hash:
        ensure = EnsureBackEnds(stable.pod_template_hash, "stable is the new version now")
        return Decision(enter(status, Stage.SETTLE, now), (ensure,), again_after=WAIT_S)
    needed = max(min(1, workload.replicas), stable.ready)
    if snapshot.back_ends.stable_ready < needed or not settled(status, policy, now):
        return Decision(status, again_after=WAIT_S)
    traffic = status.traffic.model_copy(update={"desired_weight": 0.0})
    return Decision(enter(status.model_copy(update={"traffic": traffic}), Stage.SHIFT_BACK, now), again_after=0.0)


def _shift_back(snapshot: Snapshot, status: ReleaseStatus, _policy: DeliveryPolicySpec, now: float) -> Decision:
    weight = snapshot.route.weight
    if weight is not None and not snapshot.route.carries(0.0):
        status = note(status, UNFOLLOWED, snapshot.route.unfollowed) if snapshot.route.unfollowed else status
        status, back = steer(status, 0.0, "traffic back to the stable name")
        return Decision(status, (back,), again_after=WAIT_S)
    traffic = status.traffic.model_copy(update={"verified_weight": 0.0, "zero_weight_at": now})
    return Decision(enter(status.model_copy(update={"traffic": traffic}), Stage.RESTORE_ROUTE, now), again_after=0.0)


def _restore_route(snapshot: Snapshot, status: ReleaseStatus, _policy: DeliveryPolicySpec, now: float) -> Decision:
    if snapshot.route.weight is not None or snapshot.route.marked:
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
    newer = set_again(snapshot, status)
    if newer:
        return Decision(status, (newer,), again_after=WAIT_S)  # before the end, or a crash would forget it
    message = "promoted: every pod runs the new version and the route is as it was"
    done = ended(snapshot, move(status, Phase.SUCCEEDED, "Promoted", message, now))
    return replace(done, actions=(*done.actions, Announce("Succeeded", message)))


def _keep_serving(snapshot: Snapshot, status: ReleaseStatus) -> Decision | None:
    """While Kubernetes replaces the stable pods, their pinned name empties: only the approved canary can serve.

    Should the canary's pods be lost, the user's own route is given back early: it reaches every pod, old and new.
    """
    canary, workload, weight = snapshot.canary, snapshot.workload, snapshot.route.weight
    if weight is None or workload is None:
        return None
    if canary.ready == 0 or snapshot.back_ends.lost:
        reason = BACK_ENDS_MISSING if snapshot.back_ends.lost else "CanaryLost"
        what = snapshot.back_ends.lost or "the canary lost its ready pods during the promotion"
        message = f"{what}; the user's own route serves"
        traffic = status.traffic.model_copy(update={"desired_weight": None, "verified_weight": None})
        lost = note(status, reason, message).model_copy(update={"traffic": traffic})
        return Decision(lost, (RestoreRoute(message), Announce(reason, message, True)), again_after=WAIT_S)
    back_ends = back_ends_again(snapshot, status)
    if back_ends:
        return back_ends
    if not snapshot.route.carries(FULL):
        status, again = steer(status, FULL, f"the mesh must carry {FULL:g} % during the promotion")
        return Decision(status, (again,), again_after=WAIT_S)
    size = replicas_for(FULL, workload.replicas)
    if canary.replicas < size:
        return Decision(status, (EnsureCanary(size, f"{size} for {FULL:g} %"),), again_after=WAIT_S)
    return None


def _overtaken(snapshot: Snapshot, status: ReleaseStatus, workload: Workload, now: float) -> Decision:
    put_back = put_back_approved(snapshot, status, workload)
    if put_back:
        return put_back
    message = "a newer template is set again and again while the approved one rolls out; stop that, then resume"
    return _stall(snapshot, status, "TemplateContested", message, now)


def _stall(snapshot: Snapshot, status: ReleaseStatus, reason: str, message: str, now: float) -> Decision:
    where = "" if snapshot.route.weight is None else "; traffic stays on the approved canary"
    stalled = move(status, Phase.STALLED, reason, message + where, now)
    return Decision(stalled, (Announce(reason, stalled.message, warning=True),), again_after=0.0)
