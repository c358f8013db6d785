"""The facade: verdicts on clear cases, resuming, and refusing bad input whole."""

import json
import math

import pytest

from analysis.errors import InvalidObservation, InvalidSettings, InvalidState
from analysis.judge import Judge, ReleaseSettings, ReleaseTick, Tolerance, Verdict


def tick(k: int, *, canary_errors: float = 0, stable_errors: float = 1) -> ReleaseTick:
    return ReleaseTick(2.0 * k, 380, stable_errors, 20, canary_errors)


def test_a_failing_canary_is_rolled_back_with_its_rates_in_the_reason() -> None:
    judge = Judge.start([ReleaseSettings()])
    for k in range(1, 6):
        judge.observe([tick(k, canary_errors=4)])
    [judgement] = judge.judge([0])
    assert judgement.verdict is Verdict.ROLL_BACK
    assert judgement.carried_by == "errors"
    assert judgement.reason.startswith(
        "canary fails 20.0 % of requests, stable 0.3 %; such a gap by chance is rarer than 1 in "
    )
    assert (judgement.stable_requests, judgement.canary_errors) == (1900, 20)


def test_a_quiet_canary_advances_and_first_says_how_long_it_needs() -> None:
    judge = Judge.start([ReleaseSettings(advance_tolerances=(Tolerance(0.01, 1.25), Tolerance(0.002, 0.25)))])
    judge.observe([tick(1)])
    [early] = judge.judge([0])
    assert early.verdict is Verdict.UNDECIDED
    assert early.seconds_to_decide is not None
    assert 5 < early.seconds_to_decide < 600
    for k in range(2, 40):
        judge.observe([tick(k, stable_errors=k % 2)])
    assert judge.judge([0])[0].verdict is Verdict.ADVANCE
    assert judge.judge([1])[0].verdict is Verdict.UNDECIDED


def test_nothing_seen_is_undecided_and_says_so() -> None:
    [judgement] = Judge.start([ReleaseSettings()]).judge([0])
    assert judgement.verdict is Verdict.UNDECIDED
    assert judgement.reason == "neither version has served a request yet"
    assert judgement.seconds_to_decide is None


def test_a_canary_without_traffic_never_moves_the_evidence() -> None:
    judge = Judge.start([ReleaseSettings()])
    for k in range(1, 50):
        judge.observe([ReleaseTick(2.0 * k, 400, 3, 0, 0)])
    [judgement] = judge.judge([0])
    assert judgement.log_evidence_rollback == pytest.approx(0.0, abs=1e-9)
    assert judgement.log_evidence_advance == pytest.approx(0.0, abs=1e-9)


def test_resuming_through_json_is_bit_equal() -> None:
    settings = [
        ReleaseSettings(),
        ReleaseSettings(advance_tolerances=(Tolerance(0.01, 1.0), Tolerance(0.004, 0.5))),
    ]
    straight = Judge.start(settings)
    stopped = Judge.start(settings)
    for k in range(1, 30):
        ticks = [tick(k, canary_errors=k % 3), tick(k) if k % 4 else None]
        straight.observe(ticks)
        stopped.observe(ticks)
        stopped = Judge.resume(settings, json.loads(json.dumps(stopped.states())))
    assert stopped.states() == straight.states()
    assert stopped.judge([0, 1]) == straight.judge([0, 1])


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (ReleaseTick(4, -1, 0, 1, 0), "stable_requests"),
        (ReleaseTick(4, 10, 11, 1, 0), "stable_errors"),
        (ReleaseTick(4, 10, 1, 1, 2), "canary_errors"),
        (ReleaseTick(4, 10, 1, math.nan, 0), "canary_requests"),
        (ReleaseTick(2, 10, 1, 1, 0), "t"),
    ],
)
def test_a_bad_tick_is_named_and_nothing_is_consumed_for_anyone(bad: ReleaseTick, field: str) -> None:
    judge = Judge.start([ReleaseSettings()] * 3)
    judge.observe([tick(1), tick(1), tick(1)])
    before = judge.states()
    with pytest.raises(InvalidObservation) as caught:
        judge.observe([tick(2), bad, tick(2)])
    assert (caught.value.index, caught.value.field) == (1, field)
    assert judge.states() == before


def test_an_unknown_state_version_is_refused() -> None:
    state = Judge.start([ReleaseSettings()]).states()[0] | {"version": 99}
    with pytest.raises(InvalidState, match="state of release 0: version is 99"):
        Judge.resume([ReleaseSettings()], [state])


def test_a_risk_of_nothing_is_refused_and_named() -> None:
    with pytest.raises(InvalidSettings, match="settings of release 1: wrong_advance must lie strictly between 0 and 1"):
        Judge.start([ReleaseSettings(), ReleaseSettings(wrong_advance=0.0)])


def test_without_an_absolute_tolerance_error_free_arms_never_advance() -> None:
    judge = Judge.start([ReleaseSettings(advance_tolerances=(Tolerance(0.0, 0.25),))])
    for k in range(1, 300):
        judge.observe([tick(k, stable_errors=0)])
    assert judge.judge([0])[0].verdict is Verdict.UNDECIDED


def test_a_tolerance_beyond_any_rate_is_still_judged() -> None:
    judge = Judge.start([ReleaseSettings(advance_tolerances=(Tolerance(5.0, 25.0),))])
    for k in range(1, 20):
        judge.observe([tick(k)])
    assert judge.judge([0])[0].verdict is Verdict.ADVANCE
