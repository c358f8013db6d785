"""The mixtures against their defining integrals and the exact law, the boundaries against the mixtures."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta, binom, norm

from analysis.boundaries import (
    BetaBinomialMixture,
    Mixture,
    NormalMixture,
    bernoulli_interval,
    best_rho,
    boundary,
)
from analysis.errors import AnalysisError
from tests.calibration.simulation import most_expected

SIDES = [True, False]
MIXTURES: list[Mixture] = [
    *(NormalMixture.tuned(50.0, one_sided=side) for side in SIDES),
    *(BetaBinomialMixture.tuned(50.0, 0.2, 0.8, one_sided=side) for side in SIDES),
]


@pytest.mark.parametrize("one_sided", SIDES)
@pytest.mark.parametrize(("s", "v"), [(-3.0, 5.0), (0.0, 10.0), (4.0, 10.0), (25.0, 100.0)])
def test_normal_mixture_is_its_integral(one_sided: bool, s: float, v: float) -> None:
    mixture = NormalMixture.tuned(20.0, one_sided=one_sided)
    prior = norm(scale=1.0 / np.sqrt(float(mixture.rho)))
    start, weight = (0.0, 2.0) if one_sided else (-6.0, 1.0)
    integral, _ = quad(lambda x: weight * prior.pdf(x) * np.exp(x * s - x * x * v / 2.0), start, 6.0, limit=200)
    assert np.exp(mixture.log_evidence(s, v)) == pytest.approx(integral, rel=1e-7)


@pytest.mark.parametrize("one_sided", SIDES)
@pytest.mark.parametrize(("n", "successes"), [(10, 1), (10, 2), (10, 7), (40, 15), (3, 3), (5, 0)])
def test_beta_binomial_mixture_is_its_integral(one_sided: bool, n: int, successes: int) -> None:
    """Observations 0 or 1 of mean p: g = p, h = 1 - p, and likelihood ratios of other success probabilities."""
    p = 0.3
    mixture = BetaBinomialMixture.tuned(20.0, p, 1.0 - p, one_sided=one_sided)
    prior = beta(float(mixture.r) / (1.0 - p), float(mixture.r) / p)
    start, weight = (p, 1.0 / prior.sf(p)) if one_sided else (0.0, 1.0)

    def ratio(q: float) -> float:
        return float((q / p) ** successes * ((1.0 - q) / (1.0 - p)) ** (n - successes))

    integral, _ = quad(lambda q: weight * prior.pdf(q) * ratio(q), start, 1.0, limit=200)
    evidence = mixture.log_evidence(successes - n * p, n * p * (1.0 - p))
    assert np.exp(evidence) == pytest.approx(integral, rel=1e-7)


@pytest.mark.parametrize("one_sided", SIDES)
@pytest.mark.parametrize("p", [0.001, 0.2, 0.5, 0.97])
def test_beta_binomial_expectation_under_the_exact_law(one_sided: bool, p: float) -> None:
    mixture = BetaBinomialMixture.tuned(10.0 * p * (1.0 - p), p, 1.0 - p, one_sided=one_sided)
    for n in (1, 2, 7, 60):
        successes = np.arange(n + 1)
        evidence = np.exp(mixture.log_evidence(successes - n * p, n * p * (1.0 - p)))
        assert binom.pmf(successes, n, p) @ evidence == pytest.approx(1.0, rel=1e-9)
        if one_sided:
            assert binom.pmf(successes, n, 0.8 * p) @ evidence < 1.0


@pytest.mark.parametrize("mixture", MIXTURES)
def test_boundary_is_where_the_evidence_suffices(mixture: Mixture) -> None:
    v, alpha = np.array([10.0, 50.0, 1e4])[:, None], np.array([0.2, 0.05, 0.001])
    bound = boundary(mixture, v, alpha)
    assert bound.shape == (3, 3)
    assert mixture.log_evidence(bound, v) == pytest.approx(np.broadcast_to(-np.log(alpha), (3, 3)), abs=1e-9)
    assert (np.diff(bound, axis=0) > 0).all()
    assert (np.diff(bound, axis=1) > 0).all()


def test_boundary_stops_at_the_largest_sum() -> None:
    mixture = BetaBinomialMixture.tuned(10.0, 0.2, 0.8)
    assert boundary(mixture, np.array([0.0, 0.3]), 0.01) == pytest.approx([0.0, 1.5])
    assert mixture.log_evidence(1.5, 0.3) < np.log(100.0)


def test_two_sided_normal_boundary_has_its_closed_form() -> None:
    mixture = NormalMixture.tuned(30.0, one_sided=False)
    v = np.array([1e-3, 1.0, 30.0, 1e7])
    closed = np.sqrt((v + mixture.rho) * (np.log1p(v / mixture.rho) - 2.0 * np.log(0.01)))
    assert boundary(mixture, v, 0.01) == pytest.approx(closed, rel=1e-9)


@pytest.mark.parametrize("one_sided", SIDES)
def test_tuning_lowers_the_boundary_where_it_was_asked_to(one_sided: bool) -> None:
    tuned = NormalMixture.tuned(100.0, one_sided=one_sided)
    lowest = boundary(tuned, 100.0, 0.05)
    for factor in np.geomspace(0.05, 20.0, 9):
        other = NormalMixture(tuned.rho * factor, one_sided)
        assert lowest <= 1.01 * boundary(other, 100.0, 0.05)


def crossed(mixture: Mixture, pieces: np.ndarray, piece_v: float) -> int:
    """How many runs' sums (runs, steps) of pieces ever pass the 10 % boundary; a largest possible sum does not."""
    sums = np.cumsum(pieces, axis=1)
    v = piece_v * np.arange(1, pieces.shape[1] + 1)
    return int((sums > boundary(mixture, v, 0.1) + 1e-9).any(axis=1).sum())


def normal(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(3000, 400))


def skewed(rng: np.random.Generator) -> np.ndarray:
    """A fifth of them .8, else -.2: mean 0 within [-.2, .8]."""
    return np.where(rng.random((3000, 400)) < 0.2, 0.8, -0.2)


Law = Callable[[np.random.Generator], np.ndarray]
# The two-sided mixtures spend half of their risk on sums that fall.
RISKS = [0.1, 0.05, 0.1, 0.05]


@pytest.mark.parametrize(
    ("mixture", "risk", "law", "piece_v"),
    list(zip(MIXTURES, RISKS, [normal, normal, skewed, skewed], [1.0, 1.0, 0.16, 0.16], strict=True)),
)
def test_boundaries_are_crossed_rarely_and_not_never(mixture: Mixture, risk: float, law: Law, piece_v: float) -> None:
    often = crossed(mixture, law(np.random.default_rng(4)), piece_v)
    assert 0.2 * risk * 3000 <= often <= most_expected(3000, risk)


@given(st.integers(1, 10_000), st.floats(0.0, 1.0), st.floats(0.001, 0.5))
def test_bernoulli_interval_holds_the_share_and_turns_with_it(n: int, part: float, alpha: float) -> None:
    successes = round(n * part)
    lower, upper = bernoulli_interval(np.full(2, n), np.array([successes, n - successes]), alpha, 200.0)
    assert 0.0 <= lower[0] <= successes / n <= upper[0] <= 1.0
    assert lower[0] == pytest.approx(1.0 - upper[1], abs=1e-9)


def test_bernoulli_interval_ends_where_the_evidence_suffices() -> None:
    n, successes = np.array([40.0, 1000.0, 1e6]), np.array([20.0, 30.0, 5e4])
    for p in bernoulli_interval(n, successes, 0.05, 300.0):
        mixture = BetaBinomialMixture.tuned(300.0 * p * (1.0 - p), p, 1.0 - p, one_sided=False)
        evidence = mixture.log_evidence(successes - n * p, n * p * (1.0 - p))
        assert evidence == pytest.approx(np.log(20.0), abs=1e-6)


def test_bernoulli_interval_at_the_edges() -> None:
    lower, upper = bernoulli_interval(np.array([100, 100]), np.array([0, 100]), 0.05, 100.0)
    assert lower[0] == 0.0
    assert upper[1] == 1.0
    assert 0.03 < upper[0] < 0.08
    assert lower[1] == pytest.approx(1.0 - upper[0])


@pytest.mark.parametrize(("v_opt", "alpha_opt"), [(0.0, 0.05), (-1.0, 0.05), (10.0, 0.0), (10.0, 0.5), (np.nan, 0.05)])
def test_impossible_tunings_are_refused(v_opt: float, alpha_opt: float) -> None:
    with pytest.raises(AnalysisError, match="v_opt"):
        best_rho(v_opt, alpha_opt, one_sided=True)


def test_impossible_mixtures_levels_and_counts_are_refused() -> None:
    with pytest.raises(AnalysisError, match="g and h"):
        BetaBinomialMixture.tuned(10.0, 0.0, 1.0)
    with pytest.raises(AnalysisError, match="alpha"):
        boundary(MIXTURES[0], 10.0, 1.0)
    with pytest.raises(AnalysisError, match="successes"):
        bernoulli_interval(np.array([5]), np.array([6]), 0.05, 10.0)
