"""Latency evidence: an e-value whatever the law, slowing as far as buckets tell, histograms that change, quantiles."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multinomial

from analysis.errors import InvalidObservation
from analysis.judge import Judge, ReleaseSettings, ReleaseTick, Tolerance, Verdict
from analysis.latency import latency_log_evidence
from analysis.proportion import Floats
from analysis.quantiles import bracket
from analysis.slowing import Cuts, cuts, standing

BOUNDS = (50.0, 100.0, 200.0, math.inf)
FAST = (60.0, 150.0, 190.0, 200.0)
SLOW = (1.0, 5.0, 12.0, 20.0)
LATENCY = ReleaseSettings(judge_latency=True, latency_tolerance=Tolerance(relative=0.0))


def cut(cells: Floats, bounds: Floats, factor: float) -> Cuts:
    """Of one release's cells (C,)."""
    return cuts(*standing(cells[:, None] / cells.sum()), bounds, factor)


def tick(k: int, canary: tuple[float, ...], bounds: tuple[float, ...] = BOUNDS) -> ReleaseTick:
    return ReleaseTick(2.0 * k, 200, 0, 20, 0, bounds, FAST[-len(bounds) :], canary)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(st.floats(0.02, 1.0), min_size=3, max_size=3),
    st.lists(st.floats(0.0, 30.0), min_size=3, max_size=3).filter(lambda cells: sum(cells) > 0),
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from([1.0, 1.2, 1.8]),
    st.sampled_from(["slower", "harm"]),
)
def test_expectation_is_at_most_one_for_a_canary_exactly_as_slow_as_tolerated_or_as_an_advance_forbids(
    law: list[float], earlier: list[float], n_c: int, n_s: int, factor: float, side: str
) -> None:
    bounds = np.array([50.0, 100.0, math.inf])
    known = np.array(earlier)
    stable = np.array(law) / sum(law)
    at = cut(known, bounds, factor)
    slowing = at.moving_more() if side == "slower" else at.moving_fewer()
    canary = stable if factor == 1.0 else slowing.forward(stable[:, None, None])[:, 0, 0]
    x, y = (np.array([c for c in np.ndindex(n + 1, n + 1, n + 1) if sum(c) == n], dtype=float) for n in (n_c, n_s))
    pairs = np.repeat(x, len(y), axis=0), np.tile(y, (len(x), 1))
    odds = multinomial.pmf(pairs[0], n_c, canary) * multinomial.pmf(pairs[1], n_s, stable)
    repeated = np.repeat(known[None], odds.size, axis=0)
    back, on = latency_log_evidence(*pairs, repeated, bounds, slower=factor, harm=max(factor, 1.01))
    assert odds.sum() == pytest.approx(1.0)
    if side == "slower":
        assert (odds @ np.exp(back)).max() <= 1.0 + 1e-9
    elif factor > 1.0:
        assert (odds @ np.exp(on)).max() <= 1.0 + 1e-9


def test_slowing_keeps_every_request_and_never_moves_one_left() -> None:
    bounds = np.array([1.0, 2.0, 3.0, 5.0, 10.0, 20.0, math.inf])
    cells = np.array([5.0, 9.0, 20.0, 4.0, 1.0, 1.0, 0.5])
    for factor in (1.01, 1.2, 2.0, 7.0):
        at = cut(cells, bounds, factor)
        more, fewer = (
            slowing.forward(cells[:, None, None])[:, 0, 0] for slowing in (at.moving_more(), at.moving_fewer())
        )
        for slowed in (more, fewer):
            assert slowed.sum() == pytest.approx(cells.sum())
            assert (slowed >= -1e-12).all()
            assert (np.cumsum(slowed) <= np.cumsum(cells) + 1e-9).all()
        assert (np.cumsum(more) <= np.cumsum(fewer) + 1e-9).all()


def test_what_a_slowing_pays_back_is_its_transpose() -> None:
    cells, factors = np.array([1.0, 5.0, 3.0, 2.0]), np.array([0.5, 1.0, 2.0, 7.0])
    slowing = cut(cells, np.array([1.0, 2.0, 4.0, 8.0]), 3.0).moving_more()
    paid = (slowing.forward(cells[:, None, None])[:, 0, 0] * factors).sum()
    assert (slowing.back(factors[:, None, None])[:, 0, 0] * cells).sum() == pytest.approx(paid)


def test_slowing_moves_whole_cells_when_the_factor_is_a_bucket() -> None:
    cells = np.array([1.0, 2.0, 4.0, 8.0])
    slowing = cut(cells, np.array([1.0, 2.0, 4.0, math.inf]), 2.0).moving_more()
    assert slowing.forward(cells[:, None, None])[:, 0, 0] == pytest.approx([0.0, 1.0, 2.0, 12.0])


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(0, 60), min_size=5, max_size=5),
    st.lists(st.integers(0, 60), min_size=5, max_size=5),
    st.sampled_from([1.0, 1.2, 3.0]),
    st.floats(1e-3, 1e3),
)
def test_the_unit_of_latency_does_not_matter(canary: list[int], stable: list[int], slower: float, unit: float) -> None:
    bounds = np.array([5.0, 11.0, 40.0, 90.0, math.inf])
    x, y = (np.array([cells], dtype=float) for cells in (canary, stable))
    one, other = (
        latency_log_evidence(x, y, y + 3.0, scaled, slower=slower, harm=1.3) for scaled in (bounds, bounds * unit)
    )
    for gain, rescaled in zip(one, other, strict=True):
        assert rescaled == pytest.approx(gain, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("factor", [2.0, 1.0 + 1e-9, 10.0, 1e6])
def test_a_cell_that_slowing_empties_is_no_division_by_zero(factor: float) -> None:
    bounds = np.array([0.5, 1.0, 2.0, 4.0, 8.0, math.inf])
    cells = np.array([[0.0, 0.0, 9.0, 40.0, 50.0, 1.0]])
    with np.errstate(all="raise", under="ignore"):
        back, on = latency_log_evidence(cells[:, ::-1], cells, cells * 100, bounds, slower=factor, harm=factor)
    assert np.isfinite(back).all()
    assert np.isfinite(on).all()


def test_a_slow_canary_is_rolled_back_for_its_latency() -> None:
    judge = Judge.start([LATENCY])
    for k in range(1, 40):
        judge.observe([tick(k, SLOW)])
    [judgement] = judge.judge([0])
    assert judgement.verdict is Verdict.ROLL_BACK
    assert judgement.carried_by == "latency"
    assert judgement.reason.startswith(
        "canary answers with a p50 of 100 to 200 ms, stable of at most 100 ms, as far as buckets tell; such a gap"
    )
    p50 = judgement.metrics["latency"]["quantiles"]["p50"]
    assert p50 == {"stable_ms": [50.0, 100.0], "canary_ms": [100.0, 200.0], "difference_ms": [0.0, 150.0]}


def test_without_judge_latency_histograms_change_nothing() -> None:
    judge = Judge.start([ReleaseSettings()])
    for k in range(1, 8):
        judge.observe([tick(k, SLOW)])
    assert judge.judge([0])[0].verdict is Verdict.UNDECIDED
    assert "latency" not in judge.states()[0]


def test_a_much_faster_canary_brings_no_evidence_against_it() -> None:
    judge = Judge.start([LATENCY])
    for k in range(1, 100):
        judge.observe([tick(k, (15.0, 20.0, 20.0, 20.0))])
    assert judge.judge([0])[0].metrics["latency"]["log_evidence_rollback"] < 0


def test_resuming_with_latency_is_bit_equal_and_the_state_is_json_and_small() -> None:
    chosen = [LATENCY, ReleaseSettings(judge_latency=True)]
    straight, stopped = Judge.start(chosen), Judge.start(chosen)
    for k in range(1, 20):
        ticks = [tick(k, SLOW), None if k % 3 == 0 else tick(k, (3.0, 10.0, 17.0, 20.0))]
        straight.observe(ticks)
        stopped.observe(ticks)
        stopped = Judge.resume(chosen, json.loads(json.dumps(stopped.states(), allow_nan=False)))
    assert stopped.states() == straight.states()
    assert len(json.dumps(straight.states()[0])) < 6000


def test_bounds_that_change_are_coarsened_to_those_in_common() -> None:
    judge = Judge.start([LATENCY])
    judge.observe([tick(1, SLOW)])
    judge.observe([tick(2, (5.0, 12.0, 20.0), bounds=(100.0, 200.0, math.inf))])
    assert judge.states()[0]["latency"]["bounds"] == [100.0, 200.0, None]
    judge.observe([tick(3, SLOW)])
    assert judge.states()[0]["latency"]["bounds"] == [100.0, 200.0, None]
    assert judge.states()[0]["latency"]["cells"][2] == [15.0, 21.0, 24.0]


@pytest.mark.parametrize(
    ("bounds", "canary", "field"),
    [
        ((50.0, 40.0), (1.0, 2.0), "latency_bounds"),
        (BOUNDS, (1.0, 2.0), "canary_latency"),
        (BOUNDS, (5.0, 4.0, 6.0, 7.0), "canary_latency"),
        (BOUNDS, (1.0, 2.0, math.nan, 7.0), "canary_latency"),
    ],
)
def test_an_impossible_histogram_is_named(bounds: tuple[float, ...], canary: tuple[float, ...], field: str) -> None:
    judge = Judge.start([LATENCY, LATENCY])
    judge.observe([tick(1, SLOW), tick(1, SLOW)])
    before = judge.states()
    with pytest.raises(InvalidObservation) as caught:
        judge.observe([tick(2, SLOW), tick(2, canary, bounds)])
    assert (caught.value.index, caught.value.field) == (1, field)
    assert judge.states() == before


def test_a_quantile_is_never_narrower_than_its_bucket_and_unknown_at_first() -> None:
    bounds = np.array(BOUNDS)
    low, high = bracket(np.array([[0.0, 1.0, 0.0, 0.0], [1000.0, 4000.0, 100.0, 5.0]]), bounds, 0.5, 0.05)
    assert (low.tolist(), high.tolist()) == ([0.0, 50.0], [math.inf, 100.0])
