"""The promotion window: the Deployment is unpaused, so a template that is edited now would roll out unjudged.

It is paused at once; the approved template is put back and finishes its rollout; then the newer one is set again, as
pending, and becomes the next Release. Nobody's edit is lost.
"""

from __future__ import annotations

from delivery.decision.actions import Announce, Decision, PauseDeployment, SetTemplate
from delivery.decision.snapshot import Snapshot, Workload
from delivery.decision.unwinding import WAIT_S
from delivery.resources.release import Deferred, ReleaseStatus

UNJUDGED = "a template that was not judged must not roll out"
PUT_BACK_AT_MOST = 3  # then somebody (GitOps, most likely) keeps setting it, and a person has to choose


def is_judged(snapshot: Snapshot) -> bool:
    """Whether the Deployment has the template that this Release approved."""
    workload, release = snapshot.workload, snapshot.release
    return bool(workload and release and workload.template_hash == release.spec.canary.template_hash)


def put_back_approved(snapshot: Snapshot, status: ReleaseStatus, workload: Workload) -> Decision | None:
    """Pause, remember the newer template, put the approved one back; None once that was done too often."""
    status = _with_newest(status, workload)
    if not workload.paused:
        return Decision(status, (PauseDeployment(True, UNJUDGED),), again_after=0.0)
    if snapshot.release is None or status.deferred is None or status.deferred.put_back > PUT_BACK_AT_MOST:
        return None
    message = "a newer template came while the approved one rolls out; it becomes the next Release after this one"
    approved = SetTemplate(snapshot.release.spec.template, "the approved template is rolled out to its end")
    return Decision(status, (approved, Announce("TemplateDeferred", message, True)), again_after=WAIT_S)


def back_in_place(status: ReleaseStatus) -> ReleaseStatus:
    """The status once the approved template is there again: the next newer one counts as another."""
    if status.deferred is None or not status.deferred.open:
        return status
    return status.model_copy(update={"deferred": status.deferred.model_copy(update={"open": False})})


def forgiven(status: ReleaseStatus) -> ReleaseStatus:
    """The status after a person said to go on: the contest is counted anew."""
    if status.deferred is None:
        return status
    return status.model_copy(update={"deferred": status.deferred.model_copy(update={"put_back": 0, "open": False})})


def set_again(snapshot: Snapshot, status: ReleaseStatus) -> SetTemplate | None:
    """The newer template, where the Deployment (paused again) still has the approved one."""
    if status.deferred is None or not is_judged(snapshot):
        return None
    return SetTemplate(status.deferred.template, "the newer template waits for its own release")


def _with_newest(status: ReleaseStatus, workload: Workload) -> ReleaseStatus:
    known = status.deferred
    fresh = known is None or not known.open
    newest = Deferred(
        template=workload.template,
        template_hash=workload.template_hash,
        put_back=(known.put_back if known else 0) + (1 if fresh else 0),
        open=True,
    )
    return status.model_copy(update={"deferred": newest})
