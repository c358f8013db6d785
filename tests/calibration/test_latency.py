"""Frequencies and delays of the latency evidence on Istio's bounds: lognormal, median 80 ms, sigma 0.6."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from analysis.latency_evidence import LatencyEvidence
from analysis.observation import LatencyCounts
from analysis.proportion import Floats
from analysis.settings import ReleaseSettings, Tolerance
from tests.calibration.simulation import most_expected

BOUNDS = (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, math.inf)
REQUESTS, TICK, SHARE = 100.0, 2.0, 0.1


def below(scale: float, upper_sigma: float = 0.6) -> Floats:
    score = np.log(np.array(BOUNDS) / (80.0 * scale))
    return np.asarray(norm.cdf(score / np.where(score > 0, upper_sigma, 0.6)))


def runs(releases: int, canary: Floats, *, tolerance: float, seconds: float, seed: int) -> Floats:
    """When each release was rolled back at 1 % risk, (R,)."""
    rng = np.random.default_rng(seed)
    chosen = ReleaseSettings(judge_latency=True, latency_tolerance=Tolerance(relative=tolerance))
    evidence = LatencyEvidence.nothing_yet([chosen] * releases)
    rows, first = np.arange(releases), np.full(releases, np.inf)
    law_s, law_c = np.diff(below(1.0), prepend=0.0), np.diff(canary, prepend=0.0)
    for t in np.arange(1, round(seconds / TICK) + 1) * TICK:
        x = rng.poisson(REQUESTS * TICK * SHARE * law_c, (releases, len(BOUNDS))).cumsum(axis=1)
        y = rng.poisson(REQUESTS * TICK * (1 - SHARE) * law_s, (releases, len(BOUNDS))).cumsum(axis=1)
        now = np.full(releases, t)
        evidence.observe([LatencyCounts(BOUNDS, rows, y.astype(float), x.astype(float))], rows, now - TICK, now)
        crossed = evidence.log_rollback(now) >= math.log(100)
        first = np.where(np.isinf(first) & crossed, t, first)
    return first


@pytest.mark.parametrize(("scale", "tolerance", "seed"), [(1.0, 0.0, 1), (0.8, 0.0, 2), (1.2, 0.2, 3)])
def test_a_canary_within_tolerance_is_rolled_back_no_more_often_than_promised(
    scale: float, tolerance: float, seed: int
) -> None:
    first = runs(400, below(scale), tolerance=tolerance, seconds=240, seed=seed)
    assert np.isfinite(first).sum() <= most_expected(400, 0.01)


def test_a_canary_three_tenths_slower_is_found_within_twice_the_limit() -> None:
    """ln(100) / information a second is 6.2 s at a 10 % share of 100 requests/s."""
    assert runs(400, below(1.3), tolerance=0.0, seconds=60, seed=4).mean() <= 2 * 6.2


def test_a_wider_tail_with_the_same_median_is_found_within_twice_its_limit() -> None:
    """p99 30 % up, all of it above the median; the cells' information is 0.100 nats/s, so the limit is 46 s."""
    wider = below(1.0, upper_sigma=math.log(1.3 * math.exp(0.6 * norm.ppf(0.99))) / norm.ppf(0.99))
    assert runs(300, wider, tolerance=0.0, seconds=400, seed=5).mean() <= 2 * 46.0


def test_a_canary_twice_as_slow_is_found_in_seconds_beyond_a_tolerance_of_a_fifth() -> None:
    assert np.median(runs(200, below(2.0), tolerance=0.2, seconds=30, seed=6)) <= 12
