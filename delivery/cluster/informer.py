"""A list that keeps itself current: list once, then watch; list again only when the server's history is behind us."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping

import structlog

from delivery.cluster.client import Cluster, Object, Watch, WatchEvent
from delivery.cluster.kinds import Kind
from delivery.errors import Expired, HeadgateError, NotFound, Retry, Unavailable

log = structlog.get_logger()

Name = tuple[str | None, str]
OnChange = Callable[[Name, Object | None], None]
Keep = Callable[[Object], Object | None]
FIRST_BACK_OFF_S, LAST_BACK_OFF_S = 0.2, 15.0
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

    def _run(self) -> None:
        version: str | None = None
        while not self._stopped.is_set():
            try:
                version = version or self._list()
                version = self._follow(version)
                self._failures = 0
            except (Expired, NotFound):
                version = None  # behind the server's history, or the kind is (not yet, no longer) served
                self._back_off(None)
            except HeadgateError as problem:
                self._back_off(problem)

    def _list(self) -> str:
        listing = self._cluster.list(self._kind, self._namespace, labels=self._labels)
        kept = [self._keep(obj) for obj in listing.items]
        found = {_name(obj): obj for obj in kept if obj is not None}
        with self._lock:
            before, self._objects = self._objects, found
        for name, obj in found.items():
            if _version(before.get(name)) != _version(obj):
                self._on_change(name, obj)
        for name in before.keys() - found.keys():
            self._on_change(name, None)
        self._synced.set()
        return listing.resource_version

    def _follow(self, version: str) -> str:
        watch = self._cluster.watch(
            self._kind, self._namespace, resource_version=version, timeout_s=WATCH_S, labels=self._labels
        )
        with self._lock:
            self._watch = watch
        if self._stopped.is_set():  # stop() came before there was a watch to close
            watch.close()
        try:
            for event in watch:
                if self._stopped.is_set():
                    break
                version = event.object["metadata"]["resourceVersion"]
                self._take(event)
        except Retry:
            # A stream that broke is resumed where it stood; only its last event's version can be trusted.
            if not self._stopped.is_set():
                self._back_off(None)
        finally:
            watch.close()
        return version

    def _take(self, event: WatchEvent) -> None:
        if event.type == "BOOKMARK":
            return
        name = _name(event.object)
        kept = None if event.type == "DELETED" else self._keep(event.object)
        with self._lock:
            before = self._objects.pop(name, None)
            if kept is not None:
                self._objects[name] = kept
        if kept is not None or before is not None:
            self._on_change(name, kept)

    def _back_off(self, problem: HeadgateError | None) -> None:
        ceiling = min(LAST_BACK_OFF_S, FIRST_BACK_OFF_S * 2.0 ** min(self._failures, 16))
        self._failures += 1
        wait = ceiling * random.uniform(0.5, 1.0)
        if problem is not None:
            wait = max(wait, getattr(problem, "after", None) or 0.0)
            log.warning("informer", kind=str(self._kind), problem=str(problem), again_in_s=round(wait, 1))
        self._stopped.wait(wait)


def _name(obj: Object) -> Name:
    return obj["metadata"].get("namespace"), obj["metadata"]["name"]


def _version(obj: Object | None) -> str | None:
    return obj["metadata"].get("resourceVersion") if obj else None
