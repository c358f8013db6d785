"""`decide`: one snapshot in, one decision out. Total over phases, pure, and short enough to audit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from delivery.decision.actions import CloseRelease, Decision
from delivery.decision.at_rest import rest
from delivery.decision.guards import GUARDS, before_roll_out
from delivery.decision.phases import FIRST_STAGE, STAGES, enter
from delivery.decision.preparing import begin, prepare
from delivery.decision.promoting import promote, wait_for_a_person
from delivery.decision.shifting import hold, shift
from delivery.decision.snapshot import Look, Snapshot
from delivery.decision.unwinding import continue_unwinding, unwind
from delivery.errors import InvalidSpec
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Evidence, Phase, ReleaseStatus, RouteRecord, Stage

SAME_LOOK_S = 1e-5  # instants are stored to the microsecond
Handler = Callable[[Snapshot, ReleaseStatus, DeliveryPolicySpec, float], Decision]

HANDLERS: dict[Phase, Handler] = {
    Phase.PENDING: begin,
    Phase.PREPARING: prepare,
    Phase.SHIFTING: shift,
    Phase.PAUSED: hold,
    Phase.PROMOTING: promote,
    Phase.STALLED: wait_for_a_person,
    Phase.ROLLING_BACK: continue_unwinding,
}


def decide(snapshot: Snapshot, now: float) -> Decision:
    """What to record, do and wait for next. `now` in seconds since the epoch."""
    release = snapshot.release
    if snapshot.superfluous:
        why = "another Release is active for the same Deployment"
        return Decision(actions=tuple(CloseRelease(each.name, why) for each in snapshot.superfluous), again_after=0.0)
    if release is None or not release.active:
        return rest(snapshot)
    status = _with_routes(_with_look(release.status, snapshot.look), snapshot)
    status = _at_a_known_stage(status, snapshot, now)
    for guard in GUARDS:
        decision = guard(snapshot, status, now)
        if decision:
            return decision
    try:
        policy = release.spec.delivery_policy
    except InvalidSpec as problem:
        if before_roll_out(status):
            return unwind(status, Phase.FAILED, "InvalidPolicy", f"Release {release.key}: {problem}", now)
        policy = DeliveryPolicySpec()  # what is left to do depends on no more than a drain time
    status = _at_a_known_step(status, policy)
    decision = HANDLERS[status.phase](snapshot, status, policy, now)
    return decision if decision.status is not None else replace(decision, status=status)


def _at_a_known_stage(status: ReleaseStatus, snapshot: Snapshot, now: float) -> ReleaseStatus:
    """A record of another version, or one edited by hand, may name a stage this phase has not: begin the phase again.

    A Promoting one begins again behind the unpausing where that was done: the emergency exit is somebody else's.
    """
    known = STAGES.get(status.phase)
    if known is None or status.stage in known:
        return status
    unpaused = snapshot.workload is not None and not snapshot.workload.paused
    if status.phase is Phase.PROMOTING and unpaused:
        return enter(status, Stage.ROLL_OUT, now)
    return enter(status, FIRST_STAGE[status.phase], now)


def _at_a_known_step(status: ReleaseStatus, policy: DeliveryPolicySpec) -> ReleaseStatus:
    step = min(max(status.step, 0), len(policy.weights) - 1)
    return status if step == status.step else status.model_copy(update={"step": step})


def _with_routes(status: ReleaseStatus, snapshot: Snapshot) -> ReleaseStatus:
    """Keeps the record of the user's routes up to date with what the user changes during the release."""
    if not status.routes or not snapshot.route.records:
        return status
    routes = tuple(RouteRecord.model_validate(record) for record in snapshot.route.records)
    return status.model_copy(update={"routes": routes})


def _with_look(status: ReleaseStatus, look: Look | None) -> ReleaseStatus:
    if look is None:
        return status
    if status.evidence is not None and abs(status.evidence.at - look.at) < SAME_LOOK_S:
        return status  # recorded by an earlier pass
    evidence = Evidence(
        at=look.at,
        step=status.step,
        weight=status.traffic.verified_weight or 0.0,
        verdict=look.verdict,
        reason=look.reason,
        log_evidence_rollback=look.log_evidence_rollback,
        log_evidence_advance=look.log_evidence_advance,
        stable_requests=look.stable_requests,
        stable_errors=look.stable_errors,
        canary_requests=look.canary_requests,
        canary_errors=look.canary_errors,
        metrics=look.metrics,
    )
    return status.model_copy(update={"evidence": evidence, "verdict": look.verdict})
