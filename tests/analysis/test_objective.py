"""What both versions share fails: no comparison sees it, the objective does."""

import numpy as np
import pytest

from analysis.errors import InvalidSettings
from analysis.judge import Judge, ReleaseSettings, ReleaseTick, Tolerance, Verdict
from analysis.objective import ODDS, ObjectiveEvidence
from analysis.proportion import Floats
from tests.calibration.simulation import most_expected, tick_of

EASY = (Tolerance(0.05, 1.0),)


def test_a_shared_failure_withholds_the_advance_and_is_said() -> None:
    for objective, verdict in ((None, Verdict.ADVANCE), (0.01, Verdict.UNDECIDED)):
        judge = Judge.start([ReleaseSettings(advance_tolerances=EASY, objective=objective)])
        for k in range(1, 40):
            judge.observe([ReleaseTick(5.0 * k, 900, 36, 100, 4)])
        assert judge.judge([0])[0].verdict is verdict
    [judgement] = judge.judge([0])
    assert judgement.quality[0].code == "objective-missed"
    assert judgement.reason.startswith("both versions together fail 4 % of requests where the objective is 1 %")


def test_a_rate_at_the_objective_is_called_missed_no_more_often_than_promised() -> None:
    runs, rng = 2000, np.random.default_rng(8)
    evidence = ObjectiveEvidence.nothing_yet([ReleaseSettings(objective=0.01)] * runs)
    missed = np.zeros(runs, dtype=bool)
    for k in range(1, 121):
        n = rng.poisson(1000, runs)
        tick = tick_of(5.0 * k, 5.0, n, rng.binomial(n, 0.01), 0 * n, 0 * n)
        missed |= evidence.observe(tick, np.ones((runs, 1)))[:, 0] >= np.log(100)
    assert missed.sum() <= most_expected(runs, 0.01)


@pytest.mark.parametrize("rate", [0.0, 0.004, 0.01])
def test_one_request_is_an_e_value_up_to_the_objective(rate: float) -> None:
    failed, passed, unasked = (bets_after(*counts) for counts in ((1, 1), (1, 0), (0, 0)))
    expected = (rate * failed + (1 - rate) * passed) / unasked
    assert failed.size == ODDS.size
    assert (expected <= 1.0 + 1e-12).all()


def bets_after(requests: int, errors: int) -> Floats:
    evidence = ObjectiveEvidence.nothing_yet([ReleaseSettings(objective=0.01)])
    none = np.array([0])
    evidence.observe(tick_of(1.0, 1.0, np.array([requests]), np.array([errors]), none, none), np.ones((1, 1)))
    return np.asarray(np.exp(evidence.bets[0]))


def test_an_objective_of_everything_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="settings of release 0: objective must lie strictly between 0 and 1"):
        Judge.start([ReleaseSettings(objective=1.0)])
