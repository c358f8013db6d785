"""How the data comes in: silence, gaps, counters that begin anew, data that stopped."""

import json

import pytest

from analysis.judge import Judge, ReleaseSettings, ReleaseTick, Tolerance, Verdict

EASY = ReleaseSettings(advance_tolerances=(Tolerance(0.05, 1.0),), interval=10.0)


def watched(seconds: list[float], restarted: float = 0.0) -> Judge:
    """Ticks of the given lengths, 40 requests a second, one in ten the canary's."""
    judge, t = Judge.start([EASY]), 0.0
    for length in seconds:
        t += length
        judge.observe([ReleaseTick(t, 36 * length, 0, 4 * length, 0, restarted=restarted)])
        judge = Judge.resume([EASY], json.loads(json.dumps(judge.states())))
    return judge


def codes(judge: Judge, now: float | None = None) -> list[str]:
    [judgement] = judge.judge([0], None if now is None else [now])
    return [finding.code for finding in judgement.quality]


def test_regular_ticks_have_no_findings() -> None:
    assert codes(watched([10.0] * 30)) == []


def test_data_in_few_large_pieces_withholds_the_advance_and_recovers() -> None:
    judge = watched([10.0] * 4 + [300.0])
    assert codes(judge) == ["gaps"]
    assert judge.judge([0])[0].verdict is Verdict.UNDECIDED
    assert codes(watched([10.0] * 4 + [300.0] + [10.0] * 40)) == []


def test_one_outage_of_the_monitoring_in_a_long_release_is_no_finding() -> None:
    assert codes(watched([10.0] * 60 + [120.0] + [10.0] * 3)) == []


def test_counters_that_keep_beginning_anew_are_said() -> None:
    assert codes(watched([10.0] * 12, restarted=0.1)) == ["reset-storm"]
    assert codes(watched([10.0] * 12, restarted=0.05)) == []


@pytest.mark.parametrize(("now", "expected"), [(310.0, []), (355.0, []), (361.0, ["stale"])])
def test_data_that_stopped_is_stale_after_a_minute(now: float, expected: list[str]) -> None:
    judge = watched([10.0] * 30)
    assert codes(judge, now) == expected
    assert (judge.judge([0], [now])[0].verdict is Verdict.ADVANCE) == (not expected)


def test_too_few_requests_are_said_with_the_number_needed() -> None:
    judge = Judge.start([ReleaseSettings()])
    judge.observe([ReleaseTick(10.0, 900, 0, 100, 0)])
    [judgement] = judge.judge([0])
    assert judgement.verdict is Verdict.UNDECIDED
    assert [finding.code for finding in judgement.quality] == ["too-little"]
    needed = "the canary served 100 requests; without any error at least 1,498 are needed to advance"
    assert judgement.quality[0].message == needed
