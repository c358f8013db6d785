"""A replay judges as the judge does tick by tick, stops where it decides, and says what a recording leaves open."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.judge import Judge, ReleaseSettings, ReleaseTick, Tolerance, Verdict
from delivery.backtest.json_lines import read_recordings
from delivery.backtest.policy_run import deeds
from delivery.backtest.recording import InvalidRecording, Recording
from delivery.backtest.replay import Outcome, replay
from delivery.resources.policy import parse_policy
from tests.backtest.recorded import write_lines

SETTINGS = ReleaseSettings(judge_latency=True)
HARD = ReleaseSettings(error_tolerance=Tolerance(), advance_tolerances=(Tolerance(1e-6, 0.0),), judge_latency=True)


def recorded(folder: Path, **chosen: object) -> list[Recording]:
    return read_recordings(str(write_lines(folder / "lines.jsonl", **chosen)))  # type: ignore[arg-type]


def tick_by_tick(recording: Recording, settings: ReleaseSettings) -> tuple[float | None, Judge]:
    judge = Judge.start([settings])
    for k, t in enumerate(recording.t):
        n_s, e_s, n_c, e_c = (
            float(getattr(recording, f"{arm}_{what}")[k])
            for arm in ("stable", "canary")
            for what in ("requests", "errors")
        )
        stable, canary = (tuple(b[k].tolist()) for b in (recording.stable_buckets, recording.canary_buckets))
        since_start = float(t - recording.start)
        judge.observe([ReleaseTick(since_start, n_s, e_s, n_c, e_c, recording.bounds, stable, canary)])
        weighed = judge.weigh([0])
        if (weighed.rolls_back | weighed.advances).any():
            return float(t), judge
    return None, judge


@pytest.mark.parametrize(("canary", "settings"), [(0.05, SETTINGS), (0.005, SETTINGS), (0.006, HARD)])
def test_it_decides_when_the_judge_does_and_by_the_same_evidence(
    tmp_path: Path, canary: float, settings: ReleaseSettings
) -> None:
    [recording] = recorded(tmp_path, buckets=True, canary=canary, ticks=150)
    [outcome] = replay([recording], settings)
    when, judge = tick_by_tick(recording, replace(settings, interval=10.0))
    [expected] = judge.judge([0])
    assert outcome.decided_at == when
    assert outcome.judgement.verdict is expected.verdict
    assert outcome.judgement.log_evidence_rollback == pytest.approx(expected.log_evidence_rollback, rel=1e-9)
    assert outcome.judgement.log_evidence_advance == pytest.approx(expected.log_evidence_advance, rel=1e-9)
    assert outcome.judgement.canary_requests == expected.canary_requests
    last = np.concatenate(outcome.course.rollback)[-1]
    assert last == pytest.approx(expected.log_evidence_rollback, rel=1e-9)


def test_many_releases_end_each_as_alone(tmp_path: Path) -> None:
    recordings = []
    for seed, ticks in enumerate((3, 40, 41, 90, 200)):
        recordings += recorded(tmp_path, canary=0.004 * seed, ticks=ticks, seed=seed, buckets=seed == 2)
    together = replay(recordings, SETTINGS)
    for recording, outcome in zip(recordings, together, strict=True):
        [alone] = replay([recording], SETTINGS)
        assert (outcome.decided_at, outcome.judgement.verdict) == (alone.decided_at, alone.judgement.verdict)
        assert outcome.judgement.canary_errors == alone.judgement.canary_errors
    assert {outcome.judgement.verdict for outcome in together} == set(Verdict)


def test_the_noise_of_the_history_divides_the_evidence(tmp_path: Path) -> None:
    [recording] = recorded(tmp_path, instances=5, history=200, canary=0.02)
    [learned], [fixed] = replay([recording], SETTINGS), replay([recording], SETTINGS, dispersion=3.0)
    assert learned.dispersion.note.startswith("learned from 5 instances over 33 min")
    assert 1.0 <= learned.dispersion.phi < 1.6
    assert fixed.dispersion.phi == 3.0
    assert learned.decided_at is not None
    assert fixed.decided_at is None or fixed.decided_at > learned.decided_at


def test_what_a_recording_leaves_open_is_said(tmp_path: Path) -> None:
    [outcome] = replay(recorded(tmp_path), SETTINGS)
    assert [note.code for note in outcome.notes] == ["noise-unknown", "no-histogram"]
    assert outcome.judgement.verdict is Verdict.ADVANCE
    [outcome] = replay(recorded(tmp_path, instances=1, history=50), SETTINGS)
    assert outcome.dispersion.phi == 2.0
    assert outcome.notes[0].message.startswith("fewer than two stable instances")


def test_a_canary_without_traffic_is_inconclusive(tmp_path: Path) -> None:
    [outcome] = replay(recorded(tmp_path, share=0.0), SETTINGS)
    assert outcome.judgement.verdict is Verdict.UNDECIDED
    assert outcome.judgement.quality[0].code == "canary-silent"
    assert outcome.decided_at is None


def test_a_mistake_the_judge_finds_names_the_release(tmp_path: Path) -> None:
    [recording] = recorded(tmp_path)
    recording.stable_errors[5] = 1e9
    with pytest.raises(InvalidRecording, match="release '': stable_errors exceed the requests"):
        replay([recording], SETTINGS)


def ended(folder: Path, **chosen: object) -> Outcome:
    tolerances = tuple(Tolerance(0.002 * f, 0.25 * f) for f in (5.0, 2.0, 1.0))
    [outcome] = replay(recorded(folder, **chosen), ReleaseSettings(advance_tolerances=tolerances))
    return outcome


POLICY = {
    "strategy": {
        "canary": {
            "steps": [5, 20, {"weight": 50, "gate": "approval"}],
            "minStepDuration": "30s",
            "maxStepDuration": "10m",
        }
    }
}


def test_the_policy_goes_step_by_step_to_its_promotion(tmp_path: Path) -> None:
    done = [deed.what for deed in deeds(ended(tmp_path, ticks=100), parse_policy(POLICY, "policy"))]
    assert done == [
        "send 5 % to the canary",
        "go on to 20 %",
        "go on to 50 %",
        "ask for approval, then promote",
    ]


def test_the_policy_rolls_back_when_the_evidence_does(tmp_path: Path) -> None:
    outcome = ended(tmp_path, canary=0.08)
    done = deeds(outcome, parse_policy(POLICY, "policy"))
    assert (done[-1].t, done[-1].what) == (outcome.decided_at, "roll back")


def test_the_policy_pauses_where_nothing_is_decided(tmp_path: Path) -> None:
    outcome = ended(tmp_path, requests=10.0, ticks=100)
    done = deeds(outcome, parse_policy(POLICY, "policy"))
    assert (done[-1].t, done[-1].what) == (610.0, "pause: undecided for 600 s at 5 %")
