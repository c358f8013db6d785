"""The limit reproduces the published table to the digits."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from benchmarks.peers.limit import (
    ISTIO_BOUNDS,
    delay_limit,
    error_limit,
    information,
    lognormal_cells,
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
        # the published tail widens both sides of the median: its fast half is faster, which a one-sided test cannot use
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
