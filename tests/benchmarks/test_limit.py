"""The limit reproduces the published table to the digits."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import rel_entr
from scipy.stats import norm

from benchmarks.peers.limit import (
    ISTIO_BOUNDS,
    delay_limit,
    error_limit,
    information,
    lognormal_cells,
    slower_limit,
    wider_sigma,
)
from benchmarks.peers.traffic import SCENARIOS, SHARES, Floats, Scenario


@pytest.mark.parametrize(
    ("scenario", "seconds"),
    list(zip(SCENARIOS, ([74.9, 42.4, 23.8, 21.4], [251.3, 134.5, 67.1, 53.4], [1795, 955, 468, 364]), strict=True)),
)
def test_error_rates(scenario: Scenario, seconds: list[float]) -> None:
    for share, expected in zip(SHARES, seconds, strict=True):
        assert round(error_limit(scenario, share), 1 if expected < 300 else 0) == expected


@pytest.mark.parametrize(
    ("canary", "seconds"),
    [
        (lognormal_cells(80 * 1.3), [11.7, 6.2, 3.0, 2.2]),
        # the published tail widens both sides of the median: its fast half is faster
        (lognormal_cells(below=wider_sigma(1.3), above=wider_sigma(1.3)), [37.7, 20.2, 10.1, 8.0]),
        (lognormal_cells(above=wider_sigma(1.3)), [85.5, 46.1, 23.3, 18.8]),
    ],
    ids=["shift", "both tails", "slow tail only"],
)
def test_latency(canary: Floats, seconds: list[float]) -> None:
    assert [round(delay_limit(canary, lognormal_cells(), share), 1) for share in SHARES] == seconds


def test_wider_sigma_moves_the_99th_percentile_and_not_the_median() -> None:
    wide = wider_sigma(1.3)
    assert math.exp((wide - 0.6) * norm.ppf(0.99)) == pytest.approx(1.3)
    cells = lognormal_cells(above=wide)
    assert cells.sum() == pytest.approx(1.0)
    below = ISTIO_BOUNDS <= 50
    assert cells[below] == pytest.approx(lognormal_cells()[below])


def test_equal_arms_are_never_told_apart() -> None:
    law = np.array([0.3, 0.7])
    assert information(law, law, 0.1) == pytest.approx(0.0, abs=1e-12)
    assert delay_limit(law, law, 0.1) == math.inf


def test_information_of_a_cell_only_one_arm_has() -> None:
    """All of the canary's requests are marked: a request tells its arm, entropy of the share."""
    canary, stable = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    expected = -100 * (0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert information(canary, stable, 0.25) == pytest.approx(expected)


def test_a_shift_is_no_harder_for_a_test_that_lets_faster_canaries_be() -> None:
    for share in SHARES:
        shifted = lognormal_cells(80 * 1.3)
        assert slower_limit(shifted, lognormal_cells(), share) == pytest.approx(
            delay_limit(shifted, lognormal_cells(), share), rel=1e-6
        )


def test_a_faster_fast_half_is_no_help_to_it() -> None:
    """Both tails: 20.2 s told which law to expect, 46.9 s for a test that must not blame a faster canary."""
    wide, stable = wider_sigma(1.3), lognormal_cells()
    slow_half, both = lognormal_cells(above=wide), lognormal_cells(below=wide, above=wide)
    assert [round(slower_limit(both, stable, share), 1) for share in SHARES] == [87.1, 46.9, 23.8, 19.2]
    assert slower_limit(slow_half, stable, 0.1) == pytest.approx(slower_limit(both, stable, 0.1))


def test_a_faster_canary_is_never_found() -> None:
    assert slower_limit(lognormal_cells(70.0), lognormal_cells(), 0.1) == math.inf


@pytest.mark.parametrize("seed", range(3))
def test_the_nearest_ordered_pair_is_that_of_a_plain_minimiser(seed: int) -> None:
    """Random laws on four cells, minimised over all pairs with the canary's distribution function above stable's."""
    rng = np.random.default_rng(seed)
    canary, stable, share = rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(4)), 0.3

    def divergence(pair: Floats) -> float:
        p_c, p_s = np.maximum(pair[:4], 1e-300), np.maximum(pair[4:], 1e-300)
        return float(share * rel_entr(canary, p_c).sum() + (1 - share) * rel_entr(stable, p_s).sum())

    rules = [
        {"type": "eq", "fun": lambda pair: pair[:4].sum() - 1},
        {"type": "eq", "fun": lambda pair: pair[4:].sum() - 1},
        {"type": "ineq", "fun": lambda pair: np.cumsum(pair[:4] - pair[4:])[:3]},
    ]
    start = np.full(8, 0.25)
    least = minimize(divergence, start, bounds=[(1e-9, 1)] * 8, constraints=rules, method="SLSQP", tol=1e-14).fun
    known = math.log(100) / slower_limit(canary, stable, share) / 100
    assert known == pytest.approx(max(least, 0.0), abs=1e-6)
