"""A Deployment and its ReplicaSets: the one of the current template, and the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from delivery.cluster.kinds import REPLICA_SET
from delivery.lab.neighbours.bounds import Bounds, bounds_of
from delivery.lab.neighbours.plan import Change, Object, change
from delivery.lab.neighbours.template_hash import without_hash

REVISION = "deployment.kubernetes.io/revision"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAX = "deployment.kubernetes.io/max-replicas"


@dataclass(frozen=True, slots=True)
class Rollout:
    """`old` from the oldest to the newest; `new` is None until a ReplicaSet has the Deployment's template."""

    deployment: Object
    new: Object | None
    old: tuple[Object, ...]
    bounds: Bounds

    @classmethod
    def of(cls, deployment: Object, owned: Iterable[Object]) -> Rollout:
        """Sorts the Deployment's ReplicaSets by template."""
        by_age = sorted(owned, key=age_key)
        wanted = without_hash(deployment["spec"]["template"])
        same = [each for each in by_age if without_hash(each["spec"]["template"]) == wanted]
        new = same[0] if same else None  # twins are possible after adoption; the oldest is it
        return cls(deployment, new, tuple(each for each in by_age if each is not new), bounds_of(deployment))

    @property
    def every(self) -> tuple[Object, ...]:
        """All its ReplicaSets, the new one last."""
        return (*self.old, self.new) if self.new else self.old

    @property
    def active(self) -> tuple[Object, ...]:
        """Those that ask for pods."""
        return tuple(each for each in self.every if size(each) > 0)

    @property
    def is_recreate(self) -> bool:
        """Whether all old pods must be gone before the first new one."""
        return bool((self.deployment["spec"].get("strategy") or {}).get("type") == "Recreate")

    def scaled(self, replica_set: Object, replicas: int, why: str) -> Change | None:
        """The patch that gives a ReplicaSet a size and notes for which desired size that was decided."""
        notes = self.size_notes()
        annotations = replica_set["metadata"].get("annotations") or {}
        noted = all(annotations.get(key) == value for key, value in notes.items())
        if size(replica_set) == replicas and noted:
            return None
        body = {"metadata": {"annotations": notes}, "spec": {"replicas": replicas}}
        return change(REPLICA_SET, replica_set, body, why)

    def size_notes(self) -> dict[str, str]:
        """The annotations from which a later pass knows that the Deployment was scaled meanwhile."""
        return {DESIRED: str(self.bounds.desired), MAX: str(self.bounds.most)}


def age_key(obj: Object) -> tuple[str, str]:
    """Sorts the oldest first."""
    return obj["metadata"].get("creationTimestamp", ""), obj["metadata"]["name"]


def size(replica_set: Object) -> int:
    """The pods it asks for."""
    return int(replica_set["spec"].get("replicas", 1))


def existing(replica_set: Object) -> int:
    """The pods it last reported."""
    return int((replica_set.get("status") or {}).get("replicas") or 0)


def available(replica_set: Object) -> int:
    """The pods it last reported as available."""
    return int((replica_set.get("status") or {}).get("availableReplicas") or 0)


def keeps_available(replica_set: Object) -> int:
    """Pods that stay available: those reported, without the ones it was already told to give up."""
    return min(size(replica_set), available(replica_set))


def revision(obj: Object) -> int:
    """The number in the revision annotation; 0 where there is none that can be read."""
    text = (obj["metadata"].get("annotations") or {}).get(REVISION, "")
    return int(text) if text.isdigit() else 0


def noted_number(replica_set: Object, annotation: str) -> int | None:
    """The number of a size annotation, if it has one."""
    text = (replica_set["metadata"].get("annotations") or {}).get(annotation, "")
    return int(text) if text.isdigit() else None
