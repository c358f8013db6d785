"""Stable's own instances compared: noise that was underestimated raises the dispersion."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.judge import Judge, ReleaseSettings, ReleaseTick
from analysis.observation import TickCounts
from analysis.shadow import RAISE, ShadowEvidence
from tests.calibration.simulation import most_expected, tick_of

RUNS, TICKS = 1000, 120


def shadowed(noise: float, seed: int, block: int = 1) -> ShadowEvidence:
    """An hour in ticks of 30 s; each half of stable has its own rate in each tick, lognormal of sigma `noise`."""
    rng = np.random.default_rng(seed)
    evidence, ticks = ShadowEvidence.nothing_yet(RUNS), []
    for k in range(1, TICKS + 1):
        rates = np.minimum(0.01 * np.exp(rng.normal(0.0, noise, (2, RUNS)) if noise else np.zeros((2, RUNS))), 1.0)
        half = np.full(RUNS, 1500)
        errors = rng.binomial(half, rates)
        none = np.zeros(RUNS, dtype=np.int64)
        tick = tick_of(30.0 * k, 30.0, 2 * half, errors.sum(axis=0), none, none)
        ticks.append(replace(tick, x_n=half[:, None].astype(float), x_e=errors[0][:, None].astype(float)))
    for start in range(0, TICKS, block):
        part = ticks[start : start + block]
        joined = [np.concatenate([getattr(t, name) for t in part], axis=1) for name in TickCounts.__slots__[1:]]
        evidence.observe(TickCounts(part[0].rows, *joined), np.ones(RUNS))
    return evidence


def test_alike_instances_rarely_raise_it() -> None:
    assert (shadowed(0.0, 1).raised > 1.0).sum() <= most_expected(RUNS, 0.05)


def test_instances_of_their_own_mind_raise_it_for_nearly_everybody() -> None:
    raised = shadowed(0.6, 2).raised
    assert (raised > 1.0).mean() > 0.9
    assert np.median(raised) >= RAISE


def test_a_block_of_ticks_alarms_where_single_ticks_do() -> None:
    singly, at_once = shadowed(0.6, 3), shadowed(0.6, 3, block=40)
    assert at_once.raised == pytest.approx(singly.raised)
    assert at_once.bets == pytest.approx(singly.bets, rel=1e-7, abs=1e-7)
    assert (at_once.since == singly.since).all()


def test_the_release_says_that_evidence_counts_for_less() -> None:
    judge = Judge.start([ReleaseSettings()])
    for k in range(1, 20):
        failed = 40.0 if k % 2 else 0.0
        judge.observe([ReleaseTick(10.0 * k, 1000, 40, 100, 4, shadow_requests=500, shadow_errors=failed)])
    [finding] = [f for f in judge.judge([0])[0].quality if f.code == "noisy-instances"]
    assert not finding.withholds
    assert judge.states()[0]["shadow_raised"] > 1.0
