"""Keys that want a pass: each at most once in the queue and never twice at work, some of them later."""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
FIRST_BACK_OFF_S, LAST_BACK_OFF_S = 0.2, 30.0


class WorkQueue(Generic[Key]):
    """`get` hands a key out, `done` gives it back; a key added meanwhile is handed out again after that."""

    def __init__(self, random_source: random.Random | None = None) -> None:
        self._changed = threading.Condition()
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._working: set[Key] = set()
        self._parked: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._order = 0
        self._closed = False
        self._random = random_source or random.Random()

    def add(self, key: Key, after: float = 0.0) -> None:
        """Asks for a pass in `after` seconds, or sooner where one is asked for already."""
        due = time.monotonic() + after
        with self._changed:
            if self._due.get(key, float("inf")) <= due:
                return
            self._due[key] = due
            self._push(key, due)
            self._changed.notify()

    @property
    def waiting(self) -> int:
        """Keys that are due and not at work yet."""
        now = time.monotonic()
        with self._changed:
            return sum(due <= now for due in self._due.values())

    def retry(self, key: Key, at_least: float | None = None) -> float:
        """Asks again after a failure, with exponential back-off and jitter; the wait in seconds."""
        with self._changed:
            failures = self._failures.get(key, 0)
            self._failures[key] = failures + 1
        ceiling = min(LAST_BACK_OFF_S, FIRST_BACK_OFF_S * 2.0 ** min(failures, 16))
        wait = max(ceiling * self._random.uniform(0.5, 1.0), at_least or 0.0)
        self.add(key, wait)
        return wait

    def forget(self, key: Key) -> None:
        """The key's last pass went well."""
        with self._changed:
            self._failures.pop(key, None)

    def get(self) -> Key | None:
        """The next key that is due and not at work; waits for one. None once the queue is closed."""
        with self._changed:
            while not self._closed:
                key, wait = self._next()
                if key is not None:
                    self._working.add(key)
                    return key
                self._changed.wait(wait)
        return None

    def done(self, key: Key) -> None:
        """The key's pass has ended."""
        with self._changed:
            self._working.discard(key)
            due = self._parked.pop(key, None)
            if due is not None:
                self._push(key, due)
            self._changed.notify_all()

    def close(self) -> None:
        """No more keys; every `get` returns None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next(self) -> tuple[Key | None, float | None]:
        """A key that is due, or the seconds until one may be: one at work is looked at again when it is done."""
        now = time.monotonic()
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            if self._due.get(key) != due:
                continue  # an earlier wish took its place
            if key in self._working:
                self._parked[key] = due
                continue
            del self._due[key]
            return key, None
        return None, self._heap[0][0] - now if self._heap else None

    def _push(self, key: Key, due: float) -> None:
        self._order += 1
        heapq.heappush(self._heap, (due, self._order, key))
