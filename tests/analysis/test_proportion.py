"""What makes the tick's evidence an e-value, checked by exact sums over all outcomes, and its symmetries."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from analysis.proportion import bernoulli_log_evidence, relative_log_evidence

rates = st.floats(0.001, 0.9)
counts = st.integers(1, 12)


def expectation(n_c: int, n_s: int, true_c: float, true_s: float, **bet: Any) -> float:
    e_c, e_s = np.meshgrid(np.arange(n_c + 1), np.arange(n_s + 1), indexing="ij")
    law = binom.pmf(e_c, n_c, true_c) * binom.pmf(e_s, n_s, true_s)
    return float((law * np.exp(bernoulli_log_evidence(n_c, e_c, n_s, e_s, **bet))).sum())


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    counts,
    counts,
    rates,
    st.floats(0.0, 0.5),
    st.floats(1.0, 2.0),
    st.floats(1.05, 30.0),
    rates,
    st.floats(0, 1),
)
def test_rollback_evidence_expects_at_most_one_anywhere_within_tolerance(
    n_c: int, n_s: int, guess: float, delta: float, rho: float, psi: float, true_s: float, part: float
) -> None:
    guess = min(guess, (0.97 - delta) / rho)
    bound = rho * guess + delta
    p_c = psi * bound / (1 - bound + psi * bound)
    true_c = part * min(1.0, rho * true_s + delta)
    assert expectation(n_c, n_s, true_c, true_s, p_c=p_c, p_s=guess, rho=rho, delta=delta) <= 1 + 1e-9


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    counts,
    counts,
    rates,
    st.floats(0.001, 0.5),
    st.floats(1.0, 2.0),
    st.floats(0.3, 1.2),
    rates,
    st.floats(0, 1),
)
def test_advance_evidence_expects_at_most_one_anywhere_beyond_tolerance(
    n_c: int, n_s: int, guess: float, delta: float, rho: float, kappa: float, true_s: float, part: float
) -> None:
    guess = min(guess, (0.97 - delta) / rho)
    bad = min(1.0, rho * true_s + delta)
    true_s = min(true_s, (bad - delta) / rho)
    true_c = bad + part * (1 - bad)
    p_c = min(kappa * guess, 0.9 * (rho * guess + delta))
    assert expectation(n_c, n_s, true_c, true_s, p_c=p_c, p_s=guess, rho=rho, delta=delta) <= 1 + 1e-9


def test_a_projected_alternative_expects_one_at_the_boundary_point_itself() -> None:
    grid = np.linspace(0.001, 0.3, 40)
    along = [expectation(2, 9, 1.25 * p + 0.002, p, p_c=0.4, p_s=0.05, rho=1.25, delta=0.002) for p in grid.tolist()]
    assert max(along) == pytest.approx(1.0, abs=1e-3)


@settings(deadline=None, derandomize=True)
@given(
    st.floats(1, 1e6),
    st.floats(0, 1),
    st.floats(1, 1e6),
    st.floats(0, 1),
    st.floats(0.05, 20.0),
    st.floats(1.0, 3.0),
)
def test_swapping_the_arms_turns_a_ratio_into_its_inverse(
    n_c: float, part_c: float, n_s: float, part_s: float, psi: float, scale: float
) -> None:
    e_c, e_s = n_c * part_c, n_s * part_s
    forth = relative_log_evidence(n_c, e_c, n_s, e_s, rho=1.0, psi=psi)
    back = relative_log_evidence(n_s, e_s, n_c, e_c, rho=1.0, psi=1.0 / psi)
    assert forth == pytest.approx(float(back), rel=1e-9, abs=1e-6)
    scaled = relative_log_evidence(n_c * scale, e_c, n_s * scale, e_s, rho=1.0, psi=psi)
    assert scaled == pytest.approx(float(forth), rel=1e-9, abs=1e-6)


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 500), st.floats(0.01, 0.99), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))
def test_ticks_of_equal_share_merge(n: int, share: float, a: int, b: int, c: int) -> None:
    null: dict[str, Any] = {"p_c": 0.05, "p_s": 0.01, "rho": 1.25, "delta": 0.002}
    n_c, n_s = 1000 * n * share, 1000 * n * (1 - share)
    errors = np.minimum([[a, b], [c, 0], [a + c, b]], [[n_c, n_s], [2 * n_c, n_s], [3 * n_c, 3 * n_s]])
    requests = n * 1000 * np.array([[1], [2], [3]]) * np.array([[share, 1 - share]])
    columns = requests[:, 0], errors[:, 0], requests[:, 1], errors[:, 1]
    for gains in (
        bernoulli_log_evidence(*columns, **null),
        relative_log_evidence(*columns, rho=1.25, psi=3.0),
    ):
        assert gains[2] == pytest.approx(gains[0] + gains[1], rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(("n_c", "n_s"), [(0, 100), (100, 0), (0, 0)])
def test_an_arm_without_requests_gives_no_evidence(n_c: int, n_s: int) -> None:
    assert bernoulli_log_evidence(n_c, 0, n_s, 0, p_c=0.1, p_s=0.01, rho=1.0, delta=0.01) == 0.0
    assert relative_log_evidence(n_c, 0, n_s, 0, rho=1.0, psi=2.0) == 0.0
