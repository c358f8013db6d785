"""Whatever the ticks: who stands beside whom, when one stops and resumes, and None must not matter."""

import json
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.judge import Judge, ReleaseSettings, ReleaseTick, Tolerance

BOUNDS = (10.0, 50.0, 100.0, 500.0, math.inf)
KINDS = (
    ReleaseSettings(),
    ReleaseSettings(error_tolerance=Tolerance(0.0, 0.0), dispersion=1.7),
    ReleaseSettings(judge_latency=True),
    ReleaseSettings(advance_tolerances=(Tolerance(0.01, 1.25), Tolerance(0.004, 0.5), Tolerance(0.002, 0.25))),
)


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int, tuple[float, ...]]:
    requests = draw(st.integers(0, 2000))
    errors = draw(st.integers(0, requests))
    within = sorted(draw(st.lists(st.integers(0, requests), min_size=4, max_size=4)))
    return requests, errors, (*map(float, within), float(requests))


@st.composite
def streams(draw: st.DrawFn) -> list[list[ReleaseTick | None]]:
    """One to four ticks of one release per kind of settings."""
    length = draw(st.integers(1, 4))
    rounds: list[list[ReleaseTick | None]] = []
    for k in range(1, length + 1):
        row: list[ReleaseTick | None] = []
        for _ in KINDS:
            if draw(st.integers(0, 5)) == 0:
                row.append(None)
                continue
            (n_s, e_s, slow_s), (n_c, e_c, slow_c) = draw(counts()), draw(counts())
            row.append(ReleaseTick(k * 5.0, n_s, e_s, n_c, e_c, BOUNDS, slow_s, slow_c, commanded_share=0.5))
        rounds.append(row)
    return rounds


def watched(kinds: list[ReleaseSettings], rounds: list[list[ReleaseTick | None]]) -> Judge:
    judge = Judge.start(kinds)
    for row in rounds:
        judge.observe(row)
    return judge


@settings(max_examples=40, deadline=None, derandomize=True)
@given(streams(), st.permutations(range(len(KINDS))))
def test_the_order_of_releases_does_not_matter(rounds: list[list[ReleaseTick | None]], order: list[int]) -> None:
    straight = watched(list(KINDS), rounds)
    shuffled = watched([KINDS[i] for i in order], [[row[i] for i in order] for row in rounds])
    expected = [straight.judge([2] * len(KINDS))[i] for i in order]
    for one, other in zip(shuffled.judge([2] * len(KINDS)), expected, strict=True):
        assert math.isclose(one.log_evidence_rollback, other.log_evidence_rollback, rel_tol=1e-9, abs_tol=1e-9)
        assert math.isclose(one.log_evidence_advance, other.log_evidence_advance, rel_tol=1e-9, abs_tol=1e-9)
        assert (one.verdict, one.quality) == (other.verdict, other.quality)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(streams(), st.integers(0, 4))
def test_resuming_anywhere_is_bit_equal(rounds: list[list[ReleaseTick | None]], stop: int) -> None:
    first = watched(list(KINDS), rounds[:stop])
    resumed = Judge.resume(KINDS, json.loads(json.dumps(first.states(), allow_nan=False)))
    for row in rounds[stop:]:
        resumed.observe(row)
    straight = watched(list(KINDS), rounds)
    assert resumed.states() == straight.states()
    assert resumed.judge([0] * len(KINDS)) == straight.judge([0] * len(KINDS))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(streams())
def test_every_judgement_is_finite_and_json(rounds: list[list[ReleaseTick | None]]) -> None:
    for judgement in watched(list(KINDS), rounds).judge([0] * len(KINDS)):
        assert math.isfinite(judgement.log_evidence_rollback)
        assert math.isfinite(judgement.log_evidence_advance)
        json.dumps(judgement.metrics, allow_nan=False)
        assert judgement.reason
