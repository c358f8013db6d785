"""Values of both versions side by side: units, states and edges. How often they mislead is in tests/calibration."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest
from scipy.stats import nct, t

from analysis.errors import InvalidObservation, InvalidSettings, InvalidState
from analysis.paired_values import EFFECTS, PairedEvidence, PairedSettings, PairedTick, _log_evidence
from analysis.settings import Tolerance

EVEN = PairedSettings(Tolerance(relative=0.1))
ENOUGH = math.log(100)


def fed(
    evidence: PairedEvidence, pairs: list[tuple[float | None, float | None]], every: float = 10.0
) -> PairedEvidence:
    for stable, canary in pairs:
        evidence.observe(PairedTick(evidence.t + every, every, stable, canary))
    return evidence


def noisy(count: int, canary: float, seed: int = 1) -> list[tuple[float | None, float | None]]:
    draw = random.Random(seed)
    return [(100 + draw.gauss(0, 1), canary + draw.gauss(0, 1)) for _ in range(count)]


def test_a_canary_far_beyond_what_is_tolerated_is_rolled_back_and_one_within_advances() -> None:
    beyond, within = (fed(PairedEvidence(EVEN), noisy(90, level)) for level in (130.0, 100.0))
    assert beyond.log_rollback() > ENOUGH
    assert beyond.log_advance() < 0
    assert within.log_advance() > ENOUGH
    assert within.log_rollback() < 0


def test_lower_may_be_worse() -> None:
    lower = PairedSettings(Tolerance(relative=0.1), worse="lower")
    assert fed(PairedEvidence(lower), noisy(90, 70.0)).log_rollback() > ENOUGH
    assert fed(PairedEvidence(lower), noisy(90, 130.0)).log_advance() > ENOUGH


def test_the_evidence_is_the_ratio_of_the_densities_of_t() -> None:
    values = np.array([0.3, 1.4, -0.2, 0.9, 2.2, 0.7])
    n, total, squares = values.size, values.sum(), (values**2).sum()
    statistic = math.sqrt(n) * values.mean() / values.std(ddof=1)
    ratios = [nct.pdf(statistic, n - 1, math.sqrt(n) * effect) / t.pdf(statistic, n - 1) for effect in EFFECTS]
    assert _log_evidence(n, total, squares) == pytest.approx(math.log(np.mean(ratios)), rel=1e-3)


def test_the_unit_does_not_matter() -> None:
    pairs = noisy(90, 111.0)
    bytes_, megabytes = (
        fed(PairedEvidence(EVEN), [(s * 1e6, c * 1e6) for s, c in pairs if s and c]),
        fed(PairedEvidence(EVEN), pairs),
    )
    assert bytes_.log_rollback() == pytest.approx(megabytes.log_rollback(), rel=1e-6)


@pytest.mark.parametrize(("canary", "back", "on"), [(5.0, False, True), (9.0, True, False), (5.5, False, False)])
def test_values_that_never_move_are_evidence_where_they_differ(canary: float, back: bool, on: bool) -> None:
    still = fed(PairedEvidence(EVEN), [(5.0, canary)] * 120)
    assert (still.log_rollback() > ENOUGH, still.log_advance() > ENOUGH) == (back, on)


def test_nothing_is_nothing() -> None:
    zeros = fed(PairedEvidence(PairedSettings(Tolerance())), [(0.0, 0.0)] * 60)
    assert (zeros.log_rollback(), zeros.log_advance()) == (0.0, 0.0)
    silent = fed(PairedEvidence(EVEN), [(None, 5.0), (5.0, None)] * 30)
    assert silent.detail() == {"blocks": 0.0, "difference": None, "difference_lower": None, "difference_upper": None}


def test_the_interval_holds_the_difference() -> None:
    told = fed(PairedEvidence(EVEN), noisy(120, 103.0)).detail()
    assert told["difference_lower"] < 3.0 < told["difference_upper"]
    assert told["difference"] == pytest.approx(3.0, abs=0.5)
    assert fed(PairedEvidence(EVEN), [(5.0, 7.0)] * 30).detail()["difference_upper"] == 2.0


def test_resuming_is_bit_equal() -> None:
    pairs = noisy(100, 104.0)
    whole = fed(PairedEvidence(EVEN), pairs)
    resumed = PairedEvidence(EVEN)
    for pair in pairs:
        resumed = PairedEvidence.resume(EVEN, json.loads(json.dumps(fed(resumed, [pair]).state())))
    assert resumed.state() == whole.state()


@pytest.mark.parametrize("state", [{}, {"version": 2}, {"version": 1}, {"version": 1, "t": "x"}])
def test_a_state_that_cannot_be_read_is_refused(state: dict[str, object]) -> None:
    with pytest.raises(InvalidState):
        PairedEvidence.resume(EVEN, state)


def test_a_state_with_infinities_is_refused() -> None:
    state = PairedEvidence(EVEN).state() | {"sum": math.inf}
    with pytest.raises(InvalidState, match="not finite"):
        PairedEvidence.resume(EVEN, state)


@pytest.mark.parametrize(
    ("tick", "field"),
    [
        (PairedTick(10.0, 10.0, math.nan, 1.0), "stable"),
        (PairedTick(10.0, 10.0, 1.0, math.inf), "canary"),
        (PairedTick(0.0, 10.0, 1.0, 1.0), "t"),
        (PairedTick(10.0, 0.0, 1.0, 1.0), "t"),
    ],
)
def test_what_cannot_be_is_refused_and_takes_in_nothing(tick: PairedTick, field: str) -> None:
    evidence = PairedEvidence(EVEN)
    with pytest.raises(InvalidObservation, match=field):
        evidence.observe(tick)
    assert evidence.state() == PairedEvidence(EVEN).state()


def test_a_tolerance_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="tolerance"):
        PairedSettings(Tolerance(absolute=-1.0))
