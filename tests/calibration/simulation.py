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
        course = evidence.observe(tick_of(t, tick, n_s, e_s, n_c, e_c), np.ones((releases, 1)))
        sure = course.log_rollback()[:, 0] >= -np.log(settings.wrong_rollback)
        rolled_back = np.where(np.isinf(rolled_back) & sure, t, rolled_back)
        for step in range(advanced.shape[1]):
            fine = course.log_advance(np.full(releases, step))[:, 0] >= -np.log(settings.wrong_advance)
            advanced[:, step] = np.where(np.isinf(advanced[:, step]) & fine, t, advanced[:, step])
    return Crossings(rolled_back, advanced, evidence)


def tick_of(t: float, seconds: float, n_s: Counts, e_s: Counts, n_c: Counts, e_c: Counts) -> TickCounts:
    """One tick of `seconds` that ends at t, of every release; counts (R,)."""
    until = np.full((n_s.size, 1), t, dtype=float)
    stable, failed, canary, faulty = (np.asarray(count, dtype=float)[:, None] for count in (n_s, e_s, n_c, e_c))
    return TickCounts(
        rows=np.arange(n_s.size),
        since=until - seconds,
        t=until,
        n_s=stable,
        e_s=failed,
        n_c=canary,
        e_c=faulty,
        share=np.full_like(until, np.nan),
        restarted=np.zeros_like(until),
        x_n=np.zeros_like(until),
        x_e=np.zeros_like(until),
    )


def most_expected(runs: int, risk: float) -> int:
    """The count that a procedure keeping its risk exceeds in fewer than 1 of 1,000 seeds."""
    return int(binom.ppf(0.999, runs, risk))
