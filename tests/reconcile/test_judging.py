"""From samples to the record: each counts once, a record that is read back goes on bit for bit, the policy is heard."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import numpy as np
import pytest

from delivery.decision.snapshot import Look
from delivery.reconcile.judging import Case, analyse, judge_settings
from delivery.resources.policy import DeliveryPolicySpec, parse_policy
from delivery.resources.release import AnalysisRecord, Phase, Release, ReleaseStatus, status_object
from delivery.telemetry.samples import ArmIncrement, Reading, Sample, StableHistory
from tests.decision.given import NOW, parsed, release

POLICY = parsed()
STEPS = {"canary": {"steps": [5, 20, 50]}}


def samples(count: int, *, seed: int = 7, failures: float = 0.01, every: float = 0.2) -> list[Sample]:
    """Ticks at fractions of a second, which no float hits exactly."""
    draw, made = random.Random(seed), []
    for number in range(count):
        errors = sum(draw.random() < failures for _ in range(50))
        start, end = NOW + number * every, NOW + (number + 1) * every
        made.append(Sample(start, end, ArmIncrement(950, draw.randrange(10)), ArmIncrement(50, errors)))
    return made


def judged(**analysis: object) -> Release:
    begun = release(Phase.SHIFTING)
    record = begun.status.analysis.model_copy(update={"started_at": NOW, "data_through": NOW, **analysis})
    return begun.model_copy(update={"status": begun.status.model_copy(update={"analysis": record})})


def look_again(
    begun: Release, reading: Reading, policy: DeliveryPolicySpec, now: float
) -> tuple[AnalysisRecord, Look | None]:
    """The one case of this Release by this policy."""
    case = Case(_by(policy, begun), begun.status.analysis, reading)
    [analysed] = analyse([case], now)
    assert analysed.step == begun.status.step
    return analysed.record, analysed.look


def after(begun: Release, reading: Reading) -> Release:
    """The Release as it is read back after this reading was counted and recorded."""
    record, _ = look_again(begun, reading, POLICY, NOW)
    status = begun.status.model_copy(update={"analysis": record})
    stored = json.loads(json.dumps(status_object(status)))
    return begun.model_copy(update={"status": ReleaseStatus.model_validate(stored)})


def reading(of: list[Sample], problem: str | None = None) -> Reading:
    return Reading(tuple(of), of[-1].end if of else NOW, problem, queries=("the query",))


def test_a_sample_that_was_counted_is_passed_over() -> None:
    ticks = samples(20)
    once = after(judged(), reading(ticks))
    again = after(once, reading(ticks))
    assert again.status.analysis.state == once.status.analysis.state
    assert look_again(once, reading(ticks), POLICY, NOW)[1] is None


def test_a_record_read_back_after_every_tick_ends_bit_equal() -> None:
    ticks = samples(40)
    in_one = after(judged(), reading(ticks))
    one_by_one = judged()
    for tick in range(1, len(ticks) + 1):
        one_by_one = after(one_by_one, reading(ticks[:tick]))  # all so far are offered, one of them is new
    assert one_by_one.status.analysis.state == in_one.status.analysis.state
    assert one_by_one.status.analysis.data_through == in_one.status.analysis.data_through


def test_counts_and_the_verdict_are_those_of_all_samples() -> None:
    ticks = samples(60, failures=0.4)
    _, look = look_again(judged(), reading(ticks), POLICY, NOW)
    assert look is not None
    assert look.canary_requests == 60 * 50
    assert look.canary_errors == sum(tick.canary.errors for tick in ticks)
    assert look.stable_requests == 60 * 950
    assert look.verdict == "RollBack"


def test_many_releases_at_once_are_judged_as_each_alone() -> None:
    """Each with a number of samples, steps and a policy of its own, one with a sample that cannot be true."""
    error_rate_only = parse_policy({"analysis": {"metrics": [{"kind": "errorRate"}]}, "strategy": STEPS}, "policy")
    cases = [
        Case(_by(POLICY, judged()), judged().status.analysis, replace(reading(samples(12)), history=history())),
        Case(_by(error_rate_only, judged()), judged().status.analysis, reading(samples(30, seed=2, failures=0.3))),
        Case(_by(POLICY, judged()), judged().status.analysis, reading([])),
        Case(
            _by(error_rate_only, judged()),
            judged().status.analysis,
            reading([*samples(4), Sample(NOW + 0.8, NOW + 1.0, ArmIncrement(10, 0), ArmIncrement(5, 6))]),
        ),
        Case(
            _by(POLICY, judged(state={"version": "other"})),
            judged(state={"version": "other"}).status.analysis,
            reading(samples(3, seed=5)),
        ),
    ]
    together = analyse(cases, NOW)
    for case, found in zip(cases, together, strict=True):
        [alone] = analyse([case], NOW)
        assert found.record.model_dump(exclude={"state"}) == alone.record.model_dump(exclude={"state"})
        _assert_same_state(found.record.state, alone.record.state)
        assert (found.look is None) == (alone.look is None)
        if found.look and alone.look:
            assert found.look.verdict == alone.look.verdict
            assert found.look.log_evidence_rollback == pytest.approx(alone.look.log_evidence_rollback, rel=1e-9)


def _assert_same_state(found: object, alone: object) -> None:
    """Equal to rounding: sums over more rows are taken in another order."""
    if isinstance(found, dict) and isinstance(alone, dict):
        assert found.keys() == alone.keys()
        for key in found:
            _assert_same_state(found[key], alone[key])
    elif isinstance(found, list):
        assert np.allclose(np.array(found, dtype=float), np.array(alone, dtype=float), rtol=1e-9, equal_nan=True)
    else:
        assert found == pytest.approx(alone) if isinstance(found, float) else found == alone


def _by(policy: DeliveryPolicySpec, begun: Release) -> Release:
    spec = begun.spec.model_copy(update={"policy": policy.model_dump(mode="json", by_alias=True)})
    spec.__dict__.pop("delivery_policy", None)
    return begun.model_copy(update={"spec": spec})


def test_why_there_is_no_data_is_recorded_and_forgotten() -> None:
    silent = after(judged(), reading([], "Prometheus is away"))
    assert silent.status.analysis.problem == "Prometheus is away"
    assert silent.status.analysis.last_data_at is None
    heard = after(silent, reading(samples(2)))
    assert heard.status.analysis.problem is None
    assert heard.status.analysis.last_data_at is not None
    assert heard.status.analysis.queries == ("the query",)


def test_silence_is_what_a_controller_looked_in_vain_and_no_more() -> None:
    def silence(looked_at: float | None, now: float, known: float = 40.0, step_since: float = NOW - 500) -> float:
        begun = judged(silent=known, last_data_at=NOW - 400)
        begun = begun.model_copy(update={"status": begun.status.model_copy(update={"step_since": step_since})})
        case = Case(begun, begun.status.analysis, reading([], "Prometheus is away"), looked_at)
        return analyse([case], now)[0].record.silent

    assert silence(None, NOW + 900) == 40  # the first look of a process: what was before it does not know
    assert silence(NOW, NOW + 10) == 50
    assert silence(NOW, NOW + 10, step_since=NOW + 4) == 6  # a step begins anew
    heard = after(judged(silent=40.0), reading(samples(2))).status.analysis
    assert heard.silent < 40


def test_a_sample_that_cannot_be_true_is_left_out_and_said() -> None:
    bad = Sample(NOW, NOW + 0.2, ArmIncrement(10, 0), ArmIncrement(5, 6))
    told = after(judged(), reading([bad, *samples(3)[1:]]))
    assert told.status.analysis.problem is not None
    assert "a sample was left out" in told.status.analysis.problem


def test_a_state_that_cannot_be_read_is_begun_anew_and_said() -> None:
    told = after(judged(state={"version": "of another"}), reading(samples(3)))
    assert told.status.analysis.problem is not None
    assert "begun anew" in told.status.analysis.problem
    assert "of another" not in told.status.analysis.state.values()


def test_the_policy_reaches_the_judge() -> None:
    spec = {
        "strategy": {"canary": {"steps": [10, 50]}},
        "analysis": {
            "risk": {"wrongRollback": 0.02, "wrongAdvance": 0.1},
            "metrics": [
                {"kind": "errorRate", "tolerance": {"absolute": 0.004, "relative": 0.5}},
                {"kind": "latency", "tolerance": {"relative": 0.3}},
            ],
        },
    }
    settings = judge_settings(parse_policy(spec, "policy"))
    assert (settings.wrong_rollback, settings.wrong_advance) == (0.02, 0.1)
    assert (settings.error_tolerance.absolute, settings.error_tolerance.relative) == (0.004, 0.5)
    assert [each.absolute for each in settings.advance_tolerances] == [0.008, 0.004]
    assert settings.judge_latency
    assert settings.latency_tolerance.relative == 0.3
    without = {**spec, "analysis": {"metrics": [{"kind": "errorRate"}]}}
    assert not judge_settings(parse_policy(without, "policy")).judge_latency


def test_of_the_latency_only_the_quantiles_the_policy_asks_for_are_told() -> None:
    metrics = [{"kind": "errorRate"}, {"kind": "latency", "quantiles": [0.5, 0.99]}]
    asked = parse_policy({"analysis": {"metrics": metrics}}, "DeliveryPolicy shop/web")
    stable = ArmIncrement(900, 1, ((10.0, 400.0), (50.0, 880.0), (float("inf"), 900.0)))
    canary = ArmIncrement(100, 0, ((10.0, 40.0), (50.0, 95.0), (float("inf"), 100.0)))
    ticks = tuple(Sample(NOW + n, NOW + n + 1, stable, canary) for n in range(5))
    _, look = look_again(judged(), Reading(ticks, NOW + 5), asked, NOW)
    assert look is not None
    assert set(look.metrics["latency"]["quantiles"]) == {"p50", "p99"}


def history(ticks: int = 200, pods: int = 5, seed: int = 3) -> StableHistory:
    """Stable before the release, in ticks of 10 s; its pods fail alike."""
    rng = np.random.default_rng(seed)
    requests = rng.poisson(400, (ticks, pods)).astype(float)
    errors = rng.binomial(requests.astype(int), 0.01).astype(float)
    instants = np.array([NOW - 10.0 * k for k in range(ticks, -1, -1)])
    latency = ((10.0, 50_000.0), (50.0, 390_000.0), (float("inf"), 400_000.0))
    return StableHistory(instants, requests, errors, latency)


def test_the_noise_of_single_pods_is_learned_once_and_divides_the_evidence() -> None:
    spec = parse_policy({"analysis": {"metrics": [{"kind": "errorRate"}]}}, "policy")
    told = Reading(tuple(samples(20, failures=0.1)), NOW + 4, history=history())
    record, look = look_again(judged(), told, spec, NOW)
    assert record.dispersion is not None
    assert 1.0 <= record.dispersion < 1.6
    assert record.dispersion_note == "learned from 5 instances over 33 min"
    unknown, cautious = look_again(judged(), replace(told, history=None), spec, NOW)
    assert unknown.dispersion is None
    assert look is not None
    assert cautious is not None
    assert cautious.log_evidence_rollback < look.log_evidence_rollback
    again, _ = look_again(judged(dispersion=1.25), replace(told, history=history(seed=9)), spec, NOW)
    assert again.dispersion == 1.25


def test_a_policy_may_fix_the_noise() -> None:
    spec = parse_policy({"analysis": {"dispersion": 3}}, "policy")
    record, _ = look_again(judged(), replace(reading(samples(3)), history=history()), spec, NOW)
    assert (record.dispersion, record.dispersion_note) == (3.0, "fixed by the policy")


def test_what_stable_was_like_before_spares_the_first_look() -> None:
    spec = parse_policy({"analysis": {"dispersion": 1, "metrics": [{"kind": "errorRate"}, {"kind": "latency"}]}}, "p")
    stable = ArmIncrement(9000, 90, ((10.0, 1125.0), (50.0, 8775.0), (float("inf"), 9000.0)))
    slow = ArmIncrement(1000, 10, ((10.0, 0.0), (50.0, 300.0), (float("inf"), 1000.0)))
    first = Reading((Sample(NOW, NOW + 10, stable, slow),), NOW + 10, history=history())
    _, look = look_again(judged(), first, spec, NOW)
    assert look is not None
    assert look.metrics["latency"]["log_evidence_rollback"] > 4.6
    _, unprimed = look_again(judged(), replace(first, history=None), spec, NOW)
    assert unprimed is not None
    assert abs(unprimed.metrics["latency"]["log_evidence_rollback"]) < 1e-6


def test_the_evidence_over_time_is_kept_and_bounded() -> None:
    ticks, told = samples(200), judged()
    for upto in range(1, 201):
        told = after(told, reading(ticks[:upto]))
    course = told.status.analysis.course
    assert len(course) == 64
    assert [point.at for point in course] == sorted({point.at for point in course})
    assert abs(course[-1].at - ticks[-1].end) < 1e-3
