"""A list that keeps itself current: list once, then watch; list again only when the server's history is behind us."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping

import structlog

from delivery.cluster.client import Cluster, Object, Watch, WatchEvent
from delivery.cluster.kinds import Kind
from delivery.errors import Expired, HeadgateError, NotFound, Unavailable

log = structlog.get_logger()

Name = tuple[str | None, str]
OnChange = Callable[[Name, Object | None], None]
Keep = Callable[[Object], Object | None]
FIRST_BACK_OFF_S, LAST_BACK_OFF_S = 0.2, 15.0
STALE_LISTS_REFUSED = 3
WATCH_S = 290  # the server ends a watch after this; it is resumed where it ended


def everything(obj: Object) -> Object | None:
    """For an informer whose objects are small, or all needed."""
    return obj


def ignore(_name: Name, _object: Object | None) -> None:
    """For an informer that is only asked."""


class Informer:
    """The objects of one kind, as far as the API server has told.

    `keep` makes an object smaller before it is stored, or leaves it out (None).
    `on_change` is called from the informer's own thread with the object, or None when it is gone; after a new list
    only for what differs. It must be quick and must not raise.
    """

    def __init__(
        self,
        cluster: Cluster,
        kind: Kind,
        namespace: str | None = None,
        *,
        labels: Mapping[str, str] | str = "",
        on_change: OnChange = ignore,
        keep: Keep = everything,
    ) -> None:
        self._cluster = cluster
        self._kind = kind
        self._namespace = namespace
        self._labels = labels
        self._on_change = on_change
        self._keep = keep
        self._objects: dict[Name, Object] = {}
        self._lock = threading.Lock()
        self._synced = threading.Event()
        self._stopped = threading.Event()
        self._watch: Watch | None = None
        self._version: str | None = None
        self._newest = 0
        self._stale_lists = 0
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name=f"informer-{kind.plural}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the watch and waits for the thread."""
        self._stopped.set()
        with self._lock:
            watch = self._watch
        if watch is not None:
            watch.close()
        if self._thread.is_alive():
            self._thread.join(5)

    @property
    def synced(self) -> bool:
        """Whether there was a list at all."""
        return self._synced.is_set()

    @property
    def heard(self) -> int:
        """The newest version that was heard of, as a number."""
        return self._newest

    @property
    def kind(self) -> Kind:
        return self._kind

    def wait_synced(self, timeout_s: float) -> None:
        """Waits for the first list. Raises Unavailable when it does not come."""
        if not self._synced.wait(timeout_s):
            raise Unavailable(f"list of {self._kind}: not had after {timeout_s:.0f} s from {self._cluster.host}")

    def get(self, name: str, namespace: str | None = None) -> Object | None:
        """One object as last heard of; not to be changed by the caller."""
        with self._lock:
            return self._objects.get((namespace, name))

    def list(self, namespace: str | None = None) -> list[Object]:
        """All objects (of one namespace) as last heard of; not to be changed by the caller."""
        with self._lock:
            return [found for key, found in self._objects.items() if namespace in (None, key[0])]

    def round(self) -> float:
        """Lists where that is needed, then watches to the end of one stream; the seconds to wait before the next round.

        The thread does nothing but this; a test that has no time for threads may call it instead of `start`.
        """
        try:
            self._version = self._version or self._list()
            self._follow()
        except (Expired, NotFound):
            self._version = None  # behind the server's history, or the kind is (not yet, no longer) served
            return self._back_off(None)
        except HeadgateError as problem:
            return self._back_off(problem)
        self._failures = 0
        return 0.0

    def _run(self) -> None:
        while not self._stopped.is_set():
            wait = self.round()
            if wait:
                self._stopped.wait(wait)

    def _list(self) -> str:
        listing = self._cluster.list(self._kind, self._namespace, labels=self._labels)
        self._refuse_the_past(listing.resource_version)
        kept = [self._keep(obj) for obj in listing.items]
        found = {_name(obj): obj for obj in kept if obj is not None}
        with self._lock:
            before, self._objects = self._objects, found
        for name, obj in found.items():
            if _version(before.get(name)) != _version(obj):
                self._on_change(name, obj)
        for name in before.keys() - found.keys():
            self._on_change(name, None)
        self._newest = as_number(listing.resource_version)
        self._synced.set()
        return listing.resource_version

    def _refuse_the_past(self, version: str) -> None:
        """A list from a server that lags behind what was heard already would undo news. Raises Unavailable.

        Where it happens again and again the history itself went back (restored from a backup), and holds.
        """
        behind = 0 < as_number(version) < self._newest
        self._stale_lists = self._stale_lists + 1 if behind else 0
        if behind and self._stale_lists <= STALE_LISTS_REFUSED:
            raise Unavailable(f"list of {self._kind}: at version {version}, older than what was heard already")

    def _follow(self) -> None:
        """To the end of one stream. One that breaks is resumed where it stood: after its last whole event."""
        watch = self._cluster.watch(
            self._kind,
            self._namespace,
            resource_version=self._version or "",
            timeout_s=WATCH_S,
            labels=self._labels,
        )
        with self._lock:
            self._watch = watch
        if self._stopped.is_set():  # stop() came before there was a watch to close
            watch.close()
        try:
            for event in watch:
                if self._stopped.is_set():
                    break
                self._failures = 0
                self._hear(event)
        finally:
            watch.close()

    def _hear(self, event: WatchEvent) -> None:
        """Events of a kind come in the order of their versions: one that does not was sent before."""
        version = event.object["metadata"]["resourceVersion"]
        number = as_number(version)
        if 0 < number <= self._newest:
            return
        self._version, self._newest = version, number
        if event.type != "BOOKMARK":
            self._take(event)

    def _take(self, event: WatchEvent) -> None:
        name = _name(event.object)
        kept = None if event.type == "DELETED" else self._keep(event.object)
        with self._lock:
            before = self._objects.pop(name, None)
            if kept is not None:
                self._objects[name] = kept
        if kept is not None or before is not None:
            self._on_change(name, kept)

    def _back_off(self, problem: HeadgateError | None) -> float:
        ceiling = min(LAST_BACK_OFF_S, FIRST_BACK_OFF_S * 2.0 ** min(self._failures, 16))
        self._failures += 1
        wait = ceiling * random.uniform(0.5, 1.0)
        if problem is not None:
            wait = max(wait, getattr(problem, "after", None) or 0.0)
            log.warning("informer", kind=str(self._kind), problem=str(problem), again_in_s=f"{wait:.1f}")
        return wait


def as_number(version: str) -> int:
    """A resourceVersion as a number, by which those of one kind are ordered; 0 where it is none."""
    return int(version) if version.isdigit() else 0


def _name(obj: Object) -> Name:
    return obj["metadata"].get("namespace"), obj["metadata"]["name"]


def _version(obj: Object | None) -> str | None:
    return obj["metadata"].get("resourceVersion") if obj else None
