"""Evidence about the latency of R releases, whose histograms may have different bounds, as one struct of
arrays.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.errors import InvalidState
from analysis.forgetting import before_each, forgetting_sums
from analysis.latency import HARMLESS, SLOWER, latency_log_evidence
from analysis.observation import LatencyCounts, TickCounts, selected
from analysis.onset import OnsetBets
from analysis.proportion import Floats, Rows
from analysis.settings import ReleaseSettings

ROLLBACK_ONSET, ADVANCE_ONSET = OnsetBets(at_once=0.73), OnsetBets(at_once=0.9)
# In the order of analysis.latency: three shifts, the upper half, the slowest tenth twice.
ROLLBACK_WEIGHTS = np.array([0.17, 0.3, 0.17, 0.13, 0.1, 0.13])
ADVANCE_WEIGHTS = np.full(len(HARMLESS), 1.0 / len(HARMLESS))
MEMORY = 600.0
FEWEST_BOUNDS = 3
EARLIER, STABLE, CANARY = 0, 1, 2
Bounds = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LatencyNulls:
    """Whether latency is judged (R,), and by which pair of `factors`, of number `kind` (R,): how many times slower
    the canary may be, and how many times slower it must be shown not to be for an advance.
    """

    judged: np.ndarray
    factors: list[tuple[float, float]]
    kind: Rows

    @classmethod
    def of(cls, settings: Sequence[ReleaseSettings]) -> "LatencyNulls":
        """Lay the settings out."""
        pairs = [(1.0 + s.latency_tolerance.relative, 1.0 + s.latency_advance_tolerance.relative) for s in settings]
        factors = sorted(set(pairs))
        return cls(
            judged=np.array([s.judge_latency for s in settings], dtype=bool),
            factors=factors,
            kind=np.array([factors.index(pair) for pair in pairs], dtype=np.intp),
        )


@dataclass(slots=True)
class LatencyEvidence:
    """`rollback` (R, 6) and `advance` (R, 2) log bets, one an alternative; `cells` (R, 3, C) the stable cells that
    stakes rest on (forgotten over ten minutes), and all stable and canary cells so far; `kept` (R,) says which of the
    `known_bounds` a release's cells have, the first of which is (): no histogram yet.
    """

    nulls: LatencyNulls
    rollback: Floats
    advance: Floats
    cells: Floats
    kept: Rows
    known_bounds: list[Bounds]

    @classmethod
    def nothing_yet(cls, nulls: LatencyNulls) -> "LatencyEvidence":
        """The state before the first tick."""
        releases = nulls.judged.size
        return cls(
            nulls=nulls,
            rollback=ROLLBACK_ONSET.first((releases, SLOWER)),
            advance=ADVANCE_ONSET.first((releases, len(HARMLESS))),
            cells=np.zeros((releases, 3, 0)),
            kept=np.zeros(releases, dtype=np.intp),
            known_bounds=[()],
        )

    def bounds(self, row: int) -> Bounds:
        """The upper bounds of a release's cells, () before the first histogram."""
        return self.known_bounds[int(self.kept[row])]

    def alike(self) -> Iterator[tuple[Bounds, Rows]]:
        """The judged releases that have had histograms, by their bounds."""
        for kind, bounds in enumerate(self.known_bounds):
            rows = np.flatnonzero(self.nulls.judged & (self.kept == kind))
            if bounds and rows.size:
                yield bounds, rows

    def with_bounds(self, fewest: int, most: float = np.inf) -> np.ndarray:
        """Which releases judge latency and keep from `fewest` to `most` bounds, (R,) bool."""
        wanted = np.array([fewest <= len(bounds) <= most for bounds in self.known_bounds])
        return np.asarray(self.nulls.judged & wanted[self.kept])

    def observe(self, histograms: Sequence[LatencyCounts], tick: TickCounts, phi: Floats) -> "LatencyCourse":
        """Take in the histograms of B ticks, their log evidence divided by `phi` (r, B); without one, nothing is
        learned. Ticks without length teach what stable is like and are no evidence.
        """
        place = np.zeros(self.kept.size, dtype=np.intp)
        place[tick.rows] = np.arange(tick.rows.size)
        back, on = (np.zeros((*tick.t.shape, size)) for size in (SLOWER, len(HARMLESS)))
        for histogram in histograms:
            for bounds, rows, canary, stable in self._aligned(histogram):
                part = place[rows]
                back[part], on[part] = self._learn(bounds, rows, canary, stable, tick.since[part], tick.t[part])
        back /= phi[:, :, None]
        on /= phi[:, :, None]
        rows, when = tick.rows, {"since": tick.since, "until": tick.t}
        rollback = ROLLBACK_ONSET.roll_on(self.rollback[rows], back, **when)
        advance = ADVANCE_ONSET.roll_on(self.advance[rows], on, **when)
        self.rollback[rows], self.advance[rows] = rollback[:, -1], advance[:, -1]
        return LatencyCourse(tick.t, rollback, advance)

    def learn_stable(self, histogram: LatencyCounts, seconds: Floats) -> None:
        """Learn what stable is like from ticks before the release, of `seconds` (r, B)."""
        for bounds, rows, _, stable in self._aligned(histogram):
            at = np.searchsorted(histogram.rows, rows)
            self._earlier(rows, len(bounds), stable, seconds[at])

    def now(self, t: Floats) -> "LatencyCourse":
        """What is known at the last instants t (R,), as a course of one tick."""
        return LatencyCourse(t[:, None], self.rollback[:, None], self.advance[:, None])

    def _aligned(self, histogram: LatencyCounts) -> Iterator[tuple[Bounds, Rows, Floats, Floats]]:
        """The judged part of the histograms in the cells each release keeps: its bounds so far, coarsened to those
        it shares with these.
        """
        judged = np.flatnonzero(self.nulls.judged[histogram.rows])
        kinds = self.kept[histogram.rows[judged]]
        for kind in np.unique(kinds).tolist():
            known, part = self.known_bounds[kind], judged[kinds == kind]
            common = tuple(sorted(set(known) & set(histogram.bounds)))
            common = common if len(common) >= FEWEST_BOUNDS else histogram.bounds
            if common != known:
                self._keep(histogram.rows[part], known, common)
            columns = np.searchsorted(histogram.bounds, common)
            canary, stable = (_cells(arm, part, columns) for arm in (histogram.canary, histogram.stable))
            yield common, histogram.rows[part], canary, stable

    def _keep(self, rows: Rows, known: Bounds, common: Bounds) -> None:
        """Go on with the common bounds; cells that cannot be expressed in them are forgotten, the evidence
        stays.
        """
        if self.cells.shape[2] < len(common):
            grown = np.zeros((self.kept.size, 3, len(common)))
            grown[:, :, : self.cells.shape[2]] = self.cells
            self.cells = grown
        fresh = np.zeros((rows.size, 3, self.cells.shape[2]))
        if set(common) <= set(known):
            within = np.cumsum(self.cells[rows, :, : len(known)], axis=2)[:, :, np.searchsorted(known, common)]
            fresh[:, :, : len(common)] = np.diff(within, axis=2, prepend=0.0)
        self.cells[rows] = fresh
        if common not in self.known_bounds:
            self.known_bounds.append(common)
        self.kept[rows] = self.known_bounds.index(common)

    def _learn(
        self, bounds: Bounds, rows: Rows, canary: Floats, stable: Floats, since: Floats, until: Floats
    ) -> tuple[Floats, Floats]:
        width, judged, at_rows = len(bounds), until > since, selected(rows, self.kept.size)
        earlier = self._earlier(rows, width, stable, until - since)
        back = np.zeros((*judged.shape, SLOWER))
        on = np.zeros((*judged.shape, len(HARMLESS)))
        kind = self.nulls.kind[rows]
        for number in np.unique(kind).tolist():
            slower, harm = self.nulls.factors[number]
            at = (kind == number)[:, None] & judged
            whole = ... if at.all() else at
            back[whole], on[whole] = _log_evidence(canary[whole], stable[whole], earlier[whole], bounds, slower, harm)
        for arm, cells in ((STABLE, stable), (CANARY, canary)):
            counted = cells if judged.all() else np.where(judged[:, :, None], cells, 0.0)
            self.cells[at_rows, arm, :width] += counted[:, 0] if counted.shape[1] == 1 else counted.sum(axis=1)
        return back, on

    def _earlier(self, rows: Rows, width: int, stable: Floats, seconds: Floats) -> Floats:
        """The stable cells known before each tick, (r, B, C)."""
        at = selected(rows, self.kept.size)
        start = self.cells[at, EARLIER, :width].copy()
        after = forgetting_sums(start, stable, seconds[:, :, None] / MEMORY)
        self.cells[at, EARLIER, :width] = after[:, -1]
        return before_each(start, after)

    def dump(self, row: int) -> dict[str, Any]:
        """One release's state; an unbounded last bucket is stored as null, which JSON has a word for."""
        bounds = self.bounds(row)
        return {
            "bounds": [b if np.isfinite(b) else None for b in bounds],
            "rollback": self.rollback[row].tolist(),
            "advance": self.advance[row].tolist(),
            "cells": self.cells[row, :, : len(bounds)].tolist(),
        }

    def restore(self, row: int, state: Any) -> None:
        """Take up a dumped state. Raises InvalidState."""
        try:
            bounds: Bounds = tuple(np.inf if b is None else float(b) for b in state["bounds"])
            stored = [np.asarray(state[name], dtype=float) for name in ("rollback", "advance", "cells")]
        except (KeyError, TypeError, ValueError) as cause:
            raise InvalidState(row, "latency", "is incomplete or not numeric") from cause
        wanted = [(SLOWER,), (len(HARMLESS),), (3, len(bounds))]
        if [value.shape for value in stored] != wanted or not all(np.isfinite(value).all() for value in stored):
            raise InvalidState(row, "latency", "does not fit its bounds, or holds a value that is not finite")
        self._keep(np.array([row], dtype=np.intp), (), bounds)
        self.rollback[row], self.advance[row], self.cells[row, :, : len(bounds)] = stored


@dataclass(frozen=True, slots=True)
class LatencyCourse:
    """Bets of r releases after each of B ticks that end at `t` (r, B): `rollback` (r, B, 6), `advance` (r, B, 2)."""

    t: Floats
    rollback: Floats
    advance: Floats

    def log_rollback(self) -> Floats:
        """Log evidence against "no slower than tolerated, at every instant", (r, B); 0 where nothing was learned."""
        return ROLLBACK_ONSET.log_total(self.rollback, ROLLBACK_WEIGHTS, self.t)

    def log_advance(self) -> Floats:
        """Log evidence against "as slow as an advance forbids, at every instant", (r, B)."""
        return ADVANCE_ONSET.log_total(self.advance, ADVANCE_WEIGHTS, self.t)


def _log_evidence(
    canary: Floats, stable: Floats, earlier: Floats, bounds: Bounds, slower: float, harm: float
) -> tuple[Floats, Floats]:
    """`latency_log_evidence` of (..., C) cells -> (..., A)."""
    x, y, known = (cells.reshape(-1, len(bounds)) for cells in (canary, stable, earlier))
    back, on = latency_log_evidence(x, y, known, np.array(bounds), slower=slower, harm=harm)
    return back.reshape(*canary.shape[:-1], -1), on.reshape(*canary.shape[:-1], -1)


def _cells(cumulative: Floats, rows: Rows, columns: Rows) -> Floats:
    """Counts per cell of the chosen rows and bounds; what rounding makes fall a little is no count."""
    every = rows.size == cumulative.shape[0] and columns.size == cumulative.shape[2]
    chosen = cumulative if every else cumulative[np.ix_(rows, np.arange(cumulative.shape[1]), columns)]
    cells = chosen.copy()
    cells[:, :, 1:] -= chosen[:, :, :-1]
    return np.asarray(np.maximum(cells, 0.0, out=cells))
