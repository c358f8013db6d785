"""Flagger style: what is a failed check, how they are counted and when they act."""

import numpy as np

from benchmarks.peers.method import first_crossing
from benchmarks.peers.success_rate import SuccessRateObjective
from benchmarks.peers.traffic import Floats, Traffic


def canary(errors: list[float], requests: float = 100.0) -> Traffic:
    e_c = np.array([errors])
    n_c = np.full(e_c.shape, requests)
    return Traffic(10.0, 0.1, n_c, e_c, 9 * n_c, np.zeros_like(n_c))


def rolled_back(traffic: Traffic, method: SuccessRateObjective) -> Floats:
    return first_crossing(method.statistic(traffic), method.nominal, traffic.ends)


TEN = SuccessRateObjective(interval=10.0)


def test_five_failures_act_at_the_check_after_the_fifth() -> None:
    assert rolled_back(canary([2.0] * 8), TEN).tolist() == [60.0]


def test_failures_are_counted_in_all_not_in_a_row() -> None:
    assert rolled_back(canary([2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 0]), TEN).tolist() == [100.0]


def test_four_failures_are_forgiven() -> None:
    assert rolled_back(canary([2, 2, 2, 2, 0, 0, 0, 0, 0]), TEN).tolist() == [np.inf]


def test_exactly_the_objective_is_no_failure() -> None:
    assert rolled_back(canary([1.0] * 20), TEN).tolist() == [np.inf]


def test_no_requests_at_all_is_a_failed_check() -> None:
    assert rolled_back(canary([0.0] * 8, requests=0.0), TEN).tolist() == [60.0]


def test_the_rate_is_that_of_the_whole_interval() -> None:
    """Six errors in 600 requests are the objective exactly, seven are not."""
    minute = SuccessRateObjective(interval=60.0)
    assert rolled_back(canary([6, 0, 0, 0, 0, 0] * 8), minute).tolist() == [np.inf]
    assert rolled_back(canary([7, 0, 0, 0, 0, 0] * 8), minute).tolist() == [360.0]


def test_what_would_act_after_the_horizon_does_not_count() -> None:
    assert rolled_back(canary([2.0] * 5), TEN).tolist() == [np.inf]


def test_the_statistic_at_any_other_threshold_is_the_rule_at_that_threshold() -> None:
    errors = np.random.default_rng(1).binomial(100, 0.02, 60)
    statistic = TEN.statistic(canary(errors.tolist()))
    for allowed in (1, 2, 3):
        failed = np.cumsum(errors > allowed)
        expected = np.flatnonzero(failed >= 5)[0] + 1
        assert np.flatnonzero(statistic[0] > allowed / 100)[0] == expected
