"""Numbers computed by independent programs, to all their digits."""

import numpy as np
import pytest
from scipy.special import comb

from analysis.onset import log_sum_exp
from analysis.proportion import (
    bernoulli_log_evidence,
    canary_part,
    poisson_log_evidence,
    poisson_projection,
    relative_log_evidence,
)
from analysis.ratio_interval import grid_log_likelihood, ratio_interval

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
    counts, null = (500, 0, 4500, 4), {"rho": 1.5, "delta": 0.002}
    poisson = poisson_log_evidence(*counts, p_c=0.001, p_s=0.001, **null)
    bernoulli = bernoulli_log_evidence(*counts, p_c=0.001, p_s=0.001, **null)
    assert bernoulli == pytest.approx(float(poisson), rel=0.01)


@pytest.mark.parametrize("psi", [1.25, 2.0, 6.0, 50.0])
@pytest.mark.parametrize(("n_c", "n_s", "m"), [(3, 7, 2), (5, 5, 4), (2, 20, 6), (10, 3, 5)])
def test_expectation_given_the_total_is_at_most_one_under_the_exact_law(n_c: int, n_s: int, m: int, psi: float) -> None:
    e_c = np.arange(max(0, m - n_s), min(n_c, m) + 1)
    law = comb(n_c, e_c) * comb(n_s, m - e_c) / comb(n_c + n_s, m)
    gains = relative_log_evidence(n_c, e_c, n_s, m - e_c, rho=1.0, psi=psi)
    assert law.sum() == pytest.approx(1.0)
    assert law @ np.exp(gains) <= 1.0 + 1e-12


def test_canary_part_is_its_share_at_ratio_one() -> None:
    assert canary_part(50, 950, 1.0) == pytest.approx(0.05)
