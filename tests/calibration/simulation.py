"""Seeded traffic of many releases at once, judged by the same arrays that production uses."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from analysis.error_evidence import ErrorEvidence, ErrorNulls
from analysis.observation import TickCounts
from analysis.proportion import Floats
from analysis.settings import ReleaseSettings

Counts = NDArray[np.int64]
Rates = Callable[[float], Floats | float]


@dataclass(frozen=True, slots=True)
class Crossings:
    """When each release (R,) first crossed, in seconds; infinite for never. `advanced` is (R, S)."""

    rolled_back: Floats
    advanced: Floats
    evidence: ErrorEvidence


def error_runs(
    releases: int,
    settings: ReleaseSettings,
    *,
    stable: Rates,
    canary: Rates,
    share: Rates | Floats | float,
    requests: float = 200.0,
    tick: float = 2.0,
    seconds: float,
    seed: int,
) -> Crossings:
    """Poisson requests, binomial errors; the rates are functions of time, the share, the canary's part, may be one."""
    rng = np.random.default_rng(seed)
    evidence = ErrorEvidence.nothing_yet(ErrorNulls.of([settings] * releases))
    rolled_back = np.full(releases, np.inf)
    advanced = np.full((releases, len(settings.advance_tolerances)), np.inf)
    for t in np.arange(1, round(seconds / tick) + 1) * tick:
        part = np.broadcast_to(share(t) if callable(share) else share, releases)
        n_c, n_s = rng.poisson(requests * tick * part), rng.poisson(requests * tick * (1 - part))
        e_c, e_s = rng.binomial(n_c, canary(t)), rng.binomial(n_s, stable(t))
        now = np.full(releases, t)
        evidence.observe(tick_of(now, n_s, e_s, n_c, e_c), now - tick)
        sure = evidence.log_rollback(now) >= -np.log(settings.wrong_rollback)
        rolled_back = np.where(np.isinf(rolled_back) & sure, t, rolled_back)
        fine = evidence.log_advance(now) >= -np.log(settings.wrong_advance)
        advanced = np.where(np.isinf(advanced) & fine, t, advanced)
    return Crossings(rolled_back, advanced, evidence)


def tick_of(t: Floats, n_s: Counts, e_s: Counts, n_c: Counts, e_c: Counts) -> TickCounts:
    """One tick of every release; all (R,)."""
    counts = [np.asarray(count, dtype=float) for count in (n_s, e_s, n_c, e_c)]
    return TickCounts(np.arange(t.size), t, counts[0], counts[1], counts[2], counts[3], np.full(t.size, np.nan))


def most_expected(runs: int, risk: float) -> int:
    """The count that a procedure keeping its risk exceeds in fewer than 1 of 1,000 seeds."""
    return int(binom.ppf(0.999, runs, risk))
