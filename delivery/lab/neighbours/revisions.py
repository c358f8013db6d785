"""The revisions of a Deployment: numbering, the next ReplicaSet, and forgetting the oldest."""

from __future__ import annotations

from collections.abc import Collection
from copy import deepcopy

from delivery.cluster.kinds import DEPLOYMENT, REPLICA_SET
from delivery.lab.neighbours.ownership import controller_reference, is_going
from delivery.lab.neighbours.plan import Action, Change, Create, Object, Remove, change, remove
from delivery.lab.neighbours.rollout import DESIRED, MAX, REVISION, Rollout, existing, revision, size
from delivery.lab.neighbours.strategies import first_size
from delivery.lab.neighbours.template_hash import POD_TEMPLATE_HASH, template_hash

REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
NOT_CARRIED = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        "deprecated.deployment.rollback.to",
        REVISION,
        REVISION_HISTORY,
        DESIRED,
        MAX,
    }
)
FOREVER = 2**31 - 1


def numbered(rollout: Rollout, new: Object) -> list[Action]:
    """Patches that make the current ReplicaSet the latest revision and the Deployment say so."""
    number = max(_next_revision(rollout), revision(new))
    found = [_noted_on_replica_set(rollout, new, number), _noted_on_deployment(rollout.deployment, number)]
    return [each for each in found if each is not None]


def next_replica_set(rollout: Rollout, taken: Collection[str]) -> tuple[list[Action], int]:
    """The creation of the ReplicaSet of the current template, and the count of hash collisions it knows of.

    `taken` are the names of all ReplicaSets in the namespace.
    """
    deployment = rollout.deployment
    collisions = int((deployment.get("status") or {}).get("collisionCount") or 0)
    name = deployment["metadata"]["name"]
    while f"{name}-{template_hash(deployment['spec']['template'], collisions)}" in taken:
        collisions += 1
    hashed = template_hash(deployment["spec"]["template"], collisions)
    created = Create(REPLICA_SET, _replica_set(rollout, hashed), "a template no ReplicaSet has")
    noted = _noted_on_deployment(deployment, _next_revision(rollout))
    return ([created, noted] if noted else [created]), collisions


def forgotten(rollout: Rollout) -> list[Remove]:
    """Old, empty ReplicaSets beyond revisionHistoryLimit, the lowest revision first."""
    limit = rollout.deployment["spec"].get("revisionHistoryLimit", 10)
    kept = sorted((each for each in rollout.old if not is_going(each)), key=revision)
    if limit == FOREVER:
        return []
    return [
        remove(REPLICA_SET, each, "beyond revisionHistoryLimit")
        for each in kept[: max(0, len(kept) - limit)]
        if _is_settled_at_nothing(each)
    ]


def _is_settled_at_nothing(replica_set: Object) -> bool:
    observed = (replica_set.get("status") or {}).get("observedGeneration") or 0
    return not size(replica_set) and not existing(replica_set) and observed >= replica_set["metadata"]["generation"]


def _next_revision(rollout: Rollout) -> int:
    return max((revision(each) for each in rollout.old), default=0) + 1


def _noted_on_replica_set(rollout: Rollout, new: Object, number: int) -> Change | None:
    annotations = new["metadata"].get("annotations") or {}
    wanted = {**_carried_annotations(rollout.deployment), REVISION: str(number)}
    if revision(new) not in (0, number):
        before = [annotations[REVISION_HISTORY]] if annotations.get(REVISION_HISTORY) else []
        wanted[REVISION_HISTORY] = ",".join([*before, str(revision(new))])
    body: Object = {}
    if any(annotations.get(key) != value for key, value in wanted.items()):
        body["metadata"] = {"annotations": wanted}
    ready = int(rollout.deployment["spec"].get("minReadySeconds") or 0)
    if int(new["spec"].get("minReadySeconds") or 0) != ready:
        body["spec"] = {"minReadySeconds": ready or None}
    return change(REPLICA_SET, new, body, f"revision {number}") if body else None


def _noted_on_deployment(deployment: Object, number: int) -> Change | None:
    if revision(deployment) == number:
        return None
    return change(DEPLOYMENT, deployment, {"metadata": {"annotations": {REVISION: str(number)}}}, "its revision")


def _carried_annotations(deployment: Object) -> dict[str, str]:
    annotations = deployment["metadata"].get("annotations") or {}
    return {key: value for key, value in annotations.items() if key not in NOT_CARRIED}


def _replica_set(rollout: Rollout, hashed: str) -> Object:
    deployment = rollout.deployment
    meta, spec = deployment["metadata"], deployment["spec"]
    template, selector = deepcopy(spec["template"]), deepcopy(spec["selector"])
    labels = template.setdefault("metadata", {}).setdefault("labels", {})
    labels[POD_TEMPLATE_HASH] = hashed
    selector.setdefault("matchLabels", {})[POD_TEMPLATE_HASH] = hashed
    notes = {**_carried_annotations(deployment), **rollout.size_notes(), REVISION: str(_next_revision(rollout))}
    wanted: Object = {"replicas": first_size(rollout), "selector": selector, "template": template}
    if spec.get("minReadySeconds"):
        wanted["minReadySeconds"] = spec["minReadySeconds"]
    return {
        "metadata": {
            "name": f"{meta['name']}-{hashed}",
            "namespace": meta["namespace"],
            "labels": dict(labels),
            "annotations": notes,
            "ownerReferences": [controller_reference("apps/v1", DEPLOYMENT, deployment)],
        },
        "spec": wanted,
    }
