"""Garbage: what is owned by nothing any more, and what a deleted namespace still holds.

For an API server without anybody who does this. The embedded server collects by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

import structlog

from delivery.cluster.client import Cluster, Object
from delivery.cluster.informer import Informer
from delivery.cluster.kinds import (
    DEPLOYMENT,
    ENDPOINT_SLICE,
    ENDPOINTS,
    NAMESPACE,
    POD,
    RELEASE,
    REPLICA_SET,
    SERVICE,
    Kind,
)
from delivery.errors import Conflict, HeadgateError, NotFound
from delivery.lab.neighbours.emptier import Emptier
from delivery.lab.neighbours.ownership import is_going
from delivery.lab.neighbours.plan import change
from delivery.reconcile.queue import WorkQueue

log = structlog.get_logger()
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
OWNED_KINDS = (DEPLOYMENT, REPLICA_SET, POD, SERVICE, ENDPOINTS, ENDPOINT_SLICE)
WHERE_SERVED = (RELEASE,)  # its definition may come later, or never
SYNC_TIMEOUT_S = 30.0
LOOK_AGAIN_S = 0.05  # after a lost race, and while a namespace's content goes
Key = tuple[Kind, str | None, str]


class Collector:
    """Follows deletions of the kinds a release owns; `owned` are those of OWNED_KINDS by default."""

    def __init__(self, cluster: Cluster, owned: Iterable[Kind] = OWNED_KINDS) -> None:
        self._cluster = cluster
        self._queue: WorkQueue[Key] = WorkQueue()
        self._seen: dict[Key, Object] = {}
        self._needed = (*owned, NAMESPACE)
        self._informers = {kind: self._informer(kind) for kind in (*self._needed, *WHERE_SERVED)}
        self._emptier = Emptier(cluster)
        self._thread = threading.Thread(target=self._run, name="neighbour-garbage", daemon=True)

    def start(self) -> None:
        """Begins to collect. Raises Unavailable when the API server does not answer."""
        for informer in self._informers.values():
            informer.start()
        for kind in self._needed:
            self._informers[kind].wait_synced(SYNC_TIMEOUT_S)
        self._thread.start()

    def stop(self) -> None:
        """Ends after the object under way."""
        for informer in self._informers.values():
            informer.stop()
        self._queue.close()
        if self._thread.is_alive():
            self._thread.join(5)

    def _informer(self, kind: Kind) -> Informer:
        def on_change(name: tuple[str | None, str], obj: Object | None) -> None:
            self._heard((kind, *name), obj)

        return Informer(self._cluster, kind, on_change=on_change)

    def _heard(self, key: Key, obj: Object | None) -> None:
        before = self._seen.pop(key, None)
        if obj is not None:
            self._seen[key] = obj
            self._queue.add(key)
        if before is not None and (obj is None or obj["metadata"]["uid"] != before["metadata"]["uid"]):
            self._wake_around(before)

    def _wake_around(self, gone: Object) -> None:
        """What it owned may be garbage now; who waited for it to go may go too."""
        for kind, dependent in self._dependents(gone["metadata"]["uid"]):
            self._queue.add((kind, dependent["metadata"].get("namespace"), dependent["metadata"]["name"]))
        for reference in gone["metadata"].get("ownerReferences") or []:
            owner = self._kind_of(reference)
            if owner is not None:
                self._queue.add((owner, gone["metadata"].get("namespace"), reference["name"]))

    def _dependents(self, uid: str) -> list[tuple[Kind, Object]]:
        return [
            (kind, obj)
            for kind, informer in self._informers.items()
            for obj in informer.list()
            if any(each["uid"] == uid for each in obj["metadata"].get("ownerReferences") or [])
        ]

    def _kind_of(self, reference: Object) -> Kind | None:
        group = str(reference["apiVersion"]).rpartition("/")[0]
        found = (kind for kind in self._informers if (kind.group, kind.name) == (group, reference["kind"]))
        return next(found, None)

    def _run(self) -> None:
        while (key := self._queue.get()) is not None:
            try:
                self._collect(key)
                self._queue.forget(key)
            except (NotFound, Conflict):
                self._queue.add(key, LOOK_AGAIN_S)
            except HeadgateError as problem:
                wait = self._queue.retry(key)
                log.warning("garbage", object=str(key[2]), problem=str(problem), again_in_s=round(wait, 1))
            finally:
                self._queue.done(key)

    def _collect(self, key: Key) -> None:
        kind, namespace, name = key
        obj = self._cluster.find(kind, name, namespace)
        if obj is None:
            return
        if kind == NAMESPACE and is_going(obj):
            if not self._emptier.empty(obj):
                self._queue.add(key, LOOK_AGAIN_S)
        elif is_going(obj):
            self._follow_deletion(kind, obj)
        elif obj["metadata"].get("ownerReferences"):
            self._check_owners(kind, obj)

    def _check_owners(self, kind: Kind, obj: Object) -> None:
        meta = obj["metadata"]
        references = meta["ownerReferences"]
        present = [each for each in references if self._is_there(each, meta.get("namespace"))]
        if not present:
            self._cluster.delete(kind, meta["name"], meta.get("namespace"), uid=meta["uid"])
        elif len(present) < len(references):
            self._patch(kind, obj, {"ownerReferences": present})

    def _is_there(self, reference: Object, namespace: str | None) -> bool:
        kind = self._kind_of(reference)
        if kind is None:
            return True  # not ours to judge
        owner = self._cluster.find(kind, reference["name"], namespace if kind.namespaced else None)
        return owner is not None and owner["metadata"]["uid"] == reference["uid"]

    def _follow_deletion(self, kind: Kind, obj: Object) -> None:
        finalizers = obj["metadata"].get("finalizers") or []
        dependents = self._dependents(obj["metadata"]["uid"])
        if ORPHAN in finalizers:
            for each_kind, dependent in dependents:
                self._disown(each_kind, dependent, obj["metadata"]["uid"])
            self._patch(kind, obj, {"finalizers": [each for each in finalizers if each != ORPHAN] or None})
        elif FOREGROUND in finalizers:
            for each_kind, dependent in dependents:
                self._delete_foreground(each_kind, dependent)
            if not dependents:  # else the last of them wakes this object again
                self._patch(kind, obj, {"finalizers": [each for each in finalizers if each != FOREGROUND] or None})

    def _disown(self, kind: Kind, dependent: Object, uid: str) -> None:
        others = [each for each in dependent["metadata"]["ownerReferences"] if each["uid"] != uid]
        self._patch(kind, dependent, {"ownerReferences": others or None})

    def _delete_foreground(self, kind: Kind, dependent: Object) -> None:
        meta = dependent["metadata"]
        if not is_going(dependent):
            self._cluster.delete(kind, meta["name"], meta.get("namespace"), uid=meta["uid"], propagation="Foreground")

    def _patch(self, kind: Kind, obj: Object, metadata: Object) -> None:
        done = change(kind, obj, {"metadata": metadata}, "garbage")
        self._cluster.patch(kind, done.name, done.namespace, done.body)
