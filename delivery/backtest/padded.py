"""Recordings of different lengths side by side as arrays, the shorter ones filled up with empty ticks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.observation import LatencyCounts, TickCounts
from analysis.proportion import Floats, Rows
from delivery.backtest.recording import Recording

NAMES = (
    "stable_requests",
    "stable_errors",
    "canary_requests",
    "canary_errors",
    "share",
    "shadow_requests",
    "shadow_errors",
)


@dataclass(frozen=True, slots=True)
class Padded:
    """R recordings of up to T ticks and the same bounds: seconds since each one's start and counts, (R, T); `share` is
    NaN where unknown; histograms (R, T, C); `lengths` (R,) says how many ticks are real.
    """

    bounds: tuple[float, ...]
    lengths: Rows
    t: Floats
    counts: dict[str, Floats]
    stable_buckets: Floats
    canary_buckets: Floats

    @classmethod
    def of(cls, recordings: Sequence[Recording]) -> Padded:
        """Lay recordings of equal bounds out."""
        lengths = np.array([recording.t.size for recording in recordings], dtype=np.intp)
        shape = len(recordings), int(lengths.max(initial=0))
        bounds = recordings[0].bounds
        t = np.zeros(shape)
        counts = {name: np.zeros(shape) for name in NAMES}
        buckets = [np.zeros((*shape, len(bounds))) for _ in range(2)]
        for row, recording in enumerate(recordings):
            real = slice(0, lengths[row])
            t[row, real] = recording.t - recording.start
            t[row, lengths[row] :] = t[row, lengths[row] - 1]
            for name, column in counts.items():
                column[row, real] = getattr(recording, name)
            buckets[0][row, real], buckets[1][row, real] = recording.stable_buckets, recording.canary_buckets
        return cls(bounds, lengths, t, counts, *buckets)

    def part(self, rows: Rows, ticks: slice, last: Rows | None = None) -> tuple[TickCounts, list[LatencyCounts]]:
        """The ticks of some rows (r,), numbered 0 to r - 1; those after the `last` (r,) of the part left empty."""
        t = self.t[rows, ticks]
        before = np.zeros((rows.size, 1)) if ticks.start == 0 else self.t[rows, ticks.start - 1 : ticks.start]
        real = np.ones_like(t, dtype=bool) if last is None else np.arange(t.shape[1]) <= last[:, None]
        t = np.where(real, t, t.max(axis=1, where=real, initial=0.0, keepdims=True))
        since = np.concatenate([before, t[:, :-1]], axis=1)
        chosen = {name: np.where(real, column[rows, ticks], 0.0) for name, column in self.counts.items()}
        numbers = np.arange(rows.size)
        tick = TickCounts(
            rows=numbers,
            since=since,
            t=t,
            n_s=chosen["stable_requests"],
            e_s=chosen["stable_errors"],
            n_c=chosen["canary_requests"],
            e_c=chosen["canary_errors"],
            share=chosen["share"],
            restarted=np.zeros_like(t),
            x_n=chosen["shadow_requests"],
            x_e=chosen["shadow_errors"],
        )
        if not self.bounds:
            return tick, []
        stable, canary = (
            np.where(real[:, :, None], cells[rows, ticks], 0.0) for cells in (self.stable_buckets, self.canary_buckets)
        )
        return tick, [LatencyCounts(self.bounds, numbers, stable, canary)]


def learned_from(row: int, recording: Recording) -> tuple[TickCounts, list[LatencyCounts]]:
    """The recording's history as ticks of release number `row`, ending at its start."""
    history = recording.history
    if history is None:
        raise ValueError(f"release {recording.release!r} has no history to learn from")
    until = history.t - recording.start
    first = 2.0 * until[0] - until[1] if until.size > 1 else until[0] - recording.interval
    instants = np.concatenate([[first], until])
    tick = TickCounts.of_stable(row, instants, history.requests.sum(axis=1), history.errors.sum(axis=1))
    if not recording.bounds or not history.stable_buckets.shape[1]:
        return tick, []
    cells = history.stable_buckets[None]
    return tick, [LatencyCounts(recording.bounds, np.array([row]), cells, np.zeros_like(cells))]
