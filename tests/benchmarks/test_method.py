"""Crossings, matched thresholds, the oracle and ours, as the comparison drives them."""

import numpy as np
import pytest

from benchmarks.peers.method import first_crossing, highest, matched_threshold
from benchmarks.peers.oracle import Oracle
from benchmarks.peers.ours import Ours
from benchmarks.peers.traffic import Scenario, Traffic, simulate

CLEAR = Scenario(0.01, 0.05)


def test_first_crossing_is_strict_and_infinite_for_never() -> None:
    statistic = np.array([[0.0, 1.0, 2.0, 0.0], [0.0, 1.0, 1.0, 1.0], [3.0, 0.0, 0.0, 0.0]])
    assert first_crossing(statistic, 1.0, np.array([10.0, 20.0, 30.0, 40.0])).tolist() == [30.0, np.inf, 10.0]


@pytest.mark.parametrize("runs", [100, 250, 99])
def test_matched_threshold_is_the_lowest_that_keeps_the_rate(runs: int) -> None:
    values = np.random.default_rng(1).normal(size=runs)
    threshold = matched_threshold(values, 0.02)
    assert np.mean(values > threshold) <= 0.02
    lower = values[values < threshold].max()
    assert np.mean(values > lower) > 0.02


def test_matched_threshold_of_tied_values_still_keeps_the_rate() -> None:
    assert np.mean(np.ones(100) > matched_threshold(np.ones(100), 0.01)) == 0.0


def test_oracle_by_hand() -> None:
    one = np.ones((1, 1))
    traffic = Traffic(10.0, 0.5, 10 * one, 2 * one, 10 * one, 0 * one)
    mean = 0.03
    expected = 2 * np.log(0.05 / mean) + 8 * np.log(0.95 / 0.97) + 10 * np.log(0.99 / 0.97)
    assert Oracle(CLEAR).statistic(traffic)[0, 0] == pytest.approx(expected)


def test_oracle_has_mean_one_when_both_arms_are_stable() -> None:
    traffic = simulate(np.random.default_rng(2), CLEAR.healthy(), 0.2, runs=200_000, seconds=10)
    ratio = np.exp(Oracle(CLEAR).statistic(traffic)[:, 0])
    assert ratio.mean() == pytest.approx(1.0, abs=4 * ratio.std() / np.sqrt(ratio.size))


def test_ours_in_blocks_of_ticks_is_ours_tick_by_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    traffic = simulate(np.random.default_rng(3), CLEAR, 0.1, runs=20, seconds=210)
    blocks = Ours().statistic(traffic)
    monkeypatch.setattr("benchmarks.peers.ours.BLOCK", 1)
    assert Ours().statistic(traffic) == pytest.approx(blocks)
    assert blocks.shape == traffic.n_c.shape


def test_ours_finds_a_plain_regression_and_leaves_a_healthy_canary_alone() -> None:
    bad = simulate(np.random.default_rng(4), CLEAR, 0.1, runs=200, seconds=300)
    good = simulate(np.random.default_rng(5), CLEAR.healthy(), 0.1, runs=200, seconds=300)
    ours = Ours()
    assert (highest(ours.statistic(bad)) > ours.nominal).all()
    assert np.sum(highest(ours.statistic(good)) > ours.nominal) <= 8


def test_every_joins_whole_ticks_and_drops_the_rest() -> None:
    traffic = simulate(np.random.default_rng(6), CLEAR, 0.1, runs=2, seconds=50)
    joined = traffic.every(20.0)
    assert joined.ends.tolist() == [20.0, 40.0]
    assert joined.n_c[:, 0] == pytest.approx(traffic.n_c[:, 0] + traffic.n_c[:, 1])


def test_traffic_has_the_rates_it_was_asked_for() -> None:
    traffic = simulate(np.random.default_rng(7), CLEAR, 0.25, runs=500, seconds=600)
    assert traffic.n_c.mean() == pytest.approx(250, rel=0.01)
    assert traffic.n_s.mean() == pytest.approx(750, rel=0.01)
    assert traffic.e_c.sum() / traffic.n_c.sum() == pytest.approx(0.05, rel=0.01)
    assert traffic.e_s.sum() / traffic.n_s.sum() == pytest.approx(0.01, rel=0.01)
