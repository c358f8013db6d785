"""From telemetry to a look: samples go through the judge, and what it knows goes into the record."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from analysis.dispersion import WITHOUT_HISTORY, learn_dispersion
from analysis.errors import InvalidObservation
from analysis.judge import Judge, Judgement, ReleaseSettings, ReleaseTick, Tolerance
from analysis.observation import LatencyCounts, TickCounts
from analysis.several import judged_with
from analysis.trace import followed
from delivery.decision.recorded import recorded_policy
from delivery.decision.snapshot import Look
from delivery.decision.steps import advance_tolerances
from delivery.reconcile.custom_judging import (
    LEAST_SLOWING,
    CountingMetric,
    counting_metrics,
    custom_evidence,
    with_answers,
)
from delivery.reconcile.rows import Row, judge_rows
from delivery.resources.metrics import LatencyMetric, ToleranceSpec
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import AnalysisRecord, EvidencePoint, Release, ReleaseStatus
from delivery.telemetry.history import HISTORY_TICK_S
from delivery.telemetry.samples import Reading, Sample, StableHistory, counted_before

DIGITS_DRAWN = 4  # of the evidence in the course, which is for a chart
FOLLOWED_AFTER_S = 5.0  # every proxy has the new weight, and what was sent by the old one has been answered


def judge_settings(policy: DeliveryPolicySpec, dispersion: float | None = None) -> ReleaseSettings:
    """The judge's settings for a policy; `dispersion` is the learned one, which a fixed one of the policy overrules."""
    latency = _latency(policy)
    risk = policy.analysis.risk
    relative = latency.tolerance.relative if latency else 0.0
    return ReleaseSettings(
        wrong_rollback=risk.wrong_rollback,
        wrong_advance=risk.wrong_advance,
        error_tolerance=_tolerance(policy.analysis.mesh_errors.tolerance),
        advance_tolerances=tuple(_tolerance(tolerance) for tolerance in advance_tolerances(policy)),
        judge_latency=latency is not None,
        latency_tolerance=Tolerance(relative=relative),
        latency_advance_tolerance=Tolerance(relative=max(relative, LEAST_SLOWING)),
        dispersion=policy.analysis.dispersion or dispersion or WITHOUT_HISTORY,
        objective=policy.analysis.objective,
        interval=policy.analysis.interval,
    )


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged: a Release at its step, its newest analysis, and what was read for it since. `looked_at`: when
    this process made that analysis, None where it has made none."""

    release: Release
    record: AnalysisRecord
    reading: Reading
    looked_at: float | None = None

    @property
    def fresh(self) -> list[Sample]:
        """The samples that the record has not counted."""
        through = self.through
        return [sample for sample in self.reading.samples if not counted_before(sample, through)]

    @property
    def through(self) -> float:
        return self.record.data_through or self.record.started_at or 0.0


@dataclass(frozen=True, slots=True)
class Analysed:
    """The record with everything new in it counted once, and the judgement at `step`, where there was anything new."""

    record: AnalysisRecord
    look: Look | None
    step: int


def analyse(cases: Sequence[Case], now: float) -> list[Analysed]:
    """All cases at once. Samples up to a record's `data_through` were counted before and are passed over. One that
    cannot be true (more errors than requests) is left out and said; a state of another version is begun anew and said.
    """
    works = [_Work.begin(case) for case in cases]
    _judge(works, now)
    return [work.done(now) for work in works]


@dataclass(slots=True)
class _Work:
    """One case on its way: a row for the mesh's metrics, and one for each counting metric of the policy's own."""

    case: Case
    policy: DeliveryPolicySpec
    record: AnalysisRecord
    fresh: list[Sample]
    main: Row
    counting: list[CountingMetric]
    problem: str | None = None
    look: Look | None = None

    @classmethod
    def begin(cls, case: Case) -> _Work:
        policy = recorded_policy(case.release)
        record, fresh = _with_dispersion(case.record, case.reading.history, policy), case.fresh
        status, started_at = case.release.status, record.started_at or 0.0
        settings = judge_settings(policy, record.dispersion)
        main = Row(settings, record.state, [_tick(sample, started_at, status) for sample in fresh], status.step)
        return cls(case, policy, record, fresh, main, counting_metrics(policy, settings, record, fresh, status.step))

    @property
    def learns(self) -> bool:
        """Whether what stable was like is still to be learned from its history."""
        history = self.case.reading.history
        return not self.record.state and history is not None and bool(history.requests.size)

    @property
    def rows(self) -> list[Row]:
        if not (self.fresh or self.learns):
            return []
        return [self.main, *(metric.row for metric in self.counting)] if self.fresh else [self.main]

    def finish(self, now: float) -> None:
        """Takes what its rows have come to into the record, and looks."""
        if self.main.judgement is None:
            return
        changes: dict[str, Any] = {"state": self.main.state}
        self.problem = self.main.problem
        if self.fresh:
            custom, others = custom_evidence(self.policy, self.record, self.fresh, self.counting)
            judgement = judged_with(self.main.judgement, self.main.settings, others)
            quality = tuple(f"{finding.code}: {finding.message}" for finding in judgement.quality)
            changes |= {"course": _course(self.record, judgement, self.fresh), "quality": quality, "custom": custom}
            self.look = _look(judgement, self.policy, now)
        self.record = self.record.model_copy(update=changes)

    def done(self, now: float) -> Analysed:
        reading, heard = self.case.reading, [sample.end for sample in self.fresh if sample.canary.requests > 0]
        updated = self.record.model_copy(
            update={
                "data_through": max(self.case.through, reading.data_through),
                "last_data_at": heard[-1] if heard else self.record.last_data_at,
                "silent": max(0.0, now - heard[-1]) if heard else self._silent(now),
                "problem": reading.problem or self.problem,
                "problem_reason": reading.reason.value if reading.reason else None,
                "queries": reading.queries,
                "custom": with_answers(self.policy, self.record.custom, reading.custom),
            }
        )
        return Analysed(updated, self.look, self.case.release.status.step)

    def _silent(self, now: float) -> float:
        """For how long a controller has looked in vain: the time in which none looked does not count, nor does what
        was before the present step."""
        before, step_since = self.case.looked_at, self.case.release.status.step_since or 0.0
        known = 0.0 if before is not None and step_since > before else self.record.silent
        return known + max(0.0, now - max(now if before is None else before, step_since))


def _judge(works: Sequence[_Work], now: float) -> None:
    for work in works:
        history = work.case.reading.history
        if work.learns and history is not None:
            work.main.learn = partial(_learn_stable, history=history, started_at=work.record.started_at or 0.0)
    judge_rows([row for work in works for row in work.rows])
    for work in works:
        work.finish(now)


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


def _learn_stable(judge: Judge, row: int, *, history: StableHistory, started_at: float) -> None:
    """What stable was like before the release; an impossible history teaches nothing."""
    requests, errors = history.requests.sum(axis=1), history.errors.sum(axis=1)
    tick = TickCounts.of_stable(row, history.t - started_at, requests, errors)
    with suppress(InvalidObservation):
        judge.learn_stable(tick, _latencies(row, history, requests.size))


def _latencies(row: int, history: StableHistory, ticks: int) -> list[LatencyCounts]:
    """The latencies of the history, put into its last tick."""
    if not history.latency:
        return []
    bounds = tuple(bound for bound, _ in history.latency)
    stable = np.zeros((1, ticks, len(bounds)))
    stable[0, -1] = [count for _, count in history.latency]
    return [LatencyCounts(bounds, np.array([row]), stable, np.zeros_like(stable))]


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
    back, on = _finite(judgement.log_evidence_rollback), _finite(judgement.log_evidence_advance)
    point = EvidencePoint(at=fresh[-1].end, rollback=round(back, DIGITS_DRAWN), advance=round(on, DIGITS_DRAWN))
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
    return policy.analysis.mesh_latency


def _finite(log_evidence: float) -> float:
    """JSON has no infinities; e to the 700th is beyond any doubt anybody could have."""
    return min(700.0, max(-700.0, log_evidence)) if not math.isnan(log_evidence) else 0.0


def _tolerance(spec: ToleranceSpec) -> Tolerance:
    return Tolerance(absolute=spec.absolute, relative=spec.relative)
