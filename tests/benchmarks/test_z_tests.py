"""z tests: the statistic, when they look, and the boundaries that spend a risk."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import norm

from benchmarks.peers.method import NEVER
from benchmarks.peers.traffic import Scenario, Traffic, simulate
from benchmarks.peers.z_tests import (
    AlphaSpending,
    EveryLook,
    FixedHorizon,
    pooled_z,
    power_boundaries,
    running_z,
    spending_boundaries,
    stratified_z,
)


def test_pooled_z_by_hand() -> None:
    """30 of 100 against 20 of 100: pooled 1/4, standard error sqrt(3/16 / 50)."""
    z = pooled_z(*(np.array([v]) for v in (100.0, 30.0, 100.0, 20.0)))
    assert z[0] == pytest.approx(0.1 / np.sqrt(3 / 16 / 50))


@pytest.mark.parametrize("counts", [(0, 0, 10, 1), (10, 1, 0, 0), (10, 0, 10, 0), (10, 10, 10, 10)])
def test_z_that_is_not_defined_never_alarms(counts: tuple[int, ...]) -> None:
    assert pooled_z(*(np.array([float(v)]) for v in counts))[0] == NEVER


def test_running_z_is_that_of_all_traffic_so_far() -> None:
    traffic = simulate(np.random.default_rng(1), Scenario(0.02, 0.05), 0.3, runs=4, seconds=50)
    so_far = [a[:, :3].sum(axis=1) for a in traffic.counts()]
    assert running_z(traffic)[:, 2] == pytest.approx(pooled_z(*so_far))


def test_stratified_z_by_hand() -> None:
    """Two ticks of 4 + 6 and 5 + 5 requests with 3 and 2 errors; hypergeometric means and variances."""
    ticks = [np.array([values], dtype=float) for values in ((4, 5), (2, 2), (6, 5), (1, 0))]
    z = stratified_z(Traffic(10.0, 0.5, *ticks))
    first, second = 4 * 6 * 3 * 7 / (100 * 9), 5 * 5 * 2 * 8 / (100 * 9)
    assert z[0] == pytest.approx([(2 - 1.2) / np.sqrt(first), (2 - 1.2 + 2 - 1.0) / np.sqrt(first + second)])


def test_stratified_z_of_one_tick_is_nearly_the_pooled_one_and_empty_ticks_change_nothing() -> None:
    traffic = simulate(np.random.default_rng(8), Scenario(0.02, 0.05), 0.3, runs=4, seconds=10)
    assert stratified_z(traffic) == pytest.approx(running_z(traffic), rel=1e-3)
    padded = Traffic(10.0, 0.3, *(np.pad(a, ((0, 0), (1, 1))) for a in traffic.counts()))
    z = stratified_z(padded)
    assert (z[:, 0] == NEVER).all()
    assert z[:, 2] == pytest.approx(stratified_z(traffic)[:, 0])


def test_stratified_tests_look_when_the_pooled_ones_do() -> None:
    traffic = simulate(np.random.default_rng(9), Scenario(0.02, 0.05), 0.3, runs=4)
    for one, other in ((EveryLook(), EveryLook(stratified=True)), (AlphaSpending(), AlphaSpending(stratified=True))):
        pooled, stratified = one.statistic(traffic), other.statistic(traffic)
        assert ((pooled > NEVER) == (stratified > NEVER)).all()
        assert other.name == f"{one.name}, stratified"


def test_fixed_horizon_looks_once_and_every_look_always() -> None:
    traffic = simulate(np.random.default_rng(2), Scenario(0.02, 0.05), 0.3, runs=4)
    once = FixedHorizon().statistic(traffic)
    assert traffic.ends[(once > NEVER).all(axis=0)].tolist() == [600.0]
    assert (EveryLook().statistic(traffic)[:, 59] == once[:, 59]).all()


@pytest.mark.parametrize(
    ("spent", "expected"),
    [
        # two published spending functions, 2.5 % one-sided, five looks
        (lambda t: 2 * norm.sf(norm.isf(0.0125) / np.sqrt(max(t, 1e-12))), (4.8769, 3.3569, 2.6803, 2.2898, 2.0310)),
        (lambda t: 0.025 * np.log(1 + (np.e - 1) * t), (2.4380, 2.4268, 2.4101, 2.3966, 2.3859)),
    ],
    ids=["O'Brien-Fleming", "Pocock"],
)
def test_boundaries_of_published_spending_functions(
    spent: Callable[[float], float], expected: tuple[float, ...]
) -> None:
    assert spending_boundaries(5, spent) == pytest.approx(expected, abs=2e-4)


def test_power_boundaries_spend_what_they_say() -> None:
    """200,000 Brownian paths; each look's first crossings within four standard deviations of what it may spend."""
    looks, risk, paths = 6, 0.05, 200_000
    boundaries = np.array(power_boundaries(looks, risk, 2.0))
    steps = np.random.default_rng(5).normal(0.0, np.sqrt(1 / looks), (paths, looks))
    part = np.arange(1, looks + 1) / looks
    above = np.cumsum(steps, axis=1) / np.sqrt(part) > boundaries
    first = np.bincount(above.argmax(axis=1)[above.any(axis=1)], minlength=looks)
    expected = paths * risk * np.diff(part**2, prepend=0.0)
    assert np.abs(first - expected).max() <= 4 * np.sqrt(expected.max())
    assert (np.abs(first - expected) <= 4 * np.sqrt(expected)).all()


def test_one_look_spends_everything_there() -> None:
    assert power_boundaries(1, 0.01, 2.0) == pytest.approx((norm.isf(0.01),))


def test_alpha_spending_looks_every_minute_and_divides_by_its_boundaries() -> None:
    traffic = simulate(np.random.default_rng(6), Scenario(0.02, 0.05), 0.3, runs=4)
    statistic = AlphaSpending().statistic(traffic)
    looks = (statistic > NEVER).all(axis=0)
    assert traffic.ends[looks].tolist() == [60.0 * k for k in range(1, 31)]
    boundary = np.array(power_boundaries(30, 0.01, 2.0))
    assert statistic[:, looks] * boundary == pytest.approx(running_z(traffic.every(60.0)))


def test_alpha_spending_ends_with_its_last_look() -> None:
    traffic = simulate(np.random.default_rng(7), Scenario(0.02, 0.05), 0.3, runs=2, seconds=3600)
    statistic = AlphaSpending().statistic(traffic)
    assert (statistic[:, traffic.ends > 1800] == NEVER).all()


def test_an_interval_that_is_no_multiple_of_the_tick_is_refused() -> None:
    ones = np.ones((1, 6))
    with pytest.raises(ValueError, match="interval 25 s: choose a multiple of the tick of 10 s"):
        Traffic(10.0, 0.5, ones, ones, ones, ones).every(25.0)
