"""The interval of one arm's error rate and of the difference: its ends, its edges, its coverage computed exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import logsumexp

from analysis.errors import AnalysisError
from analysis.proportion import Floats
from analysis.rate_interval import LOG_ODDS, STAKES, difference_interval, rate_interval

COUNTS = st.floats(0.0, 1e8)
PARTS = st.floats(0.0, 1.0)
LEVELS = st.floats(1e-4, 0.5)


def one(requests: float, errors: float, alpha: float = 0.05) -> tuple[float, float]:
    lower, upper = rate_interval(np.array([requests]), np.array([errors]), alpha)
    return float(lower[0]), float(upper[0])


def log_mixture(p: float, requests: float, errors: float, sign: float) -> float:
    """ln of the mixture of one end, written from its definition."""
    odds = sign * LOG_ODDS
    return float(logsumexp(np.log(STAKES) + odds * errors - requests * np.log1p(p * np.expm1(odds))))


@pytest.mark.parametrize(
    ("requests", "errors"), [(20.0, 3.0), (500.0, 30.5), (1e4, 10.0), (1e5, 99_990.0), (1e6, 1000.0), (1e7, 2e6)]
)
def test_ends_are_where_half_of_alpha_is_reached(requests: float, errors: float) -> None:
    lower, upper = one(requests, errors)
    width = upper - lower
    root = brentq(lambda p: log_mixture(p, requests, errors, 1.0) - np.log(40.0), 0.0, errors / requests)
    assert root - 5e-4 * width <= lower <= root + 1e-9 * width
    root = brentq(lambda p: log_mixture(p, requests, errors, -1.0) - np.log(40.0), errors / requests, 1.0)
    assert root - 1e-9 * width <= upper <= root + 5e-4 * width


@pytest.mark.parametrize("errors", [100.0, 1e3, 1e4, 1e5])
@pytest.mark.parametrize("rate", [0.001, 0.05, 0.5])
def test_holding_at_all_times_costs_no_more_than_twice_the_width(errors: float, rate: float) -> None:
    requests = errors / rate
    lower, upper = one(requests, errors)
    now_only = 2.0 * 1.96 * np.sqrt(rate * (1.0 - rate) / requests)
    assert now_only < upper - lower < 2.1 * now_only


def test_no_requests_say_nothing() -> None:
    assert one(0.0, 0.0) == (0.0, 1.0)


@pytest.mark.parametrize("requests", [1.0, 100.0, 1e7])
def test_no_errors_and_nothing_else(requests: float) -> None:
    lower, upper = one(requests, 0.0)
    assert lower == 0.0
    # three in n at one look and 95 %; five in n at all looks, each side at 97.5 %
    assert upper == pytest.approx(min(1.0, 4.9 / requests), rel=0.1)
    lower, upper = one(requests, requests)
    assert upper == 1.0
    assert lower == pytest.approx(1.0 - min(1.0, 4.9 / requests), rel=0.1, abs=1e-3)


@given(COUNTS, PARTS, LEVELS)
def test_it_holds_the_estimate(requests: float, part: float, alpha: float) -> None:
    lower, upper = one(requests, requests * part, alpha)
    assert 0.0 <= lower <= upper <= 1.0
    if requests > 1e-3:
        assert lower <= part * (1.0 + 1e-9)
        assert upper >= part * (1.0 - 1e-9)


@given(COUNTS, PARTS, LEVELS, LEVELS)
def test_a_smaller_risk_is_never_narrower(requests: float, part: float, first: float, second: float) -> None:
    sure, rash = (one(requests, requests * part, alpha) for alpha in sorted((first, second)))
    slack = 1e-3 * (rash[1] - rash[0])
    assert sure[0] <= rash[0] + slack
    assert sure[1] >= rash[1] - slack


@given(st.floats(1.0, 1e8), PARTS, PARTS)
def test_more_errors_move_both_ends_up(requests: float, first: float, second: float) -> None:
    few, many = (one(requests, requests * part) for part in sorted((first, second)))
    slack = 1e-3 * (many[1] - many[0])
    assert many[0] >= few[0] - slack
    assert many[1] >= few[1] - slack


@given(st.floats(1.0, 1e8), PARTS)
def test_successes_mirror_errors(requests: float, part: float) -> None:
    errors = requests * part
    lower, upper = one(requests, errors)
    mirrored = one(requests, requests - errors)
    assert (1.0 - mirrored[1], 1.0 - mirrored[0]) == pytest.approx((lower, upper), abs=1e-3 * (upper - lower) + 1e-12)


def test_releases_side_by_side_are_the_same_as_one_by_one() -> None:
    rng = np.random.default_rng(5)
    requests = rng.integers(0, 10 ** rng.integers(1, 8, 300)).astype(float)
    errors = rng.binomial(requests.astype(np.int64), 10.0 ** rng.uniform(-5.0, 0.0, 300)).astype(float)
    together = np.stack(rate_interval(requests, errors, 0.05), axis=1)
    assert together.tolist() == [list(one(n, e)) for n, e in zip(requests, errors, strict=True)]


def ever_excluded(rates: Floats, alpha: float) -> float:
    """The probability that at some time up to now the mean of the first n rates (N,) lay outside the interval: the law
    of the errors so far of those never excluded, request by request, with no simulation.
    """
    law, out = np.array([1.0]), 0.0
    for n, rate in enumerate(rates, start=1):
        law = np.append(law * (1.0 - rate), 0.0) + np.insert(law * rate, 0, 0.0)
        lower, upper = rate_interval(np.full(n + 1, n), np.arange(n + 1), alpha)
        mean = rates[:n].mean()
        missed = (mean < lower) | (mean > upper)
        out += float(law[missed].sum())
        law = np.where(missed, 0.0, law)
    assert out + law.sum() == pytest.approx(1.0)
    return out


STEPS = np.arange(300)
COURSES = {
    "steady, rare": np.full(300, 0.01),
    "steady": np.full(300, 0.2),
    "steady, half": np.full(300, 0.5),
    "rising": 0.6 * STEPS / 300,
    "falling": 0.6 * (1.0 - STEPS / 300),
    "an outage": np.where((STEPS > 50) & (STEPS < 80), 0.9, 0.01),
    "in turns": np.where(STEPS % 2, 0.0, 0.5),
    "certain": np.where(STEPS < 20, 1.0, 0.0),
}


@pytest.mark.parametrize("course", COURSES)
def test_the_mean_rate_is_covered_at_all_times_whatever_the_rates_did(course: str) -> None:
    assert ever_excluded(COURSES[course], 0.1) <= 0.1


def test_that_promise_is_not_kept_by_being_idle() -> None:
    assert ever_excluded(COURSES["steady"], 0.1) >= 0.02


@given(st.lists(PARTS, min_size=1, max_size=40))
def test_any_rates_are_covered(rates: list[float]) -> None:
    assert ever_excluded(np.array(rates), 0.3) <= 0.3 + 1e-12


def test_difference_is_between_the_corners_of_both_arms() -> None:
    lower, estimate, upper = difference_interval([1e4, 1e4], [10.0, 100.0], [500.0, 500.0], [20.0, 5.0], 0.05)
    stable_low, stable_high = rate_interval([1e4, 1e4], [10.0, 100.0], 0.025)
    canary_low, canary_high = rate_interval([500.0, 500.0], [20.0, 5.0], 0.025)
    assert lower == pytest.approx(canary_low - stable_high)
    assert upper == pytest.approx(canary_high - stable_low)
    assert estimate == pytest.approx([0.039, 0.0])
    assert lower[0] > 0.0 > lower[1]


@given(COUNTS, PARTS, COUNTS, PARTS)
def test_difference_turns_with_the_arms(n_s: float, part_s: float, n_c: float, part_c: float) -> None:
    there = difference_interval([n_s], [n_s * part_s], [n_c], [n_c * part_c], 0.05)
    back = difference_interval([n_c], [n_c * part_c], [n_s], [n_s * part_s], 0.05)
    assert -1.0 <= there[0][0] <= there[2][0] <= 1.0
    assert [-float(end[0]) for end in back[::-1]] == pytest.approx([float(end[0]) for end in there], nan_ok=True)
    if n_s > 1e-3 and n_c > 1e-3:
        assert there[0][0] - 1e-9 <= there[1][0] <= there[2][0] + 1e-9


def test_difference_without_an_arm_is_unknown() -> None:
    lower, estimate, upper = difference_interval([0.0], [0.0], [1000.0], [0.0], 0.05)
    assert lower[0] == -1.0
    assert np.isnan(estimate[0])
    assert 0.0 < upper[0] < 0.01


@pytest.mark.parametrize(("requests", "errors"), [(5.0, 6.0), (5.0, -1.0), (np.nan, 0.0), (5.0, np.nan), (np.inf, 1.0)])
def test_impossible_counts_are_refused_by_their_release(requests: float, errors: float) -> None:
    with pytest.raises(AnalysisError, match="release 1:"):
        rate_interval([10.0, requests], [1.0, errors], 0.05)


@pytest.mark.parametrize("alpha", [0.0, 1.0, np.nan])
def test_an_impossible_alpha_is_refused(alpha: float) -> None:
    with pytest.raises(AnalysisError, match="alpha"):
        rate_interval([10.0], [1.0], alpha)
