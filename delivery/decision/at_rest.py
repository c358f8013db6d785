"""No active Release: adopt a Deployment, notice a pending template, begin its release."""

from __future__ import annotations

import re

from delivery.decision.actions import Announce, CreateRelease, Decision, PauseDeployment
from delivery.decision.snapshot import Snapshot, StableSet, Workload
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Phase, Release, ReleaseSpec, Revision

_SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LONGEST_NAME = 63 - len("-canary")


def rest(snapshot: Snapshot) -> Decision:
    """What an annotated Deployment without an active Release needs; mostly nothing."""
    workload = snapshot.workload
    if workload is None or not snapshot.opted_in:
        return Decision()
    refusal = _refusal(snapshot, workload)
    if refusal:
        return Decision(actions=(refusal,))
    if not workload.paused:
        return _adopt(workload)
    return _begin_if_pending(snapshot, workload)


def _refusal(snapshot: Snapshot, workload: Workload) -> Announce | None:
    if snapshot.configuration.problem:
        return Announce(snapshot.configuration.problem_reason, snapshot.configuration.problem, warning=True)
    if workload.strategy == "Recreate":
        message = (
            f"Deployment {workload.namespace}/{workload.name}: spec.strategy.type: Recreate stops every pod before a "
            "new one starts, so there is nothing to compare with; use RollingUpdate or remove the annotation"
        )
        return Announce("UnsupportedStrategy", message, warning=True)
    if not _SERVICE_NAME.fullmatch(workload.name) or len(workload.name) > _LONGEST_NAME:
        message = (
            f"Deployment {workload.namespace}/{workload.name}: metadata.name must do for a Service too ({workload.name}"
            f"-canary): a letter, then letters, digits and dashes, at most {_LONGEST_NAME} in all; rename it or remove "
            "the annotation"
        )
        return Announce("UnsuitableName", message, warning=True)
    return None


def _adopt(workload: Workload) -> Decision:
    if not workload.rolled_out:
        return Decision()  # the first version, or the emergency exit: Kubernetes' own rollout comes first
    message = "adopted: the next change of the pod template becomes a release"
    return Decision(actions=(PauseDeployment(True, message), Announce("Adopted", message)))


def _begin_if_pending(snapshot: Snapshot, workload: Workload) -> Decision:
    stable = snapshot.stable
    if stable is None or stable.template_hash == workload.template_hash:
        return Decision()
    if stable.replicas == 0 or stable.ready == 0:
        message = (
            f"Deployment {workload.namespace}/{workload.name}: no stable pod is ready to compare with; scale it up"
        )
        return Decision(actions=(Announce("NoStablePods", message, warning=True),), again_after=5.0)
    newest = snapshot.previous[-1] if snapshot.previous else None
    if newest and _rejected(newest, workload):
        return Decision()
    policy = snapshot.configuration.policy
    if policy is None:
        return Decision()
    same = [old for old in snapshot.previous if old.spec.canary.template_hash == workload.template_hash]
    # Counted on from the highest: earlier ones may have been pruned, and a name must not come back.
    attempt = max((old.spec.attempt for old in same), default=0) + 1
    return Decision(actions=(_new_release(snapshot, workload, stable, policy, attempt),), again_after=0.0)


def _rejected(newest: Release, workload: Workload) -> bool:
    same = newest.spec.canary.template_hash == workload.template_hash
    retry_asked = any(intent.verb == "retry" for intent in newest.spec.intents[newest.status.intents_done :])
    return same and newest.status.phase in {Phase.ROLLED_BACK, Phase.FAILED} and not retry_asked


def _new_release(
    snapshot: Snapshot, workload: Workload, stable: StableSet, policy: DeliveryPolicySpec, attempt: int
) -> CreateRelease:
    suffix = f"-{attempt}" if attempt > 1 else ""
    name = f"{workload.name}-{workload.template_hash}{suffix}"
    spec = ReleaseSpec(
        deployment=workload.name,
        service=snapshot.configuration.service,
        stable=Revision(
            template_hash=stable.template_hash, pod_template_hash=stable.pod_template_hash, images=stable.images
        ),
        canary=Revision(template_hash=workload.template_hash, images=workload.images),
        template=workload.template,
        policy_name=snapshot.configuration.policy_name,
        policy=policy.model_dump(mode="json", by_alias=True, exclude_none=True),
        release_id=workload.release_id or name,
        attempt=attempt,
    )
    return CreateRelease(name, spec, f"pending template {', '.join(workload.images)}")
