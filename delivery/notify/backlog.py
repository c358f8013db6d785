"""Which Releases a channel may have something to tell of. A set of keys, however often one changes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import structlog

from delivery.resources.release import Release

Key = tuple[str, str]
LIMIT = 20_000  # keys; some MB

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Owed:
    """By whose Release, since when; and the Release itself only where it is about to be gone and unreadable."""

    deployment: str
    since: float
    kept: Release | None = None


class Backlog:
    """Filled by the informer's thread, emptied by the channel's.

    What is taken is out of it. It may be put aside for a better time: `again` makes all of it ready.
    """

    def __init__(self, channel: str, limit: int = LIMIT) -> None:
        self._channel = channel
        self._limit = limit
        self._owed: dict[Key, Owed] = {}
        self._ready: dict[Key, None] = {}
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._owed)

    def add(self, key: Key, owed: Owed) -> None:
        """There is news, ready to be told. What is waiting already keeps its place and its time."""
        with self._changed:
            self._owed[key] = self._merged(key, owed)
            self._ready[key] = None
            self._bound()
            self._changed.notify()

    def put_aside(self, key: Key, owed: Owed) -> None:
        """Not now; what came meanwhile stays ready."""
        with self._changed:
            self._owed[key] = self._merged(key, owed)
            self._bound()

    def drop(self, key: Key, *, gone: bool = False) -> None:
        """Nothing is owed any more. Of one that is gone the kept Release is told of nevertheless."""
        with self._changed:
            known = self._owed.get(key)
            if known is not None and not (gone and known.kept):
                del self._owed[key]
                self._ready.pop(key, None)

    def again(self) -> None:
        """All of it is ready."""
        with self._changed:
            self._ready |= dict.fromkeys(self._owed)
            self._changed.notify()

    def take(self) -> tuple[Key, Owed] | None:
        """What is longest ready; waits for it. None once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._ready)
            if self._closed:
                return None
            key = next(iter(self._ready))
            del self._ready[key]
            return key, self._owed.pop(key)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _merged(self, key: Key, owed: Owed) -> Owed:
        known = self._owed.get(key)
        if known is None:
            return owed
        return replace(known, since=min(known.since, owed.since), kept=owed.kept or known.kept)

    def _bound(self) -> None:
        while len(self._owed) > self._limit:
            lost = next(iter(self._owed))
            del self._owed[lost]
            self._ready.pop(lost, None)
            log.warning("too much to tell; the oldest is left out", channel=self._channel, release="/".join(lost))
