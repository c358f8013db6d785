"""Headgate's own evidence, driven by arrays as the judge drives it: the only file here that knows its insides."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.error_evidence import ErrorEvidence, ErrorNulls
from analysis.latency_evidence import LatencyEvidence, LatencyNulls
from analysis.observation import LatencyCounts, TickCounts
from analysis.settings import ReleaseSettings, Tolerance
from benchmarks.peers.traffic import Floats, Traffic

RATIO_ONLY = ReleaseSettings(error_tolerance=Tolerance())
# Ticks at a time, as many as the evidence takes in at once without a loop over rows.
BLOCK = 8


@dataclass(frozen=True, slots=True)
class Ours:
    """Evidence against "the canary fails no more often than stable"; rolls back at 1/risk."""

    settings: ReleaseSettings = RATIO_ONLY

    @property
    def name(self) -> str:
        return "ours"

    @property
    def nominal(self) -> float:
        return -float(np.log(self.settings.wrong_rollback))

    def statistic(self, traffic: Traffic) -> Floats:
        runs = traffic.n_c.shape[0]
        evidence = ErrorEvidence.nothing_yet(ErrorNulls.of([self.settings] * runs))
        phi = self.settings.dispersion
        parts = [evidence.observe(ticks, np.full(ticks.t.shape, phi)).log_rollback() for ticks in _in_blocks(traffic)]
        return np.concatenate(parts, axis=1)

    def setting(self, threshold: float) -> str:
        return f"E > {np.exp(threshold):.3g}"


def _in_blocks(traffic: Traffic) -> Iterator[TickCounts]:
    runs, ticks = traffic.n_c.shape
    rows = np.arange(runs)
    for start in range(0, ticks, BLOCK):
        part = slice(start, start + BLOCK)
        n_c, e_c, n_s, e_s = (np.ascontiguousarray(a[:, part]) for a in traffic.counts())
        until = np.broadcast_to(traffic.ends[part], n_c.shape)
        none = np.zeros(n_c.shape)
        yield TickCounts(
            rows=rows,
            since=until - traffic.tick,
            t=until,
            n_s=n_s,
            e_s=e_s,
            n_c=n_c,
            e_c=e_c,
            share=np.full(n_c.shape, traffic.share),
            restarted=none,
            x_n=none,
            x_e=none,
        )


class LatencyRuns:
    """Evidence of R runs that their canary is slower than stable at all, look after look."""

    def __init__(self, runs: int, bounds: Floats) -> None:
        self.settings = ReleaseSettings(judge_latency=True, latency_tolerance=Tolerance())
        self._evidence = LatencyEvidence.nothing_yet(LatencyNulls.of([self.settings] * runs))
        self._bounds = tuple(bounds.tolist())
        self._rows = np.arange(runs)

    @property
    def threshold(self) -> float:
        """What the log evidence has to reach."""
        return -float(np.log(self.settings.wrong_rollback))

    def learn(self, stable: Floats, seconds: float) -> None:
        """Cell counts (R, C) of stable in the `seconds` before the release."""
        past = self._histogram(np.zeros_like(stable), stable)
        self._evidence.learn_stable(past, np.full((self._rows.size, 1), seconds))

    def look(self, canary: Floats, stable: Floats, since: float, until: float) -> Floats:
        """Log evidence (R,) after a tick with cell counts (R, C) of either arm."""
        one = np.ones((self._rows.size, 1))
        none = 0.0 * one
        tick = TickCounts(
            rows=self._rows,
            since=since * one,
            t=until * one,
            n_s=none,
            e_s=none,
            n_c=none,
            e_c=none,
            share=np.nan * one,
            restarted=none,
            x_n=none,
            x_e=none,
        )
        course = self._evidence.observe([self._histogram(canary, stable)], tick, self.settings.dispersion * one)
        return np.asarray(course.log_rollback()[:, 0])

    def _histogram(self, canary: Floats, stable: Floats) -> LatencyCounts:
        cumulative = (np.cumsum(cells, axis=1)[:, None] for cells in (stable, canary))
        return LatencyCounts(self._bounds, self._rows, *cumulative)
