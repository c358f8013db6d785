"""Whose record is written now: all while they are few, in turns while they are many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nsmallest

WRITES_S = 5.0  # a record read back goes on from any instant, so a write less often loses nothing
SAVED_UP_S = 4.0  # many at once would stand before the passes of releases that begin


@dataclass(frozen=True, slots=True)
class Waiting:
    """A Release with something to record: whether a person would want to know at once, and how far its record goes.
    `again`: it had its turn, and nothing came of that yet."""

    key: str
    news: bool
    recorded_through: float
    again: bool = False

    @property
    def rank(self) -> tuple[bool, bool, float, str]:
        """The first goes first. Those whose writes fail must not take the others' turns."""
        return self.again, not self.news, self.recorded_through, self.key


class Checkpoints:
    """A budget of writes: `WRITES_S` a second, of `SAVED_UP_S` at most at once. Not safe for several threads."""

    def __init__(self) -> None:
        self._saved = WRITES_S * SAVED_UP_S
        self._since: float | None = None

    def chosen(self, waiting: Iterable[Waiting], now: float) -> list[str]:
        """News first, then the oldest records, as many as the budget allows. `now` in seconds."""
        if self._since is not None:
            self._saved = min(WRITES_S * SAVED_UP_S, self._saved + WRITES_S * max(0.0, now - self._since))
        self._since = now
        chosen = [one.key for one in nsmallest(int(self._saved), waiting, key=lambda one: one.rank)]
        self._saved -= len(chosen)
        return chosen
