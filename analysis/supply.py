"""How the data comes in: whether both arms are heard at all, in time, and from counters that last."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.forgetting import forgetting_sums
from analysis.observation import TickCounts
from analysis.proportion import Floats
from analysis.settings import ReleaseSettings

SILENT = 1e-3
PACE_MEMORY, TROUBLE_MEMORY = 60.0, 300.0
# A tick may be as long as this many of the usual ones before the rest of it counts as a gap.
PUNCTUAL = 2.5
MOSTLY = 0.5
STALE_TICKS, STALE_AT_LEAST = 3.0, 60.0
STORM = 1.0
Flags = np.ndarray


@dataclass(slots=True)
class Supply:
    """How the data comes in. `pace` (R, 3): recent stable requests, canary requests and seconds, forgotten over a
    minute; `trouble` (R, 3): recent seconds of gaps, restarts of all counters and seconds, forgotten over five.
    """

    interval: Floats
    pace: Floats
    trouble: Floats

    @classmethod
    def nothing_yet(cls, settings: Sequence[ReleaseSettings]) -> "Supply":
        """The state before the first tick."""
        interval = np.array([np.inf if s.interval is None else s.interval for s in settings], dtype=float)
        return cls(interval, np.zeros((len(settings), 3)), np.zeros((len(settings), 3)))

    def observe(self, tick: TickCounts) -> "SupplyCourse":
        """Take in B ticks; what was known after each."""
        rows, seconds = tick.rows, tick.t - tick.since
        gap = np.maximum(seconds - PUNCTUAL * self.interval[rows, None], 0.0)
        pace, trouble = (
            forgetting_sums(start[rows], np.stack(added, axis=2), np.repeat(seconds[:, :, None] / memory, 3, axis=2))
            for start, added, memory in (
                (self.pace, (tick.n_s, tick.n_c, seconds), PACE_MEMORY),
                (self.trouble, (gap, tick.restarted, seconds), TROUBLE_MEMORY),
            )
        )
        self.pace[rows], self.trouble[rows] = pace[:, -1], trouble[:, -1]
        return SupplyCourse(pace, trouble)

    def now(self) -> "SupplyCourse":
        """What is known at the last instants, as a course of one tick."""
        return SupplyCourse(self.pace[:, None], self.trouble[:, None])


@dataclass(frozen=True, slots=True)
class SupplyCourse:
    """`pace` and `trouble` (r, B, 3) after each of B ticks; every flag is (r, B)."""

    pace: Floats
    trouble: Floats

    def stable_silent(self) -> Flags:
        """The canary serves requests, stable next to none for minutes."""
        return np.asarray(~self._serves(0) & self._serves(1))

    def canary_silent(self) -> Flags:
        """Stable serves requests, the canary next to none for minutes."""
        return np.asarray(self._serves(0) & ~self._serves(1))

    def gaps(self) -> Flags:
        """Most of the last minutes came in ticks much longer than usual."""
        return np.asarray(self.trouble[:, :, 0] > MOSTLY * self.trouble[:, :, 2])

    def reset_storm(self) -> Flags:
        """Within the last minutes every counter began anew once, on average."""
        return np.asarray(self.trouble[:, :, 1] >= STORM)

    def doubtful(self) -> Flags:
        """Any of these: no canary is advanced by such data."""
        return np.asarray(self.stable_silent() | self.canary_silent() | self.gaps() | self.reset_storm())

    def _serves(self, arm: int) -> Flags:
        return np.asarray(self.pace[:, :, arm] > SILENT * np.maximum(self.pace[:, :, 2], 1.0))


def stale(t: Floats, now: Floats, interval: Floats) -> Flags:
    """Nothing has come for three ticks and at least a minute: last instants, present and tick lengths, all (R,)."""
    patience = np.maximum(STALE_TICKS * np.where(np.isfinite(interval), interval, 0.0), STALE_AT_LEAST)
    return np.asarray(now - t > patience)
