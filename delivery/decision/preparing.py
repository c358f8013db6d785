"""Pending and Preparing: back ends, the route split at 0 %, then the canary's pods. No request reaches a canary yet.

The route is split before the first canary pod exists: the apex Service selects canary pods too, and traffic that still
goes to it would reach them unjudged.
"""

from __future__ import annotations

from dataclasses import replace

from delivery.decision.actions import Announce, Decision, EnsureBackEnds, EnsureCanary
from delivery.decision.phases import enter, move
from delivery.decision.snapshot import RouteState, Snapshot
from delivery.decision.steps import replicas_for
from delivery.decision.traffic import steer
from delivery.decision.unwinding import WAIT_S, ended, unwind
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Phase, ReleaseStatus, RouteRecord, Stage, SubsetsRecord

NOT_KEPT = "the route does not keep its split at 0 %"
PODS_LATER = "its pods come once the route is split"


def begin(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    """Pending: refuse names that belong to somebody else, else start preparing."""
    taken = _names_taken(snapshot)
    if taken:
        refused = ended(snapshot, move(status, Phase.FAILED, "NameTaken", taken, now))
        return replace(refused, actions=(*refused.actions, Announce("NameTaken", taken, True)))
    if snapshot.release and snapshot.release.spec.light:
        return _promote_at_once(status, now)
    message = f"preparing the canary; steps {', '.join(f'{weight:g} %' for weight in policy.weights)}"
    started = move(status, Phase.PREPARING, "Started", message, now)
    return Decision(_with_progress(started, policy), (Announce("Started", message),), again_after=0.0)


def _promote_at_once(status: ReleaseStatus, now: float) -> Decision:
    message = "the containers are those of stable, so there is nothing to judge: Kubernetes' own rolling update"
    promoted = enter(move(status, Phase.PROMOTING, "Light", message, now), Stage.ROLL_OUT, now)
    return Decision(promoted, (Announce("Promoting", message),), again_after=0.0)


def prepare(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    """The next thing that Preparing asks for."""
    taken = _names_taken(snapshot)
    if taken:
        return unwind(status, Phase.FAILED, "NameTaken", taken, now)
    handlers = {Stage.BACK_ENDS: _back_ends, Stage.ROUTE: _route, Stage.CANARY: _canary}
    return handlers[status.stage](snapshot, status, policy, now)


def _back_ends(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    stable = snapshot.stable
    if stable is None:
        return _wait_or_give_up(status, policy, now, "StableMissing", "the stable ReplicaSet is gone")
    if not snapshot.back_ends.exist or snapshot.back_ends.stable_hash != stable.pod_template_hash:
        ensure = EnsureBackEnds(stable.pod_template_hash, "the stable pods need a name of their own")
        message = "the Services of the stable and the canary pods could not be made; is the app's own Service there?"
        late = _give_up_when_late(status, policy, now, "BackEndsMissing", message)
        first = (ensure,) if _canary_is_this_releases(snapshot) else (ensure, EnsureCanary(0, PODS_LATER))
        return late or Decision(status, first, again_after=WAIT_S)
    if not _canary_is_this_releases(snapshot):
        # Without pods: those may come only after the split. What is created here cannot serve, however late it comes.
        return Decision(status, (EnsureCanary(0, PODS_LATER),), again_after=WAIT_S)
    if snapshot.back_ends.stable_ready < max(1, stable.ready):
        return _wait_or_give_up(status, policy, now, "StableNotReady", "no stable pod is ready behind its Service")
    return Decision(enter(status, Stage.ROUTE, now), again_after=policy.mesh.propagation_delay)


def _route(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    if not settled(status, policy, now):
        return Decision(status, again_after=policy.mesh.propagation_delay)
    if snapshot.route.problem:
        return unwind(status, Phase.FAILED, "RouteInvalid", snapshot.route.problem, now)
    if snapshot.route.carries(0.0) and status.routes:
        return Decision(enter(status, Stage.CANARY, now), again_after=0.0)
    not_kept = snapshot.route.unfollowed or NOT_KEPT
    late = _give_up_when_late(status, policy, now, "RouteNotFollowed", not_kept)
    if late:
        return late
    named_now = not status.routes
    if named_now:
        status = _with_routes(status, snapshot.route)
        status = enter(status, Stage.ROUTE, now) if status.subsets else status
    if status.subsets and (named_now or not snapshot.back_ends.exist or not settled(status, policy, now)):
        stable = snapshot.back_ends.stable_hash
        ensure = EnsureBackEnds(stable, "the route is to name subsets, which every proxy must know before")
        return Decision(status, (ensure,), again_after=WAIT_S)
    status, split = steer(status, 0.0, "all traffic to the stable pods before a canary pod exists")
    return Decision(status, (split,), again_after=WAIT_S)


def _with_routes(status: ReleaseStatus, found: RouteState) -> ReleaseStatus:
    """The status with what must be known of the routes to split them and to give them back."""
    routes = tuple(RouteRecord.model_validate(record) for record in found.records)
    subsets = None if found.subsets is None else SubsetsRecord.model_validate(found.subsets)
    return status.model_copy(update={"mesh": found.mesh, "routes": routes, "subsets": subsets})


def _canary(snapshot: Snapshot, status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> Decision:
    if not snapshot.route.carries(0.0):
        status, split = steer(status, 0.0, "the route was changed while the canary starts")
        not_kept = snapshot.route.unfollowed or NOT_KEPT
        late = _give_up_when_late(status, policy, now, "RouteNotFollowed", not_kept)
        return late or Decision(status, (split,), again_after=WAIT_S)
    size = replicas_for(policy.weights[0], snapshot.stable.replicas if snapshot.stable else 1)
    if not _canary_is_this_releases(snapshot) or snapshot.canary.replicas != size:
        return Decision(status, (EnsureCanary(size, f"{size} for {policy.weights[0]:g} %"),), again_after=WAIT_S)
    if snapshot.canary.ready < size:
        message = f"{snapshot.canary.ready} of {size} canary pods ready"
        return _wait_or_give_up(status, policy, now, "CanaryNotReady", message)
    message = f"canary ready ({size} {'pod' if size == 1 else 'pods'}); first step {policy.weights[0]:g} %"
    return Decision(move(status, Phase.SHIFTING, "CanaryReady", message, now), again_after=0.0)


def _wait_or_give_up(
    status: ReleaseStatus, policy: DeliveryPolicySpec, now: float, reason: str, message: str
) -> Decision:
    return _give_up_when_late(status, policy, now, reason, message) or Decision(status, again_after=WAIT_S)


def _give_up_when_late(
    status: ReleaseStatus, policy: DeliveryPolicySpec, now: float, reason: str, message: str
) -> Decision | None:
    waited = now - (status.stage_since or now)
    if waited <= policy.strategy.canary.ready_deadline:
        return None
    return unwind(status, Phase.ROLLED_BACK, reason, f"{message} after {waited:.0f} s (readyDeadline)", now)


def _names_taken(snapshot: Snapshot) -> str:
    """The sentence that names objects of somebody else's where ours should go; empty when there are none."""
    taken = [f"Service {name}" for name in snapshot.back_ends.foreign]
    if snapshot.canary.exists and not snapshot.canary.ours and snapshot.release:
        taken.append(f"Deployment {snapshot.release.canary_name}")
    return f"{', '.join(taken)}: not Headgate's, but of the name it needs; rename or delete it" if taken else ""


def _canary_is_this_releases(snapshot: Snapshot) -> bool:
    canary, release = snapshot.canary, snapshot.release
    return bool(canary.exists and canary.ours and release and canary.of_release == release.name)


def settled(status: ReleaseStatus, policy: DeliveryPolicySpec, now: float) -> bool:
    """Whether the present stage began long enough ago for every proxy to have heard of what it relies on."""
    return now - (status.stage_since or now) >= policy.mesh.propagation_delay


def _with_progress(status: ReleaseStatus, policy: DeliveryPolicySpec) -> ReleaseStatus:
    return status.model_copy(update={"progress": f"{status.step + 1}/{len(policy.weights)}"})
