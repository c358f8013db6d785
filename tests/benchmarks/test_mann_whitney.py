"""Kayenta style: interval, estimate and rule."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from benchmarks.peers.mann_whitney import TOLERANCE, RankTest, highness, median_shift, rank_z, shift_interval
from benchmarks.peers.method import NEVER
from benchmarks.peers.traffic import Scenario, Traffic, simulate

X, Y = np.array([10.0, 20.0, 30.0, 40.0]), np.array([1.0, 2.0, 3.0, 4.0])


def test_interval_and_estimate_of_the_reference_vector() -> None:
    interval = shift_interval(X, Y, 0.95)
    assert (interval.lower, interval.upper, interval.estimate) == (6.0, 39.0, 22.5)


def test_interval_of_exchanged_samples_is_its_mirror() -> None:
    interval = shift_interval(Y, X, 0.95)
    assert (interval.lower, interval.upper, interval.estimate) == (-39.0, -6.0, -22.5)


def test_interval_lies_within_the_differences_and_holds_the_shift() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(3.0, 1.0, 50), rng.normal(0.0, 1.0, 50)
    interval = shift_interval(x, y, 0.98)
    assert x.min() - y.max() < interval.lower < interval.estimate < interval.upper < x.max() - y.min()
    assert interval.lower < 3.0 < interval.upper


def test_an_interval_needs_two_values() -> None:
    with pytest.raises(ValueError, match="one value only"):
        shift_interval(np.zeros(4), np.zeros(4), 0.95)


@pytest.mark.parametrize("seed", range(5))
def test_rank_sum_agrees_with_scipy_including_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 6, 40).astype(float), rng.integers(0, 5, 30).astype(float)
    p = mannwhitneyu(x, y, use_continuity=True, alternative="two-sided", method="asymptotic").pvalue
    z = rank_z(x[None], y[None], np.zeros(1))[0]
    assert 2 * norm.sf(abs(z)) == pytest.approx(p)


def test_rows_do_not_touch_each_other() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.integers(0, 4, (7, 20)).astype(float), rng.integers(0, 4, (7, 20)).astype(float)
    shift = rng.normal(size=7)
    together = rank_z(x, y, shift)
    alone = [rank_z(x[i : i + 1], y[i : i + 1], shift[i : i + 1])[0] for i in range(7)]
    assert together == pytest.approx(alone)


def test_all_tied_says_nothing() -> None:
    assert rank_z(np.zeros((1, 5)), np.zeros((1, 5)), np.zeros(1))[0] == 0.0
    assert highness(np.zeros((1, 5)), np.zeros((1, 5)))[0] == 0.0


def test_highness_is_the_rule_on_the_interval_at_every_confidence() -> None:
    """Lower end above a quarter of the estimate, decided once by the interval and once by the statistic."""
    rng = np.random.default_rng(3)
    x, y = rng.binomial(100, 0.03, (60, 50)) / 100, rng.binomial(900, 0.02, (60, 50)) / 900
    statistic = highness(x, y)
    for confidence in (0.5, 0.9, 0.98):
        quantile = norm.ppf(0.5 + confidence / 2)
        by_interval = []
        for a, b in zip(x, y, strict=True):
            interval = shift_interval(a, b, confidence)
            by_interval.append(interval.lower > TOLERANCE * abs(interval.estimate))
        assert (statistic > quantile).tolist() == by_interval
    assert 0 < np.sum(statistic > norm.ppf(0.99)) < 60


def test_median_shift_of_even_and_odd_numbers_of_differences() -> None:
    assert median_shift(np.array([[1.0, 2.0, 9.0]]), np.array([[0.0]]))[0] == 2.0
    assert median_shift(np.array([[1.0, 2.0]]), np.array([[0.0]]))[0] == 1.5


def test_judges_every_minute_from_the_fiftieth_sample_on() -> None:
    traffic = simulate(np.random.default_rng(4), Scenario(0.01, 0.05), 0.5, runs=3, seconds=800)
    looks = np.flatnonzero((RankTest().statistic(traffic) > NEVER).all(axis=0))
    assert traffic.ends[looks].tolist() == [500, 560, 620, 680, 740, 800]


def test_ticks_without_requests_count_as_no_errors() -> None:
    some, none = np.full((1, 50), 100.0), np.zeros((1, 50))
    silent = RankTest().statistic(Traffic(10.0, 0.5, none, none, some, none + 1.0))
    assert silent[0, -1] < 0.0
