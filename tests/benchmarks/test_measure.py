"""How methods are measured, on cases whose answers are known."""

import numpy as np
import pytest

from benchmarks.peers.measure import (
    RATE,
    Line,
    Purpose,
    Sampling,
    Way,
    alarms_on_ramp,
    calibrate,
    compare,
    excess_errors,
    rate_interval,
    until_end,
    with_one_for_all,
)
from benchmarks.peers.ours import Ours
from benchmarks.peers.traffic import HORIZON, RAMP, Floats, Scenario, Traffic, simulate_ramp
from benchmarks.peers.z_tests import AlphaSpending, EveryLook, FixedHorizon

CLEAR = Scenario(0.01, 0.05)


def line(delays: Floats, alarms: int = 0, healthy: int = 1000) -> Line:
    return Line("some", Way.NOMINAL, "z > 1", alarms, healthy, delays, np.zeros_like(delays))


def test_excess_errors_stop_with_the_tick_that_rolls_back() -> None:
    counts = np.array([[100.0, 100.0, 100.0]] * 3)
    traffic = Traffic(10.0, 0.5, counts, np.array([[3.0, 4.0, 5.0]] * 3), counts, 0 * counts)
    excess = excess_errors(traffic, np.array([10.0, 20.0, np.inf]), stable=0.01)
    assert excess == pytest.approx([2.0, 5.0, 9.0])


def test_a_delay_between_two_ticks_counts_the_whole_tick() -> None:
    """Latencies of looks that are no multiple of the tick do not exist here; 15 s would belong to the second tick."""
    counts = np.full((1, 3), 100.0)
    traffic = Traffic(10.0, 0.5, counts, counts / 10, counts, 0 * counts)
    assert excess_errors(traffic, np.array([15.0]), stable=0.0) == pytest.approx([20.0])


def test_power_quantiles_and_mean_count_what_was_never_found() -> None:
    some = line(np.array([10.0, 20.0, np.inf, np.inf]))
    assert some.power == 0.5
    assert (some.quantile(0.5), some.quantile(0.9)) == (20.0, np.inf)
    assert some.restricted.mean() == pytest.approx((10 + 20 + 2 * HORIZON) / 4)


@pytest.mark.parametrize(("alarms", "valid"), [(0, True), (10, True), (16, True), (17, True), (18, False), (30, False)])
def test_the_doubt_is_the_methods_benefit(alarms: int, valid: bool) -> None:
    """Of 1,000: the exact interval of 17 reaches down to 0.99 %, that of 18 does not reach 1 %."""
    some = line(np.array([10.0]), alarms)
    assert some.valid is valid
    assert (some.alarm_interval()[0] <= RATE) is valid


def test_rate_interval_of_none() -> None:
    low, high = rate_interval(0, 1000)
    assert low == 0.0
    assert high == pytest.approx(1 - 0.025 ** (1 / 1000))


def test_the_same_traffic_for_everybody_and_other_traffic_for_other_purposes() -> None:
    sampling = Sampling(600, seed=3)
    first, again, other = (
        list(sampling.batches(CLEAR, 0.1, purpose, 50))
        for purpose in (Purpose.BROKEN, Purpose.BROKEN, Purpose.TO_THE_END)
    )
    assert [part.n_c.shape[0] for part in first] == [500, 100]
    assert all((a.e_c == b.e_c).all() for a, b in zip(first, again, strict=True))
    assert not all((a.e_c == b.e_c).all() for a, b in zip(first, other, strict=True))
    assert sum(part.n_c.shape[0] for part in sampling.batches(CLEAR, 0.1, Purpose.HEALTHY, 50)) == 2400


def test_matched_thresholds_keep_the_rate_and_one_for_all_is_the_highest() -> None:
    sampling, methods = Sampling(500, seed=4), (EveryLook(), FixedHorizon())
    calibrated = [calibrate(sampling, scenario, 0.1, methods) for scenario in (CLEAR, Scenario(0.02, 0.05))]
    for by in calibrated:
        assert by["z at every look"][Way.NOMINAL] == EveryLook().nominal
        assert by["z at every look"][Way.MATCHED] > by["fixed-horizon z at 600 s"][Way.MATCHED] > 2.0
    for by in with_one_for_all(calibrated):
        for name, ways in by.items():
            assert ways[Way.ONE_FOR_ALL] == max(other[name][Way.MATCHED] for other in calibrated)


def test_compare_on_a_plain_regression() -> None:
    methods = EveryLook(), Ours()
    thresholds = {method.name: {Way.NOMINAL: method.nominal} for method in methods}
    result = compare(Sampling(200, seed=5), CLEAR, 0.1, methods, thresholds, ("ours",))
    ours, often = result.line("ours", Way.NOMINAL), result.line("z at every look", Way.NOMINAL)
    assert ours.healthy == 800
    assert ours.valid
    assert not often.valid
    assert ours.power == 1.0
    assert often.quantile(0.5) <= ours.quantile(0.5) <= 60.0
    # 10 requests a second to the canary, four more in a hundred fail
    assert ours.excess.mean() == pytest.approx(0.4 * ours.delays.mean(), rel=0.2)
    assert list(result.to_the_end) == [("ours", Way.NOMINAL)]
    with pytest.raises(KeyError, match="not compared on 1 -> 5 %"):
        result.line("ours", Way.MATCHED)


def test_what_never_ends_is_said_and_counted_at_ten_times_the_limit() -> None:
    never = {"z at every look": {Way.NOMINAL: np.inf}}
    ended = until_end(Sampling(20, seed=6), CLEAR, 0.1, (EveryLook(),), never)["z at every look", Way.NOMINAL]
    assert ended.unended == 1.0
    assert ended.mean == 200.0
    assert ended.error == 0.0


def test_a_ramp_has_the_shares_and_rates_it_says() -> None:
    ramp = simulate_ramp(np.random.default_rng(7), 0.01, runs=200)
    for step, share in enumerate(RAMP):
        part = slice(60 * step, 60 * step + 60)
        n_c, e_c, n_s, e_s = (counts[:, part].sum() for counts in ramp.counts())
        assert n_c / (n_c + n_s) == pytest.approx(share, rel=0.02)
        assert e_c / n_c == pytest.approx(0.01 * 2**step, rel=0.05)
        assert e_s / n_s == pytest.approx(0.01 * 2**step, rel=0.05)


def test_pooled_counts_blame_a_healthy_canary_on_a_ramp_and_strata_and_ours_do_not() -> None:
    methods = AlphaSpending(), AlphaSpending(stratified=True), Ours()
    thresholds = {method.name: {Way.NOMINAL: method.nominal} for method in methods}
    alarms = alarms_on_ramp(Sampling(200, seed=8), 0.01, methods, thresholds)
    pooled, stratified, ours = (alarms[method.name, Way.NOMINAL] for method in methods)
    assert pooled >= 190
    assert stratified <= 10
    assert ours <= 7
