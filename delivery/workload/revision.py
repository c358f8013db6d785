"""Pod templates: their identity, and where a Deployment stands with its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from delivery.decision.snapshot import StableSet, Workload
from delivery.resources.annotations import POD_TEMPLATE_HASH, RELEASE_ID
from delivery.resources.release import Phase, Release, Stage
from delivery.resources.trigger_record import current_trigger
from delivery.workload.adoption import paused_by_us

Object = Mapping[str, Any]
HASH_LENGTH = 10
_MEANT_WHEN_EMPTY = {"labelSelector", "namespaceSelector"}  # {} selects everything there, absent nothing
_KNOWN = "known"  # instead of the template, in what is kept of a ReplicaSet
_AFTER_ROLL_OUT = {Stage.SETTLE, Stage.SHIFT_BACK, Stage.RESTORE_ROUTE, Stage.REMOVE_CANARY, Stage.REMOVE_BACK_ENDS}


def template_hash(template: Object) -> str:
    """Our own name for a pod template: the same for a Deployment's template and for its ReplicaSet's copy.

    Kubernetes' `pod-template-hash` cannot serve: a pending template has none until it runs.
    """
    canonical = json.dumps(_bare(template), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:HASH_LENGTH]


def images_of(template: Object) -> tuple[str, ...]:
    """The images of the template's containers, in order."""
    return tuple(container.get("image", "") for container in (template.get("spec") or {}).get("containers") or ())


def workload_from(deployment: Object) -> Workload:
    """The Deployment as a release sees it."""
    meta, spec = deployment["metadata"], deployment["spec"]
    template = spec["template"]
    return Workload(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
        template=deepcopy(dict(template)),
        template_hash=template_hash(template),
        images=images_of(template),
        replicas=int(spec.get("replicas", 1)),
        paused=bool(spec.get("paused", False)),
        rolled_out=_rolled_out(deployment),
        stuck=_stuck(deployment),
        strategy=(spec.get("strategy") or {}).get("type", "RollingUpdate"),
        release_id=(meta.get("annotations") or {}).get(RELEASE_ID),
        paused_by_us=paused_by_us(deployment),
        trigger=current_trigger(meta.get("annotations") or {}),
    )


def pod_labels(stable: StableSet) -> dict[str, str] | None:
    """The labels of the stable pods; None where the template is not held."""
    if not stable.template:
        return None
    return dict((stable.template.get("metadata") or {}).get("labels") or {})


def slim_replica_set(replica_set: Object) -> dict[str, Any]:
    """What a glance needs of a ReplicaSet: whose it is, its counts, and its template's identity in place of it."""
    meta, status = replica_set["metadata"], replica_set.get("status") or {}
    kept = ("name", "namespace", "uid", "resourceVersion", "labels", "ownerReferences")
    stable = _stable_from(replica_set)
    return {
        "metadata": {key: meta[key] for key in kept if key in meta},
        "spec": {"replicas": int(replica_set["spec"].get("replicas", 1))},
        "status": {"readyReplicas": int(status.get("readyReplicas", 0))},
        _KNOWN: (stable.template_hash, stable.pod_template_hash, stable.images),
    }


def owned_by(objects: Iterable[Object], uid: str) -> list[Object]:
    """Those of `objects` whose controller is `uid`."""
    return [
        candidate
        for candidate in objects
        if any(
            owner.get("uid") == uid and owner.get("controller")
            for owner in candidate["metadata"].get("ownerReferences") or ()
        )
    ]


def stable_set(replica_sets: Iterable[Object], workload: Workload, release: Release | None) -> StableSet | None:
    """The ReplicaSet that is stable now, None when there is none.

    During a release it is the one the Release began with, and from the end of the rollout on the promoted one; at
    rest it is the one with pods (the largest, should several have some).
    """
    sets = [_stable_from(candidate) for candidate in replica_sets]
    if release is not None and release.active:
        wanted = release.spec.stable.template_hash
        if release.status.phase is Phase.PROMOTING and release.status.stage in _AFTER_ROLL_OUT:
            wanted = release.spec.canary.template_hash
        sets = [candidate for candidate in sets if candidate.template_hash == wanted]
    elif any(candidate.replicas for candidate in sets):
        sets = [candidate for candidate in sets if candidate.replicas]
    elif any(candidate.template_hash == workload.template_hash for candidate in sets):
        sets = [candidate for candidate in sets if candidate.template_hash == workload.template_hash]
    return max(sets, key=lambda candidate: (candidate.replicas, candidate.ready), default=None)


def _stable_from(replica_set: Object) -> StableSet:
    replicas = int(replica_set["spec"].get("replicas", 1))
    ready = int((replica_set.get("status") or {}).get("readyReplicas", 0))
    if _KNOWN in replica_set:
        name, pod_hash, images = replica_set[_KNOWN]
        return StableSet(name, pod_hash, images, replicas, ready)
    template = replica_set["spec"]["template"]
    bare = deepcopy(dict(template))
    labels = bare.get("metadata", {}).get("labels", {})
    pod_hash = labels.pop(POD_TEMPLATE_HASH, "")
    return StableSet(
        template_hash=template_hash(template),
        pod_template_hash=pod_hash,
        images=images_of(template),
        replicas=replicas,
        ready=ready,
        template=bare,
    )


def _bare(template: Object) -> Any:
    kept = deepcopy(dict(template))
    meta = kept.get("metadata") or {}
    meta.pop("creationTimestamp", None)
    labels = meta.get("labels") or {}
    labels.pop(POD_TEMPLATE_HASH, None)
    return _without_empty(kept)


def _without_empty(value: Any) -> Any:
    """Absent, null and empty mean the same in a pod template, and servers write them differently."""
    if isinstance(value, Mapping):
        kept = {key: _without_empty(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if not _says_nothing(key, inner)}
    if isinstance(value, list):
        return [_without_empty(inner) for inner in value]
    return value


def _says_nothing(key: str, value: Any) -> bool:
    return value is None or value == [] or (value == {} and key not in _MEANT_WHEN_EMPTY)


def _rolled_out(deployment: Object) -> bool:
    spec, status = deployment["spec"], deployment.get("status") or {}
    wanted = int(spec.get("replicas", 1))
    seen = int(status.get("observedGeneration", 0)) >= int(deployment["metadata"].get("generation", 0))
    counts = [int(status.get(field, 0)) for field in ("replicas", "updatedReplicas", "availableReplicas")]
    return seen and all(count == wanted for count in counts)


def _stuck(deployment: Object) -> bool:
    conditions = (deployment.get("status") or {}).get("conditions") or ()
    return any(
        condition["type"] == "Progressing"
        and condition["status"] == "False"
        and condition.get("reason") == "ProgressDeadlineExceeded"
        for condition in conditions
    )
