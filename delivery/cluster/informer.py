"""A list that keeps itself current: list once, then watch; list again only when the server's history is behind us."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

import structlog

from delivery.cluster.client import Cluster, Object, Watch, WatchEvent
from delivery.cluster.kinds import Kind
from delivery.cluster.stored import Stored
from delivery.errors import Expired, HeadgateError, NotFound, Unavailable

log = structlog.get_logger()

Name = tuple[str | None, str]
OnChange = Callable[[Name, Object | None], None]
Keep = Callable[[Object], Object | None]
Answer = TypeVar("Answer")
FIRST_BACK_OFF_S, LAST_BACK_OFF_S = 0.2, 15.0
LAST_BACK_OFF_ABSENT_S = 60.0  # of a kind that is not served, as those of other meshes are not
LONGEST_RETRY_AFTER_S = 300.0
STALE_LISTS_REFUSED = 3
# The server ends a watch after a time drawn from this, so that not all informers of a process come back at once.
SHORTEST_WATCH_S, LONGEST_WATCH_S = 240, 300
LIVED_S = 1.0  # a stream that lasted this long was a good one, though it may have had nothing to say
BARREN_STREAMS = 5  # so many that broke at the same place: what comes next there cannot be read, a list goes around it
STOP_S, LINGER_S = 5.0, 1.0


def everything(obj: Object) -> Object | None:
    """For an informer whose objects are small, or all needed."""
    return obj


def ignore(_name: Name, _object: Object | None) -> None:
    """For an informer that is only asked."""


class Informer:
    """The objects of one kind, as far as the API server has told.

    `keep` makes an object smaller before it is stored and told of, or leaves it out (None: as if it were not there).
    `on_change` is called from the informer's own thread with the object, or None when it is gone; after a new list
    only for what differs. It must be quick and must not raise: what it raises is logged, and the call is not repeated.
    `by_mention`: whether objects are to be found by what they mention.
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
        by_mention: bool = False,
    ) -> None:
        self._cluster = cluster
        self._kind = kind
        self._namespace = namespace
        self._labels = labels
        self._on_change = on_change
        self._keep = keep
        self._by_mention = by_mention
        self._objects = Stored()
        self._lock = threading.Lock()
        self._synced = threading.Event()
        self._stopped = threading.Event()
        # Set while the thread is where it changes and tells nothing: waiting for an answer, or ended.
        self._harmless = threading.Event()
        self._harmless.set()
        self._watch: Watch | None = None
        self._version: str | None = None
        self._newest = 0
        self._stale_lists = 0
        self._failures = 0
        self._problem: HeadgateError | None = None
        self._barren = 0
        self._thread = threading.Thread(target=self._run, name=f"informer-{kind.plural}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the watch; nothing is told any more once this returned.

        A thread that waits for the answer to a list may be left behind: it ends by itself when the call does.
        """
        self._stopped.set()
        with self._lock:
            watch = self._watch
        if watch is not None:
            watch.close()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._harmless.wait(STOP_S)
            self._thread.join(LINGER_S)

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
        """Waits for the first list. Raises Unavailable when it does not come, with what was last in its way."""
        if not self._synced.wait(timeout_s):
            why = f": {self._problem}" if self._problem else ""
            raise Unavailable(f"list of {self._kind}: not had after {timeout_s:.0f} s from {self._cluster.host}{why}")

    def get(self, name: str, namespace: str | None = None) -> Object | None:
        """One object as last heard of; not to be changed by the caller."""
        with self._lock:
            return self._objects.get((namespace, name))

    def mentioning(self, words: Collection[str]) -> Sequence[Object]:
        """Those that may mention one of the words; all where the informer does not tell them apart by that."""
        with self._lock:
            return self._objects.mentioning(words)

    def list(self, namespace: str | None = None) -> list[Object]:
        """All objects (of one namespace) as last heard of; not to be changed by the caller."""
        with self._lock:
            return self._objects.list(namespace)

    def round(self) -> float:
        """Lists where that is needed, then watches to the end of one stream; the seconds to wait before the next round.

        The thread does nothing but this; a test that has no time for threads may call it instead of `start`.
        """
        try:
            self._version = self._version or self._list()
            worthwhile = self._follow()
        except Expired:
            self._version = None  # behind the server's history
            return self._back_off(None)
        except NotFound:
            self._version = None  # the kind is (not yet, no longer) served
            return self._back_off(None, LAST_BACK_OFF_ABSENT_S)
        except HeadgateError as problem:
            return self._back_off(problem)
        except Exception as problem:  # an answer of a shape nobody foresaw must not end the thread, and go unheard
            self._version = None
            log.exception("informer", kind=str(self._kind))
            return self._back_off(Unavailable(f"{self._kind}: {type(problem).__name__}: {problem}"))
        return 0.0 if worthwhile else self._back_off(None)

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                self._stopped.wait(self.round())
        finally:
            self._harmless.set()

    def _asked(self, call: Callable[[], Answer]) -> Answer:
        """The answer to a call that stop() does not wait for: who asks looks whether that came meanwhile."""
        self._harmless.set()
        answer = call()
        self._harmless.clear()
        return answer

    def _list(self) -> str:
        listing = self._asked(lambda: self._cluster.list(self._kind, self._namespace, labels=self._labels))
        if self._stopped.is_set():
            raise Unavailable(f"list of {self._kind}: stopped meanwhile")
        self._refuse_the_past(listing.resource_version)
        kept = [self._keep(obj) for obj in listing.items]
        found = {_name(obj): obj for obj in kept if obj is not None}
        stored = Stored(found, by_mention=self._by_mention)
        with self._lock:
            before, self._objects = {_name(obj): obj for obj in self._objects.list()}, stored
        self._newest = as_number(listing.resource_version)
        self._barren = 0
        for name, obj in found.items():
            if before.get(name) != obj:
                self._tell(name, obj)
        for name in before.keys() - found.keys():
            self._tell(name, None)
        self._synced.set()
        return listing.resource_version

    def _refuse_the_past(self, version: str) -> None:
        """A list from a server that lags behind what was heard already would undo news. Raises Unavailable.

        Where it happens again and again the history itself went back (restored from a backup), and holds.
        """
        if not version:  # not from an API server: believed, it would say that everything is gone
            raise Unavailable(f"list of {self._kind}: the answer has no metadata.resourceVersion")
        behind = 0 < as_number(version) < self._newest
        self._stale_lists = self._stale_lists + 1 if behind else 0
        if behind and self._stale_lists <= STALE_LISTS_REFUSED:
            raise Unavailable(f"list of {self._kind}: at version {version}, older than what was heard already")

    def _follow(self) -> bool:
        """To the end of one stream: whether it was worth opening, so that the next one need not wait.

        One that breaks is resumed where it stood: after its last whole event.
        """
        watch = self._asked(self._open)
        opened, began_at = time.monotonic(), self._version
        with self._lock:
            self._watch = watch
        if self._stopped.is_set():  # stop() came before there was a watch to close
            watch.close()
        self._barren += 1
        try:
            for event in watch:
                if self._stopped.is_set():
                    break
                self._hear(event)
        except Unavailable:
            if self._barren >= BARREN_STREAMS and self._version == began_at:
                self._version = None
            raise
        finally:
            watch.close()
            with self._lock:
                self._watch = None
            if time.monotonic() - opened >= LIVED_S:
                self._failures = self._barren = 0
        return self._failures == 0 and self._barren == 0

    def _open(self) -> Watch:
        return self._cluster.watch(
            self._kind,
            self._namespace,
            resource_version=self._version or "",
            timeout_s=random.randint(SHORTEST_WATCH_S, LONGEST_WATCH_S),
            labels=self._labels,
        )

    def _hear(self, event: WatchEvent) -> None:
        """Events of a kind come in the order of their versions: one that does not was sent before."""
        meta = event.object.get("metadata")
        version = meta.get("resourceVersion") if isinstance(meta, dict) else None
        if not isinstance(version, str) or not version:
            raise Unavailable(f"watch of {self._kind}: an event without metadata.resourceVersion")
        number = as_number(version)
        if 0 < number <= self._newest:
            return
        if event.type != "BOOKMARK":
            self._take(event)
            self._failures = self._barren = 0  # a stream of nothing but bookmarks that ends at once is no good one
        self._version, self._newest = version, number

    def _take(self, event: WatchEvent) -> None:
        name = _name(event.object)
        kept = None if event.type == "DELETED" else self._keep(event.object)
        with self._lock:
            before = self._objects.drop(name)
            if kept is not None:
                self._objects.put(name, kept)
        if kept is not None or before is not None:
            self._tell(name, kept)

    def _tell(self, name: Name, obj: Object | None) -> None:
        if self._stopped.is_set():
            return
        try:
            self._on_change(name, obj)
        except Exception:  # whoever listens fails alone: the others' news still comes
            log.exception("informer's listener", kind=str(self._kind), name=name[1], namespace=name[0])

    def _back_off(self, problem: HeadgateError | None, longest_s: float | None = None) -> float:
        longest_s = LAST_BACK_OFF_S if longest_s is None else longest_s
        ceiling = min(longest_s, FIRST_BACK_OFF_S * 2.0 ** min(self._failures, 16))
        self._failures += 1
        wait = ceiling * random.uniform(0.5, 1.0)
        if problem is not None and not self._stopped.is_set():
            told = getattr(problem, "after", None) or 0.0
            wait = max(wait, min(told, LONGEST_RETRY_AFTER_S))
            self._problem = problem
            log.warning("informer", kind=str(self._kind), problem=str(problem), again_in_s=f"{wait:.1f}")
        return wait


def as_number(version: str) -> int:
    """A resourceVersion as a number, by which those of one kind are ordered; 0 where it is none."""
    return int(version) if version.isdigit() else 0


def _name(obj: Object) -> Name:
    return obj["metadata"].get("namespace"), obj["metadata"]["name"]
