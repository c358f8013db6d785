"""Noise between stable instances, learned from their history."""

import numpy as np
import pytest

from analysis.dispersion import WITHOUT_HISTORY, learn_dispersion, pearson_dispersion


def history(seed: int, pods: int = 20, ticks: int = 360) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    requests = rng.poisson(50, (ticks, pods)).astype(float)
    return requests, rng.binomial(requests.astype(int), 0.005).astype(float)


def test_independent_requests_have_a_dispersion_of_one() -> None:
    requests, errors = history(1)
    assert pearson_dispersion(requests, errors, 6) == pytest.approx(1.0, abs=0.1)
    learned = learn_dispersion(requests, errors, tick=10.0)
    assert learned.phi == pytest.approx(1.0, abs=0.5)
    assert learned.note == "learned from 20 instances over 60 min"


def test_an_outage_that_all_pods_share_counts_for_nothing() -> None:
    requests, errors = history(2)
    errors[100:110] = np.random.default_rng(3).binomial(requests[100:110].astype(int), 0.4)
    assert learn_dispersion(requests, errors, tick=10.0).phi < 1.6


def test_errors_of_one_pod_count_and_more_traffic_a_pod_counts_for_more() -> None:
    requests, errors = history(4)
    errors[100:103, 7] = 0.5 * requests[100:103, 7]
    learned = learn_dispersion(requests, errors, tick=10.0)
    doubled = learn_dispersion(requests, errors, tick=10.0, exposure=2.0)
    assert learned.measured is not None
    assert learned.measured > 2.0
    assert doubled.phi - 1.0 == pytest.approx(2.0 * (learned.phi - 1.0))


@pytest.mark.parametrize(
    ("pods", "ticks", "why"),
    [(1, 360, "fewer than two stable instances"), (20, 60, "only 10 min of history"), (2, 200, "only 7 errors")],
)
def test_thin_history_is_said_and_replaced_by_caution(pods: int, ticks: int, why: str) -> None:
    requests, errors = history(5, pods, ticks)
    if why.endswith("errors"):
        errors[:] = 0.0
        errors[:7, 0] = 1.0
    learned = learn_dispersion(requests, errors, tick=10.0)
    assert (learned.phi, learned.measured) == (WITHOUT_HISTORY, None)
    assert learned.note.startswith(why)


def test_tables_that_do_not_match_are_refused() -> None:
    requests, errors = history(6)
    with pytest.raises(ValueError, match="two \\(ticks, instances\\) tables"):
        learn_dispersion(requests, errors[:-1], tick=10.0)
    errors[3, 3] = np.nan
    with pytest.raises(ValueError, match="finite, non-negative counts"):
        learn_dispersion(requests, errors, tick=10.0)
