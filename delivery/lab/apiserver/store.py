"""Objects in memory with one revision counter, and a bounded log of changes that watches and pages read from.

Stored objects are never changed in place: a write replaces the whole object, so a reader may keep what it was given.
Everything runs on one event loop; no method awaits, so each is atomic.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from delivery.lab.apiserver.status import Json

StorageKey = tuple[str, str]
"""(group, plural) of what is stored; several served versions share one storage."""
ObjectKey = tuple[str, str]
"""(namespace, name); the namespace of a cluster-wide object is empty."""

ADDED, MODIFIED, DELETED = "ADDED", "MODIFIED", "DELETED"


@dataclass(frozen=True, slots=True)
class Change:
    """One write. `current` is the object after it (for a deletion: as it was, at the deletion's revision)."""

    revision: int
    kind: str
    key: ObjectKey
    current: Json
    previous: Json | None
    encoded: dict[str, bytes] = field(default_factory=dict)
    """Wire form by requested apiVersion, so that many watches encode an event once."""


class TooOldError(Exception):
    """The asked revision has been compacted; `oldest` is the first one still answerable."""

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {asked} ({oldest})")
        self.asked = asked
        self.oldest = oldest


class Collection:
    """All objects of one kind, and the last `window` changes to them."""

    def __init__(self, revision: int, window: int) -> None:
        self.objects: dict[ObjectKey, Json] = {}
        self._of_namespace: dict[str, dict[ObjectKey, Json]] = {}
        self.floor = revision
        self.closed = False
        self._window = window
        self._changes: list[Change] = []
        self._wakers: set[asyncio.Event] = set()

    def put(self, key: ObjectKey, obj: Json) -> None:
        self.objects[key] = obj
        self._of_namespace.setdefault(key[0], {})[key] = obj

    def pop(self, key: ObjectKey) -> Json:
        """Raises KeyError where there is none."""
        self._of_namespace[key[0]].pop(key)
        return self.objects.pop(key)

    def within(self, namespace: str | None) -> dict[ObjectKey, Json]:
        """Those of one namespace, or all."""
        return self.objects if namespace is None else self._of_namespace.get(namespace, {})

    def record(self, change: Change) -> None:
        self._changes.append(change)
        if len(self._changes) > 2 * self._window:
            self.compact(self._changes[-self._window - 1].revision)
        self.wake()

    def compact(self, revision: int) -> None:
        """Forget every change up to and including `revision`."""
        kept = bisect_right(self._changes, revision, key=_revision_of)
        del self._changes[:kept]
        self.floor = max(self.floor, revision)

    def since(self, revision: int) -> list[Change]:
        """Changes after `revision`, oldest first.

        Raises:
            TooOldError: some of them have been forgotten.
        """
        if revision < self.floor:
            raise TooOldError(revision, self.floor)
        return self._changes[bisect_right(self._changes, revision, key=_revision_of) :]

    def at(self, revision: int) -> dict[ObjectKey, Json]:
        """The objects as they were at `revision`, by undoing what came later.

        Raises:
            TooOldError: the log does not reach back that far.
        """
        state = dict(self.objects)
        for change in reversed(self.since(revision)):
            if change.previous is None:
                state.pop(change.key, None)
            else:
                state[change.key] = change.previous
        return state

    def subscribe(self, waker: asyncio.Event) -> None:
        self._wakers.add(waker)

    def unsubscribe(self, waker: asyncio.Event) -> None:
        self._wakers.discard(waker)

    def wake(self) -> None:
        for waker in self._wakers:
            waker.set()

    def close(self) -> None:
        """End every watch on this collection: the server stops, or the kind is no longer served."""
        self.closed = True
        self.wake()


def _revision_of(change: Change) -> int:
    return change.revision


Observer = Callable[[StorageKey, Change], None]


class Store:
    """Collections by storage key under one revision counter."""

    def __init__(self, window: int = 4096) -> None:
        self.revision = 1
        self._window = window
        self._collections: dict[StorageKey, Collection] = {}
        self._observers: list[Observer] = []

    def observe(self, observer: Observer) -> None:
        """Call `observer` after each change, on the same loop turn; it must not write itself."""
        self._observers.append(observer)

    def open(self, storage: StorageKey) -> Collection:
        """The collection of `storage`, made empty when there is none."""
        if storage not in self._collections:
            self._collections[storage] = Collection(self.revision, self._window)
        return self._collections[storage]

    def drop(self, storage: StorageKey) -> None:
        collection = self._collections.pop(storage, None)
        if collection is not None:
            collection.close()

    def collections(self) -> Iterator[tuple[StorageKey, Collection]]:
        yield from list(self._collections.items())

    def get(self, storage: StorageKey, key: ObjectKey) -> Json | None:
        return self.open(storage).objects.get(key)

    def put(self, storage: StorageKey, key: ObjectKey, obj: Json) -> Json:
        """Store `obj` under the next revision and return it with its resourceVersion set."""
        collection = self.open(storage)
        previous = collection.objects.get(key)
        current = self._stamped(obj)
        collection.put(key, current)
        self._publish(storage, Change(self.revision, MODIFIED if previous else ADDED, key, current, previous))
        return current

    def remove(self, storage: StorageKey, key: ObjectKey, last: Json | None = None) -> Json:
        """Remove an object that is there; `last` is its final state where that differs from the stored one."""
        previous = self.open(storage).pop(key)
        current = self._stamped(last or previous)
        self._publish(storage, Change(self.revision, DELETED, key, current, previous))
        return current

    def _stamped(self, obj: Json) -> Json:
        self.revision += 1
        return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.revision)}}

    def _publish(self, storage: StorageKey, change: Change) -> None:
        self.open(storage).record(change)
        for observer in self._observers:
            observer(storage, change)

    def listing(self, storage: StorageKey, namespace: str | None, revision: int | None = None) -> list[Json]:
        """Objects in key order, of one namespace or of all; at an earlier `revision` when given.

        Raises:
            TooOldError: `revision` has been compacted.
        """
        collection = self.open(storage)
        objects = collection.within(namespace) if revision is None else collection.at(revision)
        keys = sorted(key for key in objects if namespace is None or key[0] == namespace)
        return [objects[key] for key in keys]
