"""What ends an active Release whatever its phase: ordered one-predicate checks, the first that holds decides."""

from __future__ import annotations

from collections.abc import Callable

from delivery.decision.actions import Decision
from delivery.decision.intents import answered, too_late, waiting_intents
from delivery.decision.snapshot import Snapshot
from delivery.decision.unwinding import unwind
from delivery.resources.annotations import POLICY
from delivery.resources.release import Phase, ReleaseStatus, Stage

Guard = Callable[[Snapshot, ReleaseStatus, float], Decision | None]


def deployment_deleted(snapshot: Snapshot, status: ReleaseStatus, now: float) -> Decision | None:
    """Nothing is left to deliver to."""
    if snapshot.workload is not None or status.phase is Phase.ROLLING_BACK:
        return None
    return unwind(status, Phase.FAILED, "DeploymentDeleted", "the Deployment was deleted during its release", now)


def release_deleted(snapshot: Snapshot, status: ReleaseStatus, now: float) -> Decision | None:
    """Its record is to go: the canary is withdrawn first, then the record is let go."""
    if snapshot.release is None or not snapshot.release.deleting or not before_roll_out(status):
        return None
    return unwind(status, Phase.ROLLED_BACK, "ReleaseDeleted", "the Release was deleted before it had ended", now)


def unpaused_by_hand(snapshot: Snapshot, status: ReleaseStatus, now: float) -> Decision | None:
    """The emergency exit: Kubernetes rolls out natively and Headgate steps aside."""
    workload = snapshot.workload
    if workload is None or workload.paused or not before_roll_out(status):
        return None
    message = "spec.paused was set to false by hand: Kubernetes rolls the template out without a judgement"
    return unwind(status, Phase.BYPASSED, "UnpausedByHand", message, now)


def template_replaced(snapshot: Snapshot, status: ReleaseStatus, now: float) -> Decision | None:
    """A newer template waits: this one is not worth judging any more."""
    workload, release = snapshot.workload, snapshot.release
    if workload is None or release is None or not before_roll_out(status):
        return None
    if workload.template_hash == release.spec.canary.template_hash:
        return None
    if workload.template_hash == release.spec.stable.template_hash:
        message = "the stable template was put back"
    else:
        message = f"a newer template came ({', '.join(workload.images)})"
    return unwind(status, Phase.SUPERSEDED, "TemplateReplaced", message, now)


def opted_out(snapshot: Snapshot, status: ReleaseStatus, now: float) -> Decision | None:
    """The user takes the Deployment back: what is begun is withdrawn. A promotion that rolls out is finished."""
    if snapshot.workload is None or snapshot.opted_in or not before_roll_out(status):
        return None
    message = f"the annotation {POLICY} was removed during the release"
    return unwind(status, Phase.ROLLED_BACK, "OptedOut", message, now)


def scaled_to_zero(snapshot: Snapshot, status: ReleaseStatus, now: float) -> Decision | None:
    """Nothing serves any more, so nothing can be compared; once scaled up, the template gets a new release."""
    workload = snapshot.workload
    if workload is None or workload.replicas > 0 or not before_roll_out(status) or status.phase is Phase.PENDING:
        return None
    message = "the Deployment was scaled to 0; its template is delivered anew once there are stable pods again"
    return unwind(status, Phase.SUPERSEDED, "ScaledToZero", message, now)


def aborted(snapshot: Snapshot, status: ReleaseStatus, now: float) -> Decision | None:
    """A person does not want this version."""
    waiting = waiting_intents(snapshot, status)
    place = next((place for place, intent in enumerate(waiting, start=1) if intent.verb == "abort"), None)
    if place is None or not before_roll_out(status):
        return None
    intent = waiting[place - 1]  # whatever was asked for before it is moot
    message = f"aborted{f' by {intent.by}' if intent.by else ''}: {intent.reason or 'no reason given'}"
    return unwind(answered(status, place), Phase.ROLLED_BACK, "Aborted", message, now)


def asked_too_late(snapshot: Snapshot, status: ReleaseStatus, _now: float) -> Decision | None:
    """A wish that this phase has no answer to is refused in words, not forgotten."""
    rolls_out = status.phase is Phase.PROMOTING and not before_roll_out(status)
    return too_late(snapshot, status) if rolls_out else None


GUARDS: tuple[Guard, ...] = (
    deployment_deleted,
    release_deleted,
    unpaused_by_hand,
    template_replaced,
    opted_out,
    scaled_to_zero,
    aborted,
    asked_too_late,
)


def before_roll_out(status: ReleaseStatus) -> bool:
    """Whether the user's own Deployment is untouched so far, so that withdrawing the canary undoes everything."""
    early = {Phase.PENDING, Phase.PREPARING, Phase.SHIFTING, Phase.PAUSED}
    return status.phase in early or (status.phase is Phase.PROMOTING and status.stage is Stage.SHIFT_ALL)
