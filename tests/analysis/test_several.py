"""More metrics beside the mesh's: the risk is shared, and each has to be shown."""

from __future__ import annotations

from math import log

import pytest

from analysis.judge import Judge, Judgement, ReleaseSettings, ReleaseTick, Tolerance, Verdict
from analysis.several import MetricEvidence, judged_with

SETTINGS = ReleaseSettings(error_tolerance=Tolerance(0.01, 0.25), advance_tolerances=(Tolerance(0.02, 0.5),))
SURE = log(1e6)


def base(canary_errors: float, ticks: int = 60) -> Judgement:
    judge = Judge.start([SETTINGS])
    for tick in range(1, ticks + 1):
        judge.observe([ReleaseTick(10.0 * tick, 500.0, 1.0, 100.0, canary_errors)])
    return judge.judge([0])[0]


def metric(name: str, back: float, on: float) -> MetricEvidence:
    return MetricEvidence(name, back, on, "canary 9, stable 3", {"canary": 9.0})


def test_without_others_it_is_the_meshs_own() -> None:
    judged = base(0.2)
    assert judged_with(judged, SETTINGS, []) is judged


def test_one_sure_metric_rolls_back_a_release_that_looks_well() -> None:
    told = judged_with(base(0.2), SETTINGS, [metric("queue", SURE, -3.0)])
    assert (told.verdict, told.carried_by) == (Verdict.ROLL_BACK, "queue")
    assert told.reason == "queue: canary 9, stable 3; such a gap by chance is rarer than 1 in 500,000"
    assert told.log_evidence_rollback == pytest.approx(SURE - log(2), abs=0.01)
    assert told.metrics["queue"]["canary"] == 9.0


def test_the_risk_is_shared() -> None:
    barely = log(100) + 0.1
    assert judged_with(base(0.2), SETTINGS, [metric("queue", barely, -3.0)]).verdict is Verdict.UNDECIDED
    own = base(20.0)
    assert own.verdict is Verdict.ROLL_BACK
    still = judged_with(own, SETTINGS, [metric("queue", -5.0, 9.0)])
    assert (still.verdict, still.reason) == (Verdict.ROLL_BACK, own.reason)


def test_a_roll_back_that_was_near_is_none_where_more_metrics_share_the_risk() -> None:
    near = next(judged for ticks in range(1, 200) if (judged := base(3.0, ticks)).verdict is Verdict.ROLL_BACK)
    others = [metric(name, -9.0, 9.0) for name in "abcdefghi"]
    told = judged_with(near, SETTINGS, others)
    assert (told.verdict, told.carried_by) == (Verdict.UNDECIDED, None)
    assert told.reason.endswith("which is not enough where 10 metrics share the risk")


def test_an_advance_needs_every_metric() -> None:
    well = base(0.2)
    assert well.verdict is Verdict.ADVANCE
    assert judged_with(well, SETTINGS, [metric("queue", -5.0, 9.0)]).verdict is Verdict.ADVANCE
    lacking = judged_with(well, SETTINGS, [metric("queue", -5.0, 9.0), metric("memory", 0.0, 0.5)])
    assert (lacking.verdict, lacking.carried_by) == (Verdict.UNDECIDED, None)
    assert lacking.reason == "memory: canary 9, stable 3; that does not settle it yet"
    assert lacking.log_evidence_advance == 0.5


def test_what_the_mesh_leaves_open_stays_open() -> None:
    open_still = base(0.2, ticks=1)
    assert open_still.verdict is Verdict.UNDECIDED
    told = judged_with(open_still, SETTINGS, [metric("queue", -5.0, SURE)])
    assert (told.verdict, told.reason) == (Verdict.UNDECIDED, open_still.reason)
