"""Doubtful data withholds the advance and says why; it never rolls back."""

import json
import math

import numpy as np
import pytest

from analysis.errors import InvalidObservation
from analysis.judge import Judge, Judgement, ReleaseSettings, ReleaseTick, Tolerance, Verdict
from analysis.split import log_split_evidence

EASY = ReleaseSettings(advance_tolerances=(Tolerance(0.05, 1.0),))


def judged(stable: float, canary: float, share: float | None, ticks: int = 30) -> Judgement:
    judge = Judge.start([EASY])
    for k in range(1, ticks + 1):
        judge.observe([ReleaseTick(2.0 * k, stable, 0, canary, 0, commanded_share=share)])
        judge = Judge.resume([EASY], json.loads(json.dumps(judge.states())))
    return judge.judge([0])[0]


@pytest.mark.parametrize(("counts", "p"), [((100, 201), 5.06061e-6), ((100, 150), 0.0515172)])
def test_split_evidence_against_published_p_values(counts: tuple[int, int], p: float) -> None:
    canary, stable = np.array([counts[0]], dtype=float), np.array([counts[1]], dtype=float)
    evidence = log_split_evidence(canary, stable, np.array([0.5]))
    assert math.exp(-evidence[0]) == pytest.approx(p, rel=1e-5)


def test_a_split_as_commanded_advances() -> None:
    assert judged(380, 20, 0.05).verdict is Verdict.ADVANCE
    assert judged(380, 20, None).verdict is Verdict.ADVANCE


def test_a_split_not_as_commanded_withholds_the_advance() -> None:
    judgement = judged(380, 20, 0.2)
    assert judgement.verdict is Verdict.UNDECIDED
    assert [finding.code for finding in judgement.quality] == ["split-mismatch"]
    assert judgement.reason.startswith("5.0 % of requests reach the canary where 20 % were commanded")
    assert judgement.seconds_to_decide is None  # no traffic mends it


def test_a_split_mismatch_does_not_stop_a_rollback() -> None:
    judge = Judge.start([EASY])
    for k in range(1, 30):
        judge.observe([ReleaseTick(2.0 * k, 380, 1, 20, 10, commanded_share=0.2)])
    assert judge.judge([0])[0].verdict is Verdict.ROLL_BACK


def test_a_new_command_starts_a_new_count() -> None:
    judge = Judge.start([EASY])
    for k in range(1, 60):
        share = 0.05 if k < 30 else 0.5
        judge.observe([ReleaseTick(2.0 * k, 400 * (1 - share), 0, 400 * share, 0, commanded_share=share)])
    assert judge.judge([0])[0].quality == ()


@pytest.mark.parametrize(("stable", "canary", "code"), [(400, 0, "canary-silent"), (0, 20, "stable-silent")])
def test_a_silent_arm_is_said(stable: float, canary: float, code: str) -> None:
    judgement = judged(stable, canary, None)
    assert judgement.verdict is Verdict.UNDECIDED
    assert judgement.quality[0].code == code
    assert {finding.code for finding in judgement.quality[1:]} <= {"too-little"}


def test_two_common_bounds_are_too_few() -> None:
    settings = ReleaseSettings(judge_latency=True, advance_tolerances=EASY.advance_tolerances)
    judge = Judge.start([settings])
    for k in range(1, 30):
        judge.observe([ReleaseTick(2.0 * k, 380, 0, 20, 0, (100.0, math.inf), (300, 380), (15, 20))])
    [judgement] = judge.judge([0])
    assert judgement.verdict is Verdict.UNDECIDED
    assert [finding.code for finding in judgement.quality] == ["few-bounds"]


def test_an_impossible_share_is_refused() -> None:
    with pytest.raises(InvalidObservation, match="tick of release 0: commanded_share"):
        Judge.start([EASY]).observe([ReleaseTick(2.0, 1, 0, 1, 0, commanded_share=5.0)])
