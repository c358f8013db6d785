"""Intervals shown beside verdicts: looked at after every tick, how often does one ever miss the truth?

4,000 runs side by side, 95 % intervals. The number of runs that are ever missed is binomial with at most 5 %, and
`most_expected` its 99.9 % quantile.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import norm

from analysis.proportion import Floats
from analysis.quantiles import bracket
from analysis.rate_interval import difference_interval, rate_interval
from analysis.ratio_interval import grid_log_likelihood, ratio_interval
from tests.calibration.simulation import most_expected

RUNS, ALPHA = 4000, 0.05
LOOKS = 40
# The failure probability of a tick's requests: of the tick's number, and of the requests and errors before it (RUNS,).
Course = Callable[[int, Floats, Floats], Floats | float]


def steady(rate: float) -> Course:
    return lambda _k, _requests, _errors: rate


def cycle(k: int, _requests: Floats, _errors: Floats) -> float:
    return 0.02 * (1.0 + 0.9 * math.sin(k / 8.0))


def outage(k: int, _requests: Floats, _errors: Floats) -> float:
    return 0.7 if 20 <= k < 24 else 0.001


def contrary(_k: int, requests: Floats, errors: Floats) -> Floats:
    """It knows the errors so far, and pushes those runs on that have strayed already."""
    return np.where(errors > 0.06 * requests, 0.12, 0.03)


def relapsing(_k: int, requests: Floats, errors: Floats) -> Floats:
    """Much worse after a good stretch, nearly fine after a bad one."""
    return np.where(errors > 0.05 * requests, 0.001, 0.4)


class Arm:
    """One version's traffic in every run: its counts so far, and the sum of its requests' failure probabilities."""

    def __init__(self, rng: np.random.Generator, course: Course) -> None:
        self.rng, self.course = rng, course
        self.requests, self.errors, self.expected = (np.zeros(RUNS) for _ in range(3))

    def serve(self, k: int, mean_requests: float) -> None:
        rate = np.broadcast_to(self.course(k, self.requests, self.errors), RUNS)
        requests = self.rng.poisson(mean_requests, RUNS)
        self.requests += requests
        self.errors += self.rng.binomial(requests, rate)
        self.expected += requests * rate

    def mean_rate(self) -> Floats:
        """NaN before the first request, which no interval can miss."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.expected / self.requests)


@pytest.mark.parametrize(
    ("course", "mean_requests"),
    [
        (steady(0.001), 200.0),
        (steady(0.6), 3.0),
        (outage, 40.0),
        (contrary, 20.0),
        (relapsing, 5.0),
    ],
    ids=["rare", "mostly failing", "outage", "contrary", "relapsing"],
)
def test_the_mean_rate_is_inside_at_all_times(course: Course, mean_requests: float) -> None:
    arm = Arm(np.random.default_rng(11), course)
    missed = np.zeros(RUNS, dtype=bool)
    for k in range(LOOKS):
        arm.serve(k, mean_requests)
        lower, upper = rate_interval(arm.requests, arm.errors, ALPHA)
        missed |= (arm.mean_rate() < lower) | (arm.mean_rate() > upper)
    assert missed.sum() <= most_expected(RUNS, ALPHA)


def both_arms(stable: Course, canary: Course, shares: Floats, seed: int) -> tuple[np.ndarray, Floats]:
    """Whether the difference of the mean rates was ever outside (RUNS,), and the last widths."""
    rng = np.random.default_rng(seed)
    arms = Arm(rng, stable), Arm(rng, canary)
    missed = np.zeros(RUNS, dtype=bool)
    lower = upper = np.zeros(RUNS)
    for k, share in enumerate(shares):
        for arm, part in zip(arms, (1.0 - share, share), strict=True):
            arm.serve(k, 200.0 * part)
        old, new = arms
        lower, _, upper = difference_interval(old.requests, old.errors, new.requests, new.errors, ALPHA)
        truth = new.mean_rate() - old.mean_rate()
        missed |= (truth < lower) | (truth > upper)
    return missed, upper - lower


RAMP = np.repeat([0.05, 0.2, 0.5], [14, 13, 13])


@pytest.mark.parametrize(
    ("stable", "canary", "shares"),
    [
        (steady(0.002), steady(0.05), np.full(LOOKS, 0.05)),
        (cycle, cycle, RAMP),
        (outage, outage, RAMP),
        (cycle, contrary, RAMP),
    ],
    ids=["regression", "shared cycle, ramp", "shared outage, ramp", "contrary canary, ramp"],
)
def test_the_difference_of_mean_rates_is_inside_at_all_times(stable: Course, canary: Course, shares: Floats) -> None:
    missed, _ = both_arms(stable, canary, shares, seed=12)
    assert missed.sum() <= most_expected(RUNS, ALPHA)


def test_a_difference_of_nothing_becomes_known() -> None:
    """8,000 requests at an equal share, 1 % errors: to 1.2 points either way; two intervals of one look reach 0.6."""
    missed, width = both_arms(steady(0.01), steady(0.01), np.full(LOOKS, 0.5), seed=13)
    assert missed.sum() <= most_expected(RUNS, ALPHA)
    assert np.median(width) < 2 * 0.012


@pytest.mark.parametrize(("ratio", "share"), [(1.0, 0.05), (4.0, 0.05), (0.5, 0.5)])
def test_a_constant_ratio_is_inside_at_all_times_whatever_stable_does(ratio: float, share: float) -> None:
    rng = np.random.default_rng(14)
    likelihood = np.zeros((RUNS, 64))
    missed = np.zeros(RUNS, dtype=bool)
    for k in range(LOOKS):
        stable = 0.02 * (1.0 + 0.8 * math.sin(k / 10.0))
        n_c, n_s = rng.poisson(600.0 * share, (RUNS, 1)), rng.poisson(600.0 * (1.0 - share), (RUNS, 1))
        counts = n_c, rng.binomial(n_c, ratio * stable), n_s, rng.binomial(n_s, stable)
        likelihood += grid_log_likelihood(*(np.asarray(count, dtype=float) for count in counts))
        lower, _, upper = ratio_interval(likelihood, ALPHA)
        missed |= (ratio < lower) | (ratio > upper)
    assert missed.sum() <= most_expected(RUNS, ALPHA)
    assert np.median(lower) > ratio / 3.0
    assert np.median(upper) < 3.0 * ratio


BOUNDS = np.array([0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, math.inf])
MEDIAN_MS, SIGMA = 80.0, 0.6


@pytest.mark.parametrize("quantile", [0.5, 0.95, 0.99])
def test_a_quantile_is_inside_its_bracket_at_all_times(quantile: float) -> None:
    """Lognormal latencies on Istio's bounds. The bracket may not be narrower than the bucket, and comes to be it."""
    rng = np.random.default_rng(15)
    law = np.diff(norm.cdf(np.log(BOUNDS / MEDIAN_MS) / SIGMA), prepend=0.0)
    truth = MEDIAN_MS * math.exp(SIGMA * norm.ppf(quantile))
    cells = np.zeros((RUNS, BOUNDS.size))
    missed = np.zeros(RUNS, dtype=bool)
    for _ in range(60):
        cells += rng.multinomial(60, law, size=RUNS)
        low, high = bracket(cells, BOUNDS, quantile, ALPHA)
        missed |= (truth <= low) | (truth > high)
    place = np.searchsorted(BOUNDS, truth)
    assert missed.sum() <= most_expected(RUNS, ALPHA)
    assert (low == BOUNDS[place - 1]).mean() > 0.95
    assert (high == BOUNDS[place]).mean() > 0.95


def test_a_bound_that_is_the_quantile_is_rarely_refuted() -> None:
    """The hardest law for a bracket, looked at after every request: just half of them at or below a bound."""
    rng = np.random.default_rng(16)
    within, law = np.array([50.0, 100.0, 200.0, math.inf]), [0.2, 0.3, 0.3, 0.2]
    cells = np.zeros((RUNS, within.size))
    missed = np.zeros(RUNS, dtype=bool)
    for _ in range(80):
        cells += rng.multinomial(1, law, size=RUNS)
        low, high = bracket(cells, within, 0.5, ALPHA)
        missed |= (low >= 100.0) | (high < 100.0)
    assert missed.sum() <= most_expected(RUNS, ALPHA)
