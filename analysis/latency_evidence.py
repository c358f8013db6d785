"""Evidence about the latency of R releases, whose histograms may have different bounds, as one struct of
arrays.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.errors import InvalidState
from analysis.latency import ALTERNATIVES, latency_log_evidence
from analysis.observation import LatencyCounts
from analysis.onset import OnsetBets
from analysis.proportion import Floats, Rows
from analysis.quantiles import QUANTILES, bracket
from analysis.settings import ReleaseSettings

ONSET = OnsetBets(at_once=0.73)
WEIGHTS = np.full(ALTERNATIVES, 1.0 / ALTERNATIVES)
MEMORY = 600.0
FEWEST_BOUNDS = 3
INTERVAL_RISK = 0.05
Brackets = dict[str, dict[str, list[float | None]]]
EARLIER, STABLE, CANARY = 0, 1, 2


@dataclass(slots=True)
class LatencyEvidence:
    """`bets` (R, 8) log bets, one an alternative; `cells` (R, 3, C) the stable cells that stakes rest on
    (forgotten over ten minutes), and all stable and canary cells so far; `bounds` says per release what its
    cells are, () before the first histogram.
    """

    judged: np.ndarray
    slower: Floats
    phi: Floats
    bets: Floats
    cells: Floats
    bounds: list[tuple[float, ...]]

    @classmethod
    def nothing_yet(cls, settings: Sequence[ReleaseSettings]) -> "LatencyEvidence":
        """The state before the first tick."""
        releases = len(settings)
        return cls(
            judged=np.array([s.judge_latency for s in settings], dtype=bool),
            slower=np.array([1.0 + s.latency_tolerance.relative for s in settings], dtype=float),
            phi=np.array([s.dispersion for s in settings], dtype=float),
            bets=ONSET.first((releases, ALTERNATIVES)),
            cells=np.zeros((releases, 3, 0)),
            bounds=[()] * releases,
        )

    def observe(self, ticks: Sequence[LatencyCounts], rows: Rows, since: Floats, until: Floats) -> None:
        """Take in the histograms among the ticks of `rows` (r,), from `since` to `until` (r,); without one,
        nothing is learned.
        """
        start, end = np.zeros(len(self.bounds)), np.zeros(len(self.bounds))
        start[rows], end[rows] = since, until
        gain = np.zeros_like(self.bets)
        for tick in ticks:
            for bounds, part, canary, stable in self._aligned(tick):
                gain[part] = self._learn(bounds, part, canary, stable, end[part] - start[part])
        judged = rows[self.judged[rows]]
        self.bets[judged] = ONSET.roll_on(
            self.bets[judged], gain[judged] / self.phi[judged, None], since=start[judged], until=end[judged]
        )

    def log_rollback(self, t: Floats) -> Floats:
        """Log evidence against "no slower than tolerated, at every instant", (R,); 0 where latency is not
        judged.
        """
        return np.where(self.judged, ONSET.log_total(self.bets, WEIGHTS, t), 0.0)

    def quantiles(self) -> list[Brackets]:
        """Per release the bucket interval of each quantile and arm, milliseconds; None for an end that is not known.

        Empty where latency is not judged or no histogram came.
        """
        found: list[Brackets] = [{} for _ in self.bounds]
        alike: dict[tuple[float, ...], list[int]] = {}
        for row in np.flatnonzero(self.judged).tolist():
            alike.setdefault(self.bounds[row], []).append(row)
        alike.pop((), None)
        for bounds, rows in alike.items():
            for quantile in QUANTILES:
                for arm, name in ((STABLE, "stable_ms"), (CANARY, "canary_ms")):
                    low, high = bracket(self.cells[rows, arm, : len(bounds)], np.array(bounds), quantile, INTERVAL_RISK)
                    for row, one, other in zip(rows, low.tolist(), high.tolist(), strict=True):
                        ends = [one, other if np.isfinite(other) else None]
                        found[row].setdefault(f"p{round(100 * quantile)}", {})[name] = ends
        return found

    def _aligned(self, tick: LatencyCounts) -> Iterator[tuple[tuple[float, ...], Rows, Floats, Floats]]:
        """The judged part of the tick in the cells each release keeps: its bounds so far, coarsened to those
        it shares with the tick.
        """
        judged = np.array([i for i, row in enumerate(tick.rows) if self.judged[row]], dtype=np.intp)
        kept: dict[tuple[float, ...], list[int]] = {}
        for i in judged.tolist():
            kept.setdefault(self.bounds[tick.rows[i]], []).append(i)
        for known, members in kept.items():
            common = tuple(sorted(set(known) & set(tick.bounds)))
            common = common if len(common) >= FEWEST_BOUNDS else tick.bounds
            part = np.array(members, dtype=np.intp)
            if common != known:
                self._keep(tick.rows[part], known, common)
            columns = np.searchsorted(tick.bounds, common)
            canary, stable = (np.diff(c[part][:, columns], axis=1, prepend=0.0) for c in (tick.canary, tick.stable))
            yield common, tick.rows[part], canary, stable

    def _keep(self, rows: Rows, known: tuple[float, ...], common: tuple[float, ...]) -> None:
        """Go on with the common bounds; cells that cannot be expressed in them are forgotten, the evidence
        stays.
        """
        if self.cells.shape[2] < len(common):
            grown = np.zeros((len(self.bounds), 3, len(common)))
            grown[:, :, : self.cells.shape[2]] = self.cells
            self.cells = grown
        fresh = np.zeros((rows.size, 3, self.cells.shape[2]))
        if set(common) <= set(known):
            within = np.cumsum(self.cells[rows, :, : len(known)], axis=2)[:, :, np.searchsorted(known, common)]
            fresh[:, :, : len(common)] = np.diff(within, axis=2, prepend=0.0)
        self.cells[rows] = fresh
        for row in rows.tolist():
            self.bounds[row] = common

    def _learn(self, bounds: tuple[float, ...], rows: Rows, canary: Floats, stable: Floats, seconds: Floats) -> Floats:
        width = len(bounds)
        earlier = self.cells[rows, EARLIER, :width]
        gain = np.empty((rows.size, ALTERNATIVES))
        for factor in np.unique(self.slower[rows]).tolist():
            part = self.slower[rows] == factor
            gain[part] = latency_log_evidence(canary[part], stable[part], earlier[part], np.array(bounds), factor)
        self.cells[rows, EARLIER, :width] = earlier * np.exp(-seconds / MEMORY)[:, None] + stable
        self.cells[rows, STABLE, :width] += stable
        self.cells[rows, CANARY, :width] += canary
        return gain

    def dump(self, row: int) -> dict[str, Any]:
        """One release's state; an unbounded last bucket is stored as null, which JSON has a word for."""
        bounds = self.bounds[row]
        return {
            "bounds": [b if np.isfinite(b) else None for b in bounds],
            "bets": self.bets[row].tolist(),
            "cells": self.cells[row, :, : len(bounds)].tolist(),
        }

    def restore(self, row: int, state: Any) -> None:
        """Take up a dumped state. Raises InvalidState."""
        try:
            bounds = tuple(np.inf if b is None else float(b) for b in state["bounds"])
            bets, cells = np.asarray(state["bets"], dtype=float), np.asarray(state["cells"], dtype=float)
        except (KeyError, TypeError, ValueError) as cause:
            raise InvalidState(row, "latency", "is incomplete or not numeric") from cause
        wanted = (ALTERNATIVES,), (3, len(bounds))
        if (bets.shape, cells.shape) != wanted or not (np.isfinite(bets).all() and np.isfinite(cells).all()):
            raise InvalidState(row, "latency", "does not fit its bounds, or holds a value that is not finite")
        self._keep(np.array([row], dtype=np.intp), (), bounds)
        self.bets[row] = bets
        self.cells[row, :, : len(bounds)] = cells
