"""Many releases at once: the procedure against its definition, and the share of false discoveries it keeps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import AnalysisError
from analysis.multiplicity import combined, discoveries, mean_of
from analysis.proportion import Floats
from tests.calibration.simulation import most_expected

LOGS = st.lists(st.floats(-20.0, 20.0), min_size=1, max_size=12)
LEVELS = st.floats(0.001, 0.5)


def by_definition(log_evidence: list[float], alpha: float) -> set[int]:
    """Every number k tried: are there k releases with evidence K/(k alpha)? The largest such set."""
    for k in range(len(log_evidence), 0, -1):
        strong = {j for j, one in enumerate(log_evidence) if one >= np.log(len(log_evidence) / k / alpha)}
        if len(strong) >= k:
            return strong
    return set()


@given(LOGS, LEVELS)
def test_discoveries_are_those_of_the_definition(logs: list[float], alpha: float) -> None:
    assert set(np.flatnonzero(discoveries(np.array(logs), alpha))) == by_definition(logs, alpha)


@given(LOGS, LEVELS, st.data())
def test_more_evidence_for_one_release_loses_nobody(logs: list[float], alpha: float, data: st.DataObject) -> None:
    stronger = np.array(logs)
    stronger[data.draw(st.integers(0, len(logs) - 1))] += data.draw(st.floats(0.0, 10.0))
    assert not (discoveries(np.array(logs), alpha) & ~discoveries(stronger, alpha)).any()


@given(LOGS, LEVELS, LEVELS)
def test_a_larger_alpha_loses_nobody(logs: list[float], one: float, other: float) -> None:
    strict, loose = sorted((one, other))
    assert not (discoveries(np.array(logs), strict) & ~discoveries(np.array(logs), loose)).any()


def test_a_single_release_is_found_at_one_over_alpha() -> None:
    assert discoveries(np.log([100.0]), 0.01).tolist() == [True]
    assert discoveries(np.log([99.9]), 0.01).tolist() == [False]


def test_no_releases_and_no_evidence_find_nothing() -> None:
    assert discoveries(np.empty(0), 0.05).shape == (0,)
    assert not discoveries(np.full(3, -np.inf), 0.05).any()
    assert discoveries(np.array([np.inf, 0.0]), 0.05).tolist() == [True, False]


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, np.nan])
def test_an_impossible_alpha_is_refused(alpha: float) -> None:
    with pytest.raises(AnalysisError, match="choose alpha"):
        discoveries(np.zeros(2), alpha)


def test_unknown_evidence_is_refused_by_its_release() -> None:
    with pytest.raises(AnalysisError, match="release 1 "):
        discoveries(np.array([0.0, np.nan]), 0.05)
    with pytest.raises(AnalysisError, match="release 2 "):
        combined(np.array([[0.0, 0.0], [1.0, 1.0], [0.0, np.nan]]), np.ones(2))


def false_share(found: np.ndarray, regressed: np.ndarray) -> Floats:
    """Of the releases found in each run, (runs, K), the share of healthy ones; 0 where none were found."""
    return np.asarray((found & ~regressed).sum(axis=1) / np.maximum(found.sum(axis=1), 1))


def test_one_coin_for_all_releases_uses_the_promise_up() -> None:
    """Nothing is wrong with any, and all are wrong together: as bad as dependence gets, the promise is exact."""
    runs, alpha = 4000, 0.05
    unlucky = np.random.default_rng(1).random(runs) < alpha
    evidence = np.where(unlucky[:, None], np.log(1.0 / alpha), -np.inf) * np.ones(25)
    fooled = sum(bool(discoveries(one, alpha).all()) for one in evidence)
    assert fooled == unlucky.sum()
    assert fooled <= most_expected(runs, alpha)


REGRESSED = np.arange(42) >= 40


def fleets(likeness: float) -> Floats:
    """Evidence in 3,000 runs about 40 healthy releases and 2 regressions: likelihood ratios of normal observations
    correlated by `likeness`.
    """
    tilt, correlation = 3.0, likeness + (1.0 - likeness) * np.eye(42)
    noise = np.random.default_rng(2).multivariate_normal(np.zeros(42), correlation, size=3000)
    return np.asarray(tilt * (noise + tilt * REGRESSED) - tilt**2 / 2.0)


@pytest.mark.parametrize("likeness", [-0.02, 0.0, 0.5, 0.95])
def test_the_share_of_false_discoveries_is_kept_under_dependence(likeness: float) -> None:
    found = np.array([discoveries(one, 0.2) for one in fleets(likeness)])
    share = false_share(found, REGRESSED)
    assert share.mean() + 3.0 * share.std() / np.sqrt(3000) <= 0.2
    assert found[:, REGRESSED].any(axis=1).mean() > 0.2


def test_releases_believed_one_by_one_would_not_keep_it() -> None:
    assert false_share(fleets(0.0) >= np.log(1.0 / 0.2), REGRESSED).mean() > 0.2


def test_it_is_kept_at_the_moment_of_the_first_discovery() -> None:
    """Looking after every tick and stopping as soon as anything is found, over releases that share their noise."""
    runs, alpha, ticks = 500, 0.2, 40
    regressed = np.arange(32) >= 30
    rng = np.random.default_rng(3)
    evidence = np.zeros((runs, 32))
    found = np.zeros((runs, 32), dtype=bool)
    for _ in range(ticks):
        noise = 0.8 * rng.normal(size=(runs, 1)) + 0.6 * rng.normal(size=(runs, 32))
        evidence += 0.5 * (noise + 0.5 * regressed) - 0.125
        for run in np.flatnonzero(~found.any(axis=1)):
            found[run] = discoveries(evidence[run], alpha)
    share = false_share(found, regressed)
    assert found.any(axis=1).mean() > 0.5
    assert share.mean() + 3.0 * share.std() / np.sqrt(runs) <= alpha


@given(st.lists(st.tuples(st.floats(-50.0, 50.0), st.floats(0.0, 3.0)), min_size=1, max_size=6))
def test_combined_is_the_weighted_mean(metrics: list[tuple[float, float]]) -> None:
    logs, weights = np.array(metrics).T
    if weights.sum() < 1e-3:
        weights = weights + 1.0
    mean = combined(logs[None], weights)[0]
    assert np.exp(mean) == pytest.approx((np.exp(logs) * weights).sum() / weights.sum(), rel=1e-9)
    assert mean <= logs[weights > 0].max() + 1e-9


def test_combined_takes_weights_of_each_release() -> None:
    logs = np.log([[4.0, 8.0], [4.0, 8.0]])
    mean = combined(logs, np.array([[1.0, 1.0], [3.0, 0.0]]))
    assert np.exp(mean) == pytest.approx([6.0, 4.0])


def test_combined_stands_what_an_exponential_does_not() -> None:
    assert combined(np.array([[5000.0, -5000.0]]), np.ones(2)) == pytest.approx([5000.0 - np.log(2.0)])
    assert combined(np.array([[-np.inf, -np.inf]]), np.ones(2)) == pytest.approx([-np.inf])
    assert combined(np.array([[-np.inf, 2.0]]), np.array([1.0, 1e-300])).shape == (1,)
    assert combined(np.array([[np.inf, 0.0]]), np.array([0.0, 1.0])) == pytest.approx([0.0])


@given(st.lists(st.floats(-800.0, 800.0), min_size=1, max_size=6))
def test_the_mean_of_one_release_is_what_is_combined_of_many(logs: list[float]) -> None:
    assert mean_of(logs) == pytest.approx(combined(np.array([logs]), np.ones(len(logs)))[0], rel=1e-12, abs=1e-12)


def test_the_mean_of_one_release_stands_what_an_exponential_does_not() -> None:
    assert mean_of([5000.0, -5000.0]) == pytest.approx(5000.0 - np.log(2.0))
    assert (mean_of([-np.inf, -np.inf]), mean_of([np.inf, 0.0])) == (-np.inf, np.inf)
    with pytest.raises(AnalysisError, match="NaN"):
        mean_of([0.0, np.nan])


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, -0.5], [np.nan, 1.0], [np.inf, 1.0]])
def test_impossible_weights_are_refused_by_their_release(weights: list[float]) -> None:
    with pytest.raises(AnalysisError, match="weights of release 1"):
        combined(np.zeros((2, 2)), np.array([[1.0, 1.0], weights]))
