"""Answers that are good for a moment, and asked for anew before that is over: whoever calls steadily waits for none."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Generic, TypeVar

import structlog
from cachetools import TTLCache

from delivery.errors import HeadgateError, Retry

log = structlog.get_logger()
Key = TypeVar("Key")
Answer = TypeVar("Answer")
Aside = Callable[[Callable[[], None]], object]
"""Has something done later, by somebody else."""
CACHED = 10_000
RENEWED_AFTER = 0.5
"""Of the time that an answer is good for: whoever needs it after that has it renewed."""


@dataclass(slots=True)
class _Kept(Generic[Answer]):
    answer: Answer
    renew_at: float


class Renewing(Generic[Key, Answer]):
    """A cache. An answer that cannot be renewed is good for `kept_s` seconds and no longer. Thread-safe."""

    def __init__(self, kept_s: float, clock: Callable[[], float], aside: Aside) -> None:
        self._kept_s, self._clock, self._aside = kept_s, clock, aside
        self._lock = threading.Lock()
        self._kept: TTLCache[Key, _Kept[Answer]] = TTLCache(CACHED, kept_s, clock)

    def known(self, key: Key, ask: Callable[[], Answer]) -> Answer | None:
        """The answer, if there is one that is still good. `ask` is called aside, if at all."""
        with self._lock:
            kept = self._kept.get(key)
            due = kept is not None and self._clock() >= kept.renew_at
            if kept is not None and due:
                kept.renew_at = inf  # by the one that is set off here: no other tries again
        if kept is None:
            return None
        if due:
            self._aside(lambda: self._renew(key, kept, ask))
        return kept.answer

    def of(self, key: Key, ask: Callable[[], Answer]) -> Answer:
        """The answer, if need be from `ask`. Raises what that raises."""
        known = self.known(key, ask)
        if known is not None:
            return known
        answer = ask()
        with self._lock:
            self._kept[key] = self._from_now(answer)
        return answer

    def _renew(self, key: Key, old: _Kept[Answer], ask: Callable[[], Answer]) -> None:
        """Nothing where the old one is no longer there: what was asked since is newer than what this would bring."""
        if not self._is_kept(key, old):
            return
        try:
            renewed = self._from_now(ask())
        except Retry as problem:
            log.warning("what a caller may could not be asked anew", problem=str(problem))
            return
        except HeadgateError:  # as of a token that was withdrawn
            renewed = None
        with self._lock:
            if self._kept.get(key) is not old:
                return
            self._kept.pop(key, None)
            if renewed is not None:
                self._kept[key] = renewed

    def _is_kept(self, key: Key, kept: _Kept[Answer]) -> bool:
        with self._lock:
            return self._kept.get(key) is kept

    def _from_now(self, answer: Answer) -> _Kept[Answer]:
        return _Kept(answer, self._clock() + RENEWED_AFTER * self._kept_s)
