"""Shifting and Paused: one step at a time, each entered with enough pods and left on evidence."""

from __future__ import annotations

from delivery.decision.actions import Announce, Decision, EnsureBackEnds, EnsureCanary
from delivery.decision.contest import CONTESTED, edited_outside, route_contested
from delivery.decision.following import await_mesh
from delivery.decision.intents import answered, by_whom, pending_intent
from delivery.decision.phases import enter, move, note, record
from delivery.decision.snapshot import Look, Snapshot
from delivery.decision.steps import replicas_for, same_weight
from delivery.decision.traffic import steer
from delivery.decision.unwinding import WAIT_S, unwind
from delivery.decision.waking import (
    ADVANCE,
    RESYNC_S,
    ROLL_BACK,
    longest_step,
    next_deadline,
    shortest_step,
    silent_for,
)
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Evidence, Intent, Phase, ReleaseStatus, Stage

BACK_ENDS_MISSING = "BackEndsMissing"
CORRECTIONS_KEPT = 8
DECISIONS_KEPT = 12  # a Release of any length must stay a small object
MOST_DETAILED = 4  # metrics; where there are more, only the newest decision tells of each
LOSSES_ALLOWED = 2  # a node drain may take the only canary pod once or twice; a third time it is the version


def shift(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    """Shifting: carry the step's weight, then judge."""
    condemned = rolled_back_on_evidence(snapshot.look, status, now)
    if condemned:
        return condemned
    intent = pending_intent(snapshot, status)
    if intent:
        return _answer(intent, status, policy, now)
    return _contested(snapshot, status, now) or _step(snapshot, status, policy, now)


def _step(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    weight = policy.weights[status.step]
    carrying = carry_weight(snapshot, status, weight, policy, now)
    if carrying and same_weight(status.traffic.desired_weight, weight) and snapshot.canary.ready:
        return _no_data(snapshot, status, policy, now) or carrying  # a mesh that does not follow gives no data
    if carrying:
        return carrying
    status = verified(snapshot, status, policy, now)
    return _below_floor(snapshot, status, policy) or _judge_step(snapshot, status, policy, now)


def hold(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    """Paused: keep the weight, keep judging; only a person or a condemning verdict moves it on."""
    condemned = rolled_back_on_evidence(snapshot.look, status, now)
    if condemned:
        return condemned
    intent = pending_intent(snapshot, status)
    if intent:
        return _answer(intent, status, policy, now)
    desired = status.traffic.desired_weight
    if status.reason == CONTESTED and snapshot.canary.ready:  # rewriting it on and on is what was given up
        return Decision(status, again_after=RESYNC_S)
    contest = route_contested(snapshot, status, now)
    if contest:
        return Decision(record(status, CONTESTED, contest, now), (Announce(CONTESTED, contest, True),), again_after=1.0)
    carrying = carry_weight(snapshot, status, policy.weights[status.step] if desired else 0.0, policy, now)
    if carrying:
        return carrying
    held = verified(snapshot, status, policy, now) if desired else status  # traffic on the canary is always judged
    return Decision(held, again_after=RESYNC_S)


def rolled_back_on_evidence(look: Look | None, status: ReleaseStatus, now: float) -> Decision | None:
    """The decision to roll back, where the evidence condemns the canary."""
    if look is None or look.verdict != ROLL_BACK:
        return None
    return unwind(_remember(status), Phase.ROLLED_BACK, "EvidenceAgainstCanary", look.reason, now)


def carry_weight(
    snapshot: Snapshot, status: ReleaseStatus, weight: float, policy: DeliveryPolicySpec, now: float
) -> Decision | None:
    """What is still missing until the mesh gives the canary `weight` percent and enough pods; None when nothing is."""
    if snapshot.back_ends.lost:  # only the user's own route can serve
        return unwind(status, Phase.ROLLED_BACK, BACK_ENDS_MISSING, snapshot.back_ends.lost, now)
    return back_ends_again(snapshot, status) or _carry(snapshot, status, weight, policy, now)


def _carry(
    snapshot: Snapshot, status: ReleaseStatus, weight: float, policy: DeliveryPolicySpec, now: float
) -> Decision | None:
    size = replicas_for(weight, snapshot.stable.replicas if snapshot.stable else 1)
    if snapshot.canary.ready == 0 and (status.traffic.desired_weight or 0) > 0:
        return _lost(status, now)
    if snapshot.canary.ready == 0 and (snapshot.route.weight or 0) > 0:  # recorded before, but not carried out
        status, withdraw = steer(status, 0.0, "the canary has no ready pod")
        return Decision(status, (withdraw,), again_after=WAIT_S)
    if snapshot.canary.replicas < size or not snapshot.canary.exists:
        ensure = EnsureCanary(size, f"{size} for {weight:g} %")
        return Decision(enter(status, status.stage, now), (ensure,), again_after=WAIT_S)
    if same_weight(status.traffic.desired_weight, weight):
        return _hold_against_drift(snapshot, status, weight, size, policy, now)
    if snapshot.canary.ready < size:
        return _await_pods(snapshot, status, size, policy, now)
    status, raised = steer(_first_weight_noted(status, weight, now), weight, status.message)
    return Decision(status.model_copy(update={"step_since": None}), (raised,), again_after=WAIT_S)


def verified(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> ReleaseStatus:
    """The status once the mesh was read to carry the desired weight: the step's clock runs from here."""
    weight = snapshot.route.weight or 0.0
    if same_weight(status.traffic.verified_weight, weight) and status.step_since is not None:
        return status
    traffic = status.traffic.model_copy(
        update={"verified_weight": weight, "max_weight": max(status.traffic.max_weight, weight)}
    )
    analysis = status.analysis
    if analysis.started_at is None:
        # Requests count from the moment the mesh was told, not from the pass that read it back.
        start = (status.traffic.first_weight_at or now) + policy.analysis.warm_up
        analysis = analysis.model_copy(update={"started_at": start, "data_through": start})
    return status.model_copy(
        update={
            "traffic": traffic,
            "step_since": now,
            "progress": f"{status.step + 1}/{len(policy.weights)}",
            "analysis": analysis,
        }
    )


def _judge_step(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    silent = _no_data(snapshot, status, policy, now)
    if silent:
        return silent
    step, elapsed = policy.strategy.canary.steps[status.step], now - (status.step_since or now)
    if snapshot.look and snapshot.look.verdict == ADVANCE and elapsed >= shortest_step(status, policy):
        if step.gate == "approval":
            message = f"step {status.step + 1} ({step.weight:g} %) is healthy; waiting for approval"
            return _pause(_remember(status), "AwaitingApproval", message, now)
        return leave_step(_remember(status), policy, snapshot.look.reason, now)
    # Without a look of the present the numbers are what is missing: their deadline is that of noData.
    if snapshot.look and elapsed > longest_step(status, policy):
        return _inconclusive(snapshot.look, status, policy, now)
    return Decision(status, again_after=next_deadline(status, policy, snapshot.watch, now))


def leave_step(status: ReleaseStatus, policy: DeliveryPolicySpec, reason: str, now: float) -> Decision:
    """On to the next step, or to promotion after the last."""
    if status.step + 1 == len(policy.weights):
        promoted = move(status, Phase.PROMOTING, "Healthy", reason, now)
        return Decision(promoted, (Announce("Promoting", reason),), again_after=0.0)
    weight = policy.weights[status.step + 1]
    message = f"advancing to {weight:g} %: {reason}"
    advanced = enter(record(status, "Advancing", message, now), Stage.NONE, now)
    advanced = advanced.model_copy(
        update={"step": status.step + 1, "step_since": None, "progress": f"{status.step + 2}/{len(policy.weights)}"}
    )
    return Decision(advanced, (Announce("Advancing", message),), again_after=0.0)


def _answer(intent: Intent, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    status = answered(status)
    by = by_whom(intent)
    paused = status.phase is Phase.PAUSED
    if intent.verb == "pause" and not paused:
        return _pause(status, "PausedByRequest", f"paused{by}: {intent.reason or 'no reason given'}", now)
    if intent.verb in {"resume", "approve"} and paused:
        resumed = move(status, Phase.SHIFTING, "Resumed", f"{intent.verb} given{by}", now)
        calm = resumed.traffic.model_copy(update={"corrections": ()})
        resumed = resumed.model_copy(update={"step_since": now, "traffic": calm})
        if intent.verb == "approve":
            return leave_step(resumed, policy, f"approved{by}", now)
        return Decision(resumed, again_after=0.0)
    if intent.verb == "promote":
        return _promote(intent, status, now)
    return Decision(status, again_after=0.0)  # asked for what already is, or what does not apply here


def _promote(intent: Intent, status: ReleaseStatus, now: float) -> Decision:
    """A person takes the judgement over: the steps that are left are left out. Evidence against it came first."""
    message = f"promoted{by_whom(intent)} before the evidence was complete: {intent.reason or 'no reason given'}"
    if status.phase is Phase.PAUSED:
        status = move(status, Phase.SHIFTING, "Resumed", f"promote given{by_whom(intent)}", now)
    promoted = move(_remember(status), Phase.PROMOTING, "PromotedByRequest", message, now)
    return Decision(promoted, (Announce("Promoting", message),), again_after=0.0)


def _no_data(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision | None:
    silent = silent_for(status, snapshot.watch, now)
    if silent is None or silent <= policy.analysis.no_data.deadline:
        return None
    cause = snapshot.route.problem or status.analysis.problem or "no request reached the canary"
    message = f"no data on the canary for {silent:.0f} s: {cause}"
    if policy.analysis.no_data.action == "pause":
        return _pause(status, "NoData", message, now)
    return unwind(status, Phase.ROLLED_BACK, "NoData", message, now)


def _inconclusive(look: Look, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    further = look.seconds_to_decide
    estimate = f"; at this traffic about {further:.0f} s more would decide" if further else ""
    known = status.evidence.reason if status.evidence else "nothing was judged yet"
    message = f"undecided after {policy.strategy.canary.max_step_duration:.0f} s (maxStepDuration): {known}{estimate}"
    if policy.strategy.canary.on_inconclusive == "pause":
        return _pause(_remember(status), "Inconclusive", message, now)
    return unwind(_remember(status), Phase.ROLLED_BACK, "Inconclusive", message, now)


def _pause(status: ReleaseStatus, reason: str, message: str, now: float) -> Decision:
    held = move(status, Phase.PAUSED, reason, message, now)
    return Decision(held, (Announce(reason, message, warning=reason != "AwaitingApproval"),), again_after=1.0)


def _lost(status: ReleaseStatus, now: float) -> Decision:
    losses = status.canary_losses + 1
    if losses > LOSSES_ALLOWED:
        message = f"the canary lost all its ready pods {losses} times"
        return unwind(status, Phase.ROLLED_BACK, "CanaryLost", message, now)
    message = "the canary has no ready pod; its weight is 0 until it has"
    status, withdraw = steer(enter(note(status, "CanaryLost", message), status.stage, now), 0.0, message)
    traffic = status.traffic.model_copy(update={"verified_weight": None})
    status = status.model_copy(update={"canary_losses": losses, "step_since": None, "traffic": traffic})
    return Decision(status, (withdraw, Announce("CanaryLost", message, True)), again_after=WAIT_S)


def _await_pods(
    snapshot: Snapshot, status: ReleaseStatus, size: int, policy: DeliveryPolicySpec, now: float
) -> Decision:
    waited = now - (status.stage_since or now)
    if waited > policy.strategy.canary.ready_deadline:
        message = f"{snapshot.canary.ready} of {size} canary pods ready after {waited:.0f} s (readyDeadline)"
        return unwind(status, Phase.ROLLED_BACK, "CanaryNotReady", message, now)
    return Decision(status, again_after=WAIT_S)


def back_ends_again(snapshot: Snapshot, status: ReleaseStatus) -> Decision | None:
    """Our Services were deleted under a split route: what it names must exist, before anything else."""
    release = snapshot.release
    if snapshot.back_ends.exist or snapshot.back_ends.foreign or release is None:
        return None
    pinned = snapshot.back_ends.stable_hash or release.spec.stable.pod_template_hash or ""
    again = EnsureBackEnds(pinned, "a Service that the route names was deleted")
    return Decision(status, (again,), again_after=WAIT_S)


def _hold_against_drift(
    snapshot: Snapshot, status: ReleaseStatus, weight: float, size: int, policy: DeliveryPolicySpec, now: float
) -> Decision | None:
    if snapshot.route.problem:
        return Decision(note(status, "RouteInvalid", snapshot.route.problem), again_after=1.0)
    if not snapshot.route.carries(weight):
        unfollowed = await_mesh(snapshot, status, weight, policy, now)
        return unfollowed or _put_right(snapshot, status, weight, now)
    if snapshot.canary.replicas != size:  # the stable pods were scaled; the canary follows
        return Decision(status, (EnsureCanary(size, f"{size} for {weight:g} %"),), again_after=WAIT_S)
    return None


def _put_right(snapshot: Snapshot, status: ReleaseStatus, weight: float, now: float) -> Decision:
    if not edited_outside(snapshot, status):
        status, again = steer(status, weight, f"the mesh does not carry {weight:g} % yet")
        return Decision(status, (again,), again_after=WAIT_S)
    corrections = (*status.traffic.corrections, now)[-CORRECTIONS_KEPT:]
    corrected = status.traffic.model_copy(update={"corrections": corrections})
    message = f"the route's split was edited by {snapshot.route.editor or 'somebody else'} and is put right"
    status, again = steer(status.model_copy(update={"traffic": corrected}), weight, message)
    # Not verified until it is read back: else the next pass would take this same edit for another one.
    unverified = status.traffic.model_copy(update={"verified_weight": None})
    status = status.model_copy(update={"traffic": unverified, "step_since": None})
    return Decision(status, (again, Announce("RouteEdited", message, True)), again_after=WAIT_S)


def _contested(snapshot: Snapshot, status: ReleaseStatus, now: float) -> Decision | None:
    message = route_contested(snapshot, status, now)
    return _pause(_remember(status), CONTESTED, message, now) if message else None


def _below_floor(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec) -> Decision | None:
    """Too few stable pods to compare with, or to fall back on: the share is kept, and no step is left."""
    ready, floor = snapshot.back_ends.stable_ready, policy.strategy.canary.stable_floor
    if ready >= floor:
        return None
    message = f"{ready} stable pods are ready, stableFloor is {floor}: the release holds"
    return Decision(note(status, "StableBelowFloor", message), again_after=1.0)


def _first_weight_noted(status: ReleaseStatus, weight: float, now: float) -> ReleaseStatus:
    if status.traffic.first_weight_at is not None or weight == 0:
        return status
    return status.model_copy(update={"traffic": status.traffic.model_copy(update={"first_weight_at": now})})


def _remember(status: ReleaseStatus) -> ReleaseStatus:
    kept: tuple[Evidence, ...] = (*status.decisions, status.evidence) if status.evidence else status.decisions
    older = tuple(look if len(look.metrics) <= MOST_DETAILED else _outlined(look) for look in kept[:-1])
    return status.model_copy(update={"decisions": (*older, *kept[-1:])[-DECISIONS_KEPT:]})


def _outlined(look: Evidence) -> Evidence:
    """With no more of its metrics than the mesh's error rate: what they came to together stays."""
    errors = {name: detail for name, detail in look.metrics.items() if name == "errors"}
    return look.model_copy(update={"metrics": errors})
