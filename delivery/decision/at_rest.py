"""No active Release: adopt a Deployment, notice a pending template, begin its release, let one go that opted out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from delivery.decision.actions import (
    Action,
    Announce,
    CreateRelease,
    Decision,
    ForgetRelease,
    LetGo,
    PauseDeployment,
    RemoveLeftOvers,
)
from delivery.decision.light import is_light
from delivery.decision.snapshot import Snapshot, StableSet, Workload, is_pending
from delivery.resources.annotations import APP_VERSION, POD_VERSION
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Phase, Release, ReleaseSpec, Revision

_SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LONGEST_NAME = 63 - len("-canary")


def rest(snapshot: Snapshot) -> Decision:
    """What a Deployment without an active Release needs; mostly nothing."""
    if snapshot.left_over:
        late = RemoveLeftOvers(snapshot.left_over, "no Release is active")
        return Decision(actions=(late,), again_after=0.0)
    tidying = _tidy(snapshot)
    if tidying:
        return Decision(actions=tidying, again_after=0.0)
    workload = snapshot.workload
    if workload is None:
        return Decision()
    if not snapshot.opted_in:
        return _let_opt_out(snapshot, workload)
    return deliver(snapshot, workload)


def deliver(snapshot: Snapshot, workload: Workload) -> Decision:
    """What an opted-in Deployment without an active Release needs: to be adopted, a release, a word on what is wrong.

    Nothing where it has no pending template, or one that was rejected.
    """
    if workload.paused and not is_pending(workload, snapshot.stable):
        return Decision()
    refusal = _refusal(snapshot, workload)
    if refusal:
        return Decision(actions=(refusal,))
    if not workload.paused:
        return _adopt(workload)
    return _begin(snapshot, workload)


def _tidy(snapshot: Snapshot) -> tuple[Action, ...]:
    """Finished Releases that still hold their finalizer (the controller died in between), or are too many."""
    held = tuple(LetGo(old.name, "the Release has ended") for old in snapshot.previous if old.held)
    policy = snapshot.configuration.policy
    kept = policy.revision_history_limit if policy else len(snapshot.previous)
    surplus = snapshot.previous[: max(0, len(snapshot.previous) - kept)]
    return held or tuple(ForgetRelease(old.name, f"revisionHistoryLimit is {kept}") for old in surplus)


def _let_opt_out(snapshot: Snapshot, workload: Workload) -> Decision:
    """The annotation is gone: what we paused is resumed, unless that would roll out a template nobody judged."""
    if not workload.paused_by_us or not workload.paused:
        return Decision()
    if is_pending(workload, snapshot.stable):
        message = (
            f"Deployment {workload.namespace}/{workload.name}: no longer delivered by Headgate, and left paused "
            "because its template was not judged; set spec.paused: false to roll it out, or put the former template "
            "back first"
        )
        return Decision(actions=(Announce("LeftPaused", message, warning=True),))
    message = "no longer delivered by Headgate: the next change of the pod template rolls out at once"
    return Decision(actions=(PauseDeployment(False, message), Announce("OptedOut", message)))


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


def _begin(snapshot: Snapshot, workload: Workload) -> Decision:
    stable, policy = snapshot.stable, snapshot.configuration.policy
    if stable is None or policy is None:
        return Decision()
    light = is_light(stable.template, workload.template)
    if not light and not (workload.replicas and stable.replicas and stable.ready):
        # Its pods' status, or its scale, wakes the next pass.
        message = (
            f"Deployment {workload.namespace}/{workload.name}: a new template waits, but no stable pod is ready to "
            "compare it with; scale the Deployment up"
        )
        return Decision(actions=(Announce("NoStablePods", message, warning=True),))
    newest = snapshot.previous[-1] if snapshot.previous else None
    if newest and _rejected(newest, workload):
        return Decision()
    same = [old for old in snapshot.previous if old.spec.canary.template_hash == workload.template_hash]
    # Counted on from the highest: earlier ones may have been pruned, and a name must not come back.
    attempt = max((old.spec.attempt for old in same), default=0) + 1
    created = _new_release(snapshot, workload, stable, policy, attempt, light=light)
    return Decision(actions=(created,), again_after=0.0)


def _rejected(newest: Release, workload: Workload) -> bool:
    same = newest.spec.canary.template_hash == workload.template_hash
    retry_asked = any(intent.verb == "retry" for intent in newest.spec.intents[newest.status.intents_done :])
    return same and newest.status.phase in {Phase.ROLLED_BACK, Phase.FAILED} and not retry_asked


def _new_release(
    snapshot: Snapshot,
    workload: Workload,
    stable: StableSet,
    policy: DeliveryPolicySpec,
    attempt: int,
    *,
    light: bool,
) -> CreateRelease:
    suffix = f"-{attempt}" if attempt > 1 else ""
    name = f"{workload.name}-{workload.template_hash}{suffix}"
    spec = ReleaseSpec(
        deployment=workload.name,
        service=snapshot.configuration.service,
        stable=Revision(
            template_hash=stable.template_hash,
            pod_template_hash=stable.pod_template_hash,
            images=stable.images,
            **_versions(stable.template),
        ),
        canary=Revision(template_hash=workload.template_hash, images=workload.images, **_versions(workload.template)),
        template=workload.template,
        policy_name=snapshot.configuration.policy_name,
        policy=policy.model_dump(mode="json", by_alias=True, exclude_none=True),
        release_id=workload.release_id or name,
        trigger=workload.trigger,
        attempt=attempt,
        light=light,
    )
    return CreateRelease(name, spec, f"pending template {', '.join(workload.images)}")


def _versions(template: Mapping[str, Any] | None) -> dict[str, str | None]:
    """The versions that the user wrote on the pods."""
    meta = (template or {}).get("metadata") or {}
    return {
        "app_version": (meta.get("labels") or {}).get(APP_VERSION),
        "pod_version": (meta.get("annotations") or {}).get(POD_VERSION),
    }
