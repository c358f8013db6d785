"""Many ticks at once are the same as one after the other, and the rule that turns their evidence into verdicts."""

import math
from typing import Any

import numpy as np
import pytest

from analysis.judge import Judge, ReleaseSettings, ReleaseTick, Tolerance
from analysis.observation import LatencyCounts, TickCounts
from analysis.proportion import Floats

BOUNDS = (5.0, 10.0, 50.0, 100.0, math.inf)
SETTINGS = [
    ReleaseSettings(judge_latency=True, objective=0.02, interval=5.0),
    ReleaseSettings(error_tolerance=Tolerance(), dispersion=1.7, warm_up=31.0),
    ReleaseSettings(
        judge_latency=True,
        latency_tolerance=Tolerance(),
        advance_tolerances=(Tolerance(0.01, 1.0), Tolerance(0.004, 0.5)),
    ),
]
TICKS = 60


def recorded(seed: int) -> tuple[TickCounts, LatencyCounts]:
    """Three releases; the last has fewer ticks and is filled up with empty ones."""
    rng = np.random.default_rng(seed)
    shape = (len(SETTINGS), TICKS)
    seconds = rng.choice([2.0, 5.0, 40.0], shape, p=[0.4, 0.5, 0.1])
    seconds[2, 50:] = 0.0
    until = np.cumsum(seconds, axis=1)
    served = seconds > 0
    n_s, n_c = rng.poisson(300, shape) * served, rng.poisson(40, shape) * served
    e_s, e_c = rng.binomial(n_s, 0.01), rng.binomial(n_c, 0.02)
    x_n = n_s // 2
    x_e = np.minimum(e_s, x_n) // 2
    share = np.where(rng.random(shape) < 0.2, np.nan, np.where(np.arange(TICKS) < 25, 0.1, 0.12))
    restarted = np.where(rng.random(shape) < 0.1, 0.3, 0.0) * served
    counts = [np.asarray(a, dtype=float) for a in (n_s, e_s, n_c, e_c, share, restarted, x_n, x_e)]
    tick = TickCounts(np.arange(3), until - seconds, until, *counts)
    within = np.array([0.1, 0.4, 0.8, 0.95, 1.0])
    stable, canary = (rng.binomial(n[..., None].astype(int), within) for n in (n_s, n_c))
    cells = (np.sort(a, axis=2).astype(float) for a in (stable, canary))
    return tick, LatencyCounts(BOUNDS, np.arange(3), *cells)


def one(tick: TickCounts, histogram: LatencyCounts, row: int, k: int) -> ReleaseTick | None:
    if tick.t[row, k] == tick.since[row, k]:
        return None
    share = float(tick.share[row, k])
    return ReleaseTick(
        t=float(tick.t[row, k]),
        stable_requests=float(tick.n_s[row, k]),
        stable_errors=float(tick.e_s[row, k]),
        canary_requests=float(tick.n_c[row, k]),
        canary_errors=float(tick.e_c[row, k]),
        latency_bounds=BOUNDS,
        stable_latency=tuple(histogram.stable[row, k].tolist()),
        canary_latency=tuple(histogram.canary[row, k].tolist()),
        commanded_share=None if math.isnan(share) else share,
        restarted=float(tick.restarted[row, k]),
        shadow_requests=float(tick.x_n[row, k]),
        shadow_errors=float(tick.x_e[row, k]),
    )


def flat(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for key in sorted(value) for number in flat(value[key])]
    if isinstance(value, list):
        return [number for entry in value for number in flat(entry)]
    return [math.inf if value is None else float(value)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_block_of_ticks_is_the_same_as_one_after_the_other(seed: int) -> None:
    tick, histogram = recorded(seed)
    at_once, singly = Judge.start(SETTINGS), Judge.start(SETTINGS)
    weighed = at_once.weigh([1, 1, 1], at_once.observe_arrays(tick, [histogram]))
    for k in range(TICKS):
        singly.observe([one(tick, histogram, row, k) for row in range(3)])
        now = singly.weigh([1, 1, 1])
        for name in ("rollback", "advance", "errors_rollback", "latency_advance"):
            expected: Floats = getattr(now, name)[:, 0]
            assert getattr(weighed, name)[:, k] == pytest.approx(expected, rel=1e-7, abs=1e-7)
        assert (weighed.rolls_back[:, k] == now.rolls_back[:, 0]).all()
        assert (weighed.advances[:, k] == now.advances[:, 0]).all()
    for stored, expected_state in zip(at_once.states(), singly.states(), strict=True):
        assert flat(stored) == pytest.approx(flat(expected_state), rel=1e-7, abs=1e-7)


def history(seconds: float, requests: float, errors: float) -> TickCounts:
    return TickCounts.of_stable(0, np.array([-seconds, 0.0]), np.array([requests]), np.array([errors]))


def test_what_was_learned_of_stable_beforehand_is_no_evidence_but_spares_the_first_tick() -> None:
    settings = [ReleaseSettings(judge_latency=True, latency_tolerance=Tolerance())]
    primed, plain = Judge.start(settings), Judge.start(settings)
    cells = 600.0 * np.array([[[100.0, 400.0, 800.0, 950.0, 1000.0]]])
    primed.learn_stable(history(600.0, 600e3, 300.0), [LatencyCounts(BOUNDS, np.array([0]), cells, 0 * cells)])
    assert primed.weigh([0]).rollback[0, 0] == pytest.approx(0.0, abs=1e-12)
    slow = ReleaseTick(2.0, 1900, 1, 100, 0, BOUNDS, (190, 760, 1520, 1805, 1900), (2, 10, 50, 80, 100))
    for judge in (primed, plain):
        judge.observe([slow])
    assert primed.weigh([0]).latency_rollback[0, 0] > math.log(100)
    assert plain.weigh([0]).latency_rollback[0, 0] == pytest.approx(0.0, abs=1e-9)


def test_a_warm_up_is_no_evidence_and_counts_for_nothing() -> None:
    judge = Judge.start([ReleaseSettings(warm_up=30.0)])
    for k in range(1, 7):
        judge.observe([ReleaseTick(5.0 * k, 400, 1, 40, 40)])
    [early] = judge.judge([0])
    assert [finding.code for finding in early.quality] == ["warming-up", "too-little"]
    assert early.log_evidence_rollback == pytest.approx(0.0, abs=1e-12)
    assert early.canary_requests == 0
    for k in range(7, 20):
        judge.observe([ReleaseTick(5.0 * k, 400, 1, 40, 0)])
    [late] = judge.judge([0])
    assert late.canary_errors == 0
    assert late.log_evidence_rollback < 0
    assert "warming-up" not in [finding.code for finding in late.quality]


def test_an_advance_needs_every_metric_and_a_rollback_only_one() -> None:
    settings = [ReleaseSettings(judge_latency=True, advance_tolerances=(Tolerance(0.05, 1.0),))]
    errors_only = Judge.start(settings)
    for k in range(1, 40):
        errors_only.observe([ReleaseTick(2.0 * k, 380, 0, 20, 0)])
    weighed = errors_only.weigh([0])
    assert weighed.errors_advance[0, 0] > math.log(20)
    assert not weighed.advances.any()
    [judgement] = errors_only.judge([0])
    assert judgement.reason == "no latency histogram has come: latency cannot be judged"
    failing = Judge.start(settings)
    for k in range(1, 20):
        failing.observe([ReleaseTick(2.0 * k, 380, 0, 20, 5)])
    assert failing.weigh([0]).rolls_back.all()
