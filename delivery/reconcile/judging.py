"""From telemetry to a look: samples go through the judge, and what it knows goes into the record."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import numpy as np

from analysis.dispersion import WITHOUT_HISTORY, learn_dispersion
from analysis.errors import InvalidObservation, InvalidState
from analysis.judge import Judge, Judgement, ReleaseSettings, ReleaseTick, Tolerance
from analysis.observation import LatencyCounts, TickCounts
from analysis.trace import followed
from delivery.decision.snapshot import Look
from delivery.decision.steps import advance_tolerances, error_rate
from delivery.resources.policy import DeliveryPolicySpec, LatencyMetric, ToleranceSpec
from delivery.resources.release import AnalysisRecord, EvidencePoint, Release, ReleaseStatus
from delivery.telemetry.ranges import HISTORY_TICK_S
from delivery.telemetry.samples import Reading, Sample, StableHistory, counted_before

LEAST_SLOWING = 0.1  # no canary can be shown not to be slower at all
FOLLOWED_AFTER_S = 5.0  # every proxy has the new weight, and what was sent by the old one has been answered


def judge_settings(policy: DeliveryPolicySpec, dispersion: float | None = None) -> ReleaseSettings:
    """The judge's settings for a policy; `dispersion` is the learned one, which a fixed one of the policy overrules."""
    latency = _latency(policy)
    risk = policy.analysis.risk
    relative = latency.tolerance.relative if latency else 0.0
    return ReleaseSettings(
        wrong_rollback=risk.wrong_rollback,
        wrong_advance=risk.wrong_advance,
        error_tolerance=_tolerance(error_rate(policy).tolerance),
        advance_tolerances=tuple(_tolerance(tolerance) for tolerance in advance_tolerances(policy)),
        judge_latency=latency is not None,
        latency_tolerance=Tolerance(relative=relative),
        latency_advance_tolerance=Tolerance(relative=max(relative, LEAST_SLOWING)),
        dispersion=policy.analysis.dispersion or dispersion or WITHOUT_HISTORY,
        objective=policy.analysis.objective,
        interval=policy.analysis.interval,
    )


def look_again(
    release: Release, reading: Reading | None, policy: DeliveryPolicySpec, now: float
) -> tuple[AnalysisRecord, Look | None]:
    """The record with everything new in it counted once, and the judgement of all of it.

    Samples up to the record's `data_through` were counted before and are passed over. A sample that cannot be true
    (more errors than requests) is left out and said; a state of another version is begun anew and said.
    """
    record = release.status.analysis
    started_at = record.started_at
    if started_at is None or reading is None:
        return record, None
    through = record.data_through or started_at
    fresh = [sample for sample in reading.samples if not counted_before(sample, through)]
    record = _with_dispersion(record, reading.history, policy)
    judge, problem = _resume(judge_settings(policy, record.dispersion), record)
    if not record.state and reading.history is not None and reading.history.requests.size:
        _learn_stable(judge, reading.history, started_at)
    for sample in fresh:
        try:
            judge.observe([_tick(sample, started_at, release.status)])
        except InvalidObservation as mistake:
            problem = f"a sample was left out: {mistake}"
    heard = [sample.end for sample in fresh if sample.canary.requests > 0]
    judgement = judge.judge([release.status.step])[0]
    updated = record.model_copy(
        update={
            "data_through": max(through, reading.data_through),
            "last_data_at": heard[-1] if heard else record.last_data_at,
            "state": judge.states()[0],
            "problem": reading.problem or problem,
            "queries": reading.queries,
            "course": _course(record, judgement, fresh),
            "quality": tuple(f"{finding.code}: {finding.message}" for finding in judgement.quality),
        }
    )
    return updated, _look(judgement, policy, now) if fresh else None


def _with_dispersion(
    record: AnalysisRecord, history: StableHistory | None, policy: DeliveryPolicySpec
) -> AnalysisRecord:
    """The record with the noise of single pods in it, once it is known. A canary pod serves at most about what a stable
    pod served, so nothing is scaled.
    """
    fixed = policy.analysis.dispersion
    if fixed is not None:
        return record.model_copy(update={"dispersion": fixed, "dispersion_note": "fixed by the policy"})
    if record.dispersion is not None or history is None:
        return record
    learned = learn_dispersion(history.requests, history.errors, tick=HISTORY_TICK_S)
    return record.model_copy(update={"dispersion": learned.phi, "dispersion_note": learned.note})


def _learn_stable(judge: Judge, history: StableHistory, started_at: float) -> None:
    """What stable was like before the release; an impossible history teaches nothing."""
    requests, errors = history.requests.sum(axis=1), history.errors.sum(axis=1)
    tick = TickCounts.of_stable(0, history.t - started_at, requests, errors)
    with suppress(InvalidObservation):
        judge.learn_stable(tick, _latencies(history, requests.size))


def _latencies(history: StableHistory, ticks: int) -> list[LatencyCounts]:
    """The latencies of the history, put into its last tick."""
    if not history.latency:
        return []
    bounds = tuple(bound for bound, _ in history.latency)
    stable = np.zeros((1, ticks, len(bounds)))
    stable[0, -1] = [count for _, count in history.latency]
    return [LatencyCounts(bounds, np.array([0]), stable, np.zeros_like(stable))]


def _resume(settings: ReleaseSettings, record: AnalysisRecord) -> tuple[Judge, str | None]:
    if not record.state:
        return Judge.start([settings]), None
    try:
        return Judge.resume([settings], [record.state]), None
    except InvalidState as problem:
        return Judge.start([settings]), f"the evidence so far could not be read and is begun anew: {problem}"


def _tick(sample: Sample, started_at: float, status: ReleaseStatus) -> ReleaseTick:
    bounds = sorted({le for le, _ in sample.stable.buckets} & {le for le, _ in sample.canary.buckets})
    stable, canary = dict(sample.stable.buckets), dict(sample.canary.buckets)
    return ReleaseTick(
        t=sample.end - started_at,
        stable_requests=sample.stable.requests,
        stable_errors=sample.stable.errors,
        canary_requests=sample.canary.requests,
        canary_errors=sample.canary.errors,
        latency_bounds=tuple(bounds),
        stable_latency=tuple(stable[le] for le in bounds),
        canary_latency=tuple(canary[le] for le in bounds),
        commanded_share=_commanded_share(sample, status),
        restarted=sample.restarted,
        shadow_requests=sample.shadow[0],
        shadow_errors=sample.shadow[1],
    )


def _commanded_share(sample: Sample, status: ReleaseStatus) -> float | None:
    """The canary's part of this tick as the mesh was told, None where it was told anything else meanwhile."""
    weight, since = status.traffic.verified_weight, status.step_since
    if weight is None or since is None or sample.start < since + FOLLOWED_AFTER_S:
        return None
    return weight / 100


def _course(record: AnalysisRecord, judgement: Judgement, fresh: list[Sample]) -> tuple[EvidencePoint, ...]:
    if not fresh:
        return record.course
    back, on = _finite(judgement.log_evidence_rollback), _finite(judgement.log_evidence_advance)
    point = EvidencePoint(at=fresh[-1].end, rollback=back, advance=on)
    return followed(record.course, point, lambda earlier: earlier.at)


def _look(judgement: Judgement, policy: DeliveryPolicySpec, now: float) -> Look:
    return Look(
        at=now,
        verdict=judgement.verdict.value,
        reason=judgement.reason,
        log_evidence_rollback=_finite(judgement.log_evidence_rollback),
        log_evidence_advance=_finite(judgement.log_evidence_advance),
        stable_requests=judgement.stable_requests,
        stable_errors=judgement.stable_errors,
        canary_requests=judgement.canary_requests,
        canary_errors=judgement.canary_errors,
        seconds_to_decide=judgement.seconds_to_decide,
        metrics=_told(judgement, policy),
    )


def _told(judgement: Judgement, policy: DeliveryPolicySpec) -> dict[str, Any]:
    """The metrics' details, of the latency only the quantiles the policy asks for."""
    latency = _latency(policy)
    if latency is None or "latency" not in judgement.metrics:
        return judgement.metrics
    wanted = {f"p{quantile * 100:g}" for quantile in latency.quantiles}
    details = judgement.metrics["latency"]
    quantiles = {name: bounds for name, bounds in details["quantiles"].items() if name in wanted}
    return {**judgement.metrics, "latency": {**details, "quantiles": quantiles}}


def _latency(policy: DeliveryPolicySpec) -> LatencyMetric | None:
    return next((metric for metric in policy.analysis.metrics if isinstance(metric, LatencyMetric)), None)


def _finite(log_evidence: float) -> float:
    """JSON has no infinities; e to the 700th is beyond any doubt anybody could have."""
    return min(700.0, max(-700.0, log_evidence)) if not math.isnan(log_evidence) else 0.0


def _tolerance(spec: ToleranceSpec) -> Tolerance:
    return Tolerance(absolute=spec.absolute, relative=spec.relative)
