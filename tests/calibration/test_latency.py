"""Frequencies and delays of the latency evidence on Istio's bounds: lognormal, median 80 ms, sigma 0.6."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import norm

from analysis.latency_evidence import LatencyEvidence, LatencyNulls
from analysis.observation import LatencyCounts
from analysis.proportion import Floats
from analysis.settings import ReleaseSettings, Tolerance
from tests.calibration.simulation import most_expected, tick_of

BOUNDS = (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, math.inf)
REQUESTS, TICK = 100.0, 2.0


def below(scale: float, upper_sigma: float = 0.6) -> Floats:
    score = np.log(np.array(BOUNDS) / (80.0 * scale))
    return np.asarray(norm.cdf(score / np.where(score > 0, upper_sigma, 0.6)))


WIDER = below(1.0, upper_sigma=math.log(1.3 * math.exp(0.6 * norm.ppf(0.99))) / norm.ppf(0.99))


@dataclass(frozen=True, slots=True)
class Crossings:
    """When each release (R,) first crossed, in seconds; infinite for never."""

    rolled_back: Floats
    advanced: Floats


def runs(
    releases: int,
    canary: Floats,
    *,
    tolerance: float,
    seconds: float,
    seed: int,
    share: float = 0.1,
    history: float = 0.0,
) -> Crossings:
    """At 1 % risk of rolling back and 5 % of advancing, beyond a tolerance of 20 %; `history` seconds of stable."""
    rng = np.random.default_rng(seed)
    chosen = ReleaseSettings(judge_latency=True, latency_tolerance=Tolerance(relative=tolerance))
    evidence = LatencyEvidence.nothing_yet(LatencyNulls.of([chosen] * releases))
    rows, nobody = np.arange(releases), np.zeros(releases, dtype=np.int64)
    law_s, law_c = np.diff(below(1.0), prepend=0.0), np.diff(canary, prepend=0.0)

    def served(mean: float, law: Floats) -> Floats:
        cells = rng.poisson(mean * law, (releases, 1, len(BOUNDS)))
        return np.asarray(cells.cumsum(axis=2), dtype=float)

    if history:
        past = served(REQUESTS * history, law_s)
        evidence.learn_stable(LatencyCounts(BOUNDS, rows, past, np.zeros_like(past)), np.full((releases, 1), history))
    back, on = np.full(releases, np.inf), np.full(releases, np.inf)
    for t in np.arange(1, round(seconds / TICK) + 1) * TICK:
        stable, other = served(REQUESTS * TICK * (1 - share), law_s), served(REQUESTS * TICK * share, law_c)
        tick = tick_of(float(t), TICK, nobody, nobody, nobody, nobody)
        course = evidence.observe([LatencyCounts(BOUNDS, rows, stable, other)], tick, np.ones((releases, 1)))
        back = np.where(np.isinf(back) & (course.log_rollback()[:, 0] >= math.log(100)), t, back)
        on = np.where(np.isinf(on) & (course.log_advance()[:, 0] >= math.log(20)), t, on)
    return Crossings(back, on)


@pytest.mark.parametrize(
    ("scale", "tolerance", "share", "seed"),
    [(1.0, 0.0, 0.1, 1), (1.0, 0.0, 0.5, 2), (0.8, 0.0, 0.1, 3), (1.2, 0.2, 0.1, 4), (1.2, 0.2, 0.5, 5)],
)
def test_a_canary_within_tolerance_is_rolled_back_no_more_often_than_promised(
    scale: float, tolerance: float, share: float, seed: int
) -> None:
    """4,000 releases, looked at every 2 s for 2 min."""
    first = runs(4000, below(scale), tolerance=tolerance, seconds=120, seed=seed, share=share).rolled_back
    assert np.isfinite(first).sum() <= most_expected(4000, 0.01)


@pytest.mark.parametrize(("share", "seed"), [(0.1, 6), (0.5, 7)])
def test_a_canary_exactly_as_slow_as_an_advance_forbids_rarely_advances(share: float, seed: int) -> None:
    first = runs(2000, below(1.2), tolerance=0.2, seconds=120, seed=seed, share=share).advanced
    assert np.isfinite(first).sum() <= most_expected(2000, 0.05)


@pytest.mark.parametrize(("share", "late"), [(0.05, 80), (0.5, 20)])
def test_a_canary_as_quick_as_stable_is_soon_known_to_be(share: float, late: float) -> None:
    first = runs(300, below(1.0), tolerance=0.2, seconds=160, seed=8, share=share).advanced
    assert np.quantile(first, 0.9, method="higher") <= late


@pytest.mark.parametrize(("share", "limit"), [(0.05, 11.7), (0.1, 6.2), (0.25, 3.0), (0.5, 2.2)])
def test_a_canary_three_tenths_slower_is_found_within_twice_the_limit(share: float, limit: float) -> None:
    """limit = ln(100) / information a second, at looks every 2 s; ten minutes of stable's history are known."""
    first = runs(600, below(1.3), tolerance=0.0, seconds=100, seed=9, share=share, history=600).rolled_back
    assert first.mean() <= 2 * limit


@pytest.mark.parametrize(("share", "limit"), [(0.1, 46.1), (0.5, 18.8)])
def test_a_wider_tail_with_the_same_median_is_found_within_twice_its_limit(share: float, limit: float) -> None:
    """p99 30 % up, all of it above the median."""
    first = runs(300, WIDER, tolerance=0.0, seconds=400, seed=10, share=share).rolled_back
    assert first.mean() <= 2 * limit


def test_a_canary_twice_as_slow_is_found_in_seconds_beyond_a_tolerance_of_a_fifth() -> None:
    assert np.median(runs(200, below(2.0), tolerance=0.2, seconds=30, seed=11).rolled_back) <= 12
