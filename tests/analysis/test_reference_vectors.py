"""Numbers computed by independent programs, to all their digits."""

from typing import Any

import numpy as np
import pytest
from scipy.special import comb

from analysis.boundaries import BetaBinomialMixture, NormalMixture, bernoulli_interval, best_rho, boundary
from analysis.onset import log_sum_exp
from analysis.proportion import (
    bernoulli_log_evidence,
    canary_part,
    poisson_log_evidence,
    poisson_projection,
    relative_log_evidence,
)
from analysis.ratio_interval import grid_log_likelihood, ratio_interval
from analysis.split import log_split_evidence

TICKS = [(50, 0, 950, 1), (50, 1, 950, 0), (250, 4, 750, 2), (250, 5, 750, 3)]
PSI = np.array([1.25, 1.5, 2, 3, 6, 15])
PSI_WEIGHTS = np.array([0.10, 0.27, 0.25, 0.18, 0.12, 0.08])


def test_relative_margin_after_each_tick() -> None:
    steps = [relative_log_evidence(n_c, e_c, n_s, e_s, rho=1.0, psi=PSI) for n_c, e_c, n_s, e_s in TICKS]
    evidence = np.exp(log_sum_exp(np.cumsum(steps, axis=0) + np.log(PSI_WEIGHTS)))
    assert evidence == pytest.approx([0.906970, 2.283238, 13.379546, 109.462423], abs=5e-7)


def test_ratio_interval_on_the_same_ticks() -> None:
    n_c, e_c, n_s, e_s = np.array(TICKS, dtype=float).T[:, None, :]
    total = grid_log_likelihood(n_c, e_c, n_s, e_s)
    lower, likeliest, upper = ratio_interval(total, 0.05)
    assert lower[0] == pytest.approx(1.2806, abs=5e-5)
    assert upper[0] == pytest.approx(39.82, abs=5e-3)
    assert likeliest[0] == pytest.approx(6.333, abs=5e-4)


def test_mixed_margin_projection_and_mixture() -> None:
    kappa, weights = np.array([0.5, 0.8, 1.0, 1.15]), np.array([0.1, 0.3, 0.4, 0.2])
    lam = poisson_projection(500, 4500, p_c=0.001, p_s=0.001, rho=1.5, delta=0.002)
    assert lam == pytest.approx(0.000895405, abs=5e-10)
    assert 1.5 * lam + 0.002 == pytest.approx(0.003343108, abs=5e-10)
    gains = poisson_log_evidence(500, 0, 4500, 4, p_c=kappa * 0.001, p_s=0.001, rho=1.5, delta=0.002)
    assert np.exp(log_sum_exp(gains + np.log(weights))) == pytest.approx(3.269073, abs=5e-7)


def test_bernoulli_and_poisson_forms_agree_at_low_rates() -> None:
    counts: tuple[int, ...] = (500, 0, 4500, 4)
    null: dict[str, Any] = {"rho": 1.5, "delta": 0.002}
    poisson = poisson_log_evidence(*counts, p_c=0.001, p_s=0.001, **null)
    bernoulli = bernoulli_log_evidence(*counts, p_c=0.001, p_s=0.001, **null)
    assert bernoulli == pytest.approx(float(poisson), rel=0.01)


@pytest.mark.parametrize(
    ("stable", "canary", "published"), [("1111110111", "0010100000", 11.15029), ("1010001", "1011101", 1.09550)]
)
def test_safe_two_by_two_blocks_with_learned_alternatives(stable: str, canary: str, published: float) -> None:
    """safestats' test of two proportions: one outcome an arm and block, alternatives the means of Beta(.18, .18)
    posteriors after the blocks before.

    With rho = 1 and delta = 0 the nearest boundary point is the arms' mean and needs no Newton step, and a stake below
    the largest is not shrunk: production has all the digits.
    """
    evidence, failed = 0.0, np.zeros(2)
    for block, (one, other) in enumerate(zip(stable, canary, strict=True)):
        outcome = np.array([int(one), int(other)])
        p_s, p_c = (failed + 0.18) / (block + 0.36)
        evidence += float(bernoulli_log_evidence(1, outcome[1], 1, outcome[0], p_c=p_c, p_s=p_s, rho=1.0, delta=0.0))
        failed += outcome
    assert np.exp(evidence) == pytest.approx(published, abs=5e-6)


@pytest.mark.parametrize(
    ("one_sided", "evidence", "bound"), [(True, -0.06502391, 27.66071), (False, -0.6510052, 30.35209)]
)
def test_normal_mixture(one_sided: bool, evidence: float, bound: float) -> None:
    mixture = NormalMixture.tuned(100.0, one_sided=one_sided)
    assert mixture.log_evidence(10.0, 100.0) == pytest.approx(evidence, abs=5e-8)
    assert boundary(mixture, 100.0, 0.05) == pytest.approx(bound, abs=5e-6)
    assert best_rho(100.0, 0.05, one_sided=False) == pytest.approx(12.60056, abs=5e-6)


@pytest.mark.parametrize(
    ("one_sided", "evidence", "bound"), [(True, -0.07134019, 28.41238), (False, -0.6941012, 31.4308)]
)
def test_beta_binomial_mixture(one_sided: bool, evidence: float, bound: float) -> None:
    mixture = BetaBinomialMixture.tuned(100.0, 0.2, 0.8, one_sided=one_sided)
    assert mixture.log_evidence(10.0, 100.0) == pytest.approx(evidence, abs=5e-8)
    assert boundary(mixture, 100.0, 0.05) == pytest.approx(bound, abs=5e-6)


@pytest.mark.parametrize(
    ("trials", "successes", "t_opt", "ends"),
    [(1000, 700, 100.0, (0.651629, 0.745949)), (50, 5, 50.0, (0.013021, 0.269264))],
)
def test_bernoulli_interval(trials: int, successes: int, t_opt: float, ends: tuple[float, float]) -> None:
    """The published digits are cut, not rounded: .65162981, .01302176."""
    lower, upper = bernoulli_interval(np.array([trials]), np.array([successes]), 0.05, t_opt)
    assert np.floor(1e6 * np.array([lower[0], upper[0]])) / 1e6 == pytest.approx(ends, abs=1e-9)


@pytest.mark.parametrize(
    ("counts", "p_value", "digits"), [((100, 201), 5.06061e-6, 5e-12), ((100, 150), 0.0515172, 5e-8)]
)
def test_sample_ratio_mismatch(counts: tuple[int, int], p_value: float, digits: float) -> None:
    """Lindon and Malek's multinomial test against equal shares, prior 100 x share."""
    evidence = log_split_evidence(np.array([float(counts[0])]), np.array([float(counts[1])]), np.array([0.5]))
    assert np.exp(-evidence[0]) == pytest.approx(p_value, abs=digits)


@pytest.mark.parametrize("psi", [1.25, 2.0, 6.0, 50.0])
@pytest.mark.parametrize(("n_c", "n_s", "m"), [(3, 7, 2), (5, 5, 4), (2, 20, 6), (10, 3, 5)])
def test_expectation_given_the_total_is_at_most_one_under_the_exact_law(n_c: int, n_s: int, m: int, psi: float) -> None:
    e_c = np.arange(max(0, m - n_s), min(n_c, m) + 1)
    law = comb(n_c, e_c) * comb(n_s, m - e_c) / comb(n_c + n_s, m)
    gains = relative_log_evidence(n_c, e_c, n_s, m - e_c, rho=1.0, psi=psi)
    assert law.sum() == pytest.approx(1.0)
    assert law @ np.exp(gains) <= 1.0 + 1e-12


def test_that_expectation_is_at_most_one_for_every_small_table_and_ratio() -> None:
    psi = np.concatenate([np.geomspace(1.0001, 1e4, 60), [np.e]])
    for n_c, n_s in np.ndindex(9, 9):
        for m in range(1, n_c + n_s + 3):
            e_c = np.arange(max(0, m - n_s - 1), min(n_c + 1, m) + 1)
            law = comb(n_c + 1, e_c) * comb(n_s + 1, m - e_c) / comb(n_c + n_s + 2, m)
            gains = relative_log_evidence(n_c + 1, e_c, n_s + 1, m - e_c, rho=1.0, psi=psi[:, None])
            assert (np.exp(gains) @ law).max() <= 1.0 + 1e-12


def test_canary_part_is_its_share_at_ratio_one() -> None:
    assert canary_part(50, 950, 1.0) == pytest.approx(0.05)
