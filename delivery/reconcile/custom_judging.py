"""The policy's own metrics: what they add to a release's evidence, and what its record keeps of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from analysis.errors import AnalysisError
from analysis.judge import ReleaseSettings, ReleaseTick, Tolerance
from analysis.paired_values import PairedEvidence, PairedSettings, PairedTick
from analysis.reason import percent, slower
from analysis.several import MetricEvidence
from delivery.reconcile.rows import Row
from delivery.resources.metrics import CounterRatioMetric, ErrorRateMetric, GaugeMeanMetric, LatencyMetric, Metric
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import AnalysisRecord, CustomMetricRecord
from delivery.telemetry.reasons import clipped
from delivery.telemetry.samples import ArmIncrement, CustomReading, Sample

QUERIES_SHOWN, PROBLEM_SHOWN = 3000, 200  # characters: a Release is a record, and must stay a small object
LEAST_SLOWING = 0.1  # no canary can be shown not to be slower at all
EVERYTHING = Tolerance(0.9, 10.0)  # of a row that is judged by its latency alone


@dataclass(frozen=True, slots=True)
class CountingMetric:
    """A metric whose counts go through the same statistics as the mesh's."""

    metric: ErrorRateMetric | LatencyMetric
    row: Row

    def evidence(self) -> MetricEvidence:
        """What its row came to."""
        judgement = self.row.judgement
        if judgement is None:
            return MetricEvidence(self.metric.name, 0.0, 0.0, "nothing was judged yet")
        if isinstance(self.metric, LatencyMetric):
            told = judgement.metrics["latency"]
            shown = slower(told["quantiles"])
        else:
            told = judgement.metrics["errors"]
            arms = ((told["canary_rate"], "canary"), (told["stable_rate"], "stable"))
            shown = ", ".join(f"{arm} {'nothing' if rate is None else percent(rate)}" for rate, arm in arms)
        detail = {key: value for key, value in told.items() if not key.startswith("log_evidence")}
        return MetricEvidence(
            self.metric.name, told["log_evidence_rollback"], told["log_evidence_advance"], shown, detail
        )


def counting_metrics(
    policy: DeliveryPolicySpec, mesh: ReleaseSettings, record: AnalysisRecord, fresh: Sequence[Sample], step: int
) -> list[CountingMetric]:
    """The policy's own metrics that count, each with its new ticks; `mesh` are the settings of the mesh's metrics."""
    return [
        CountingMetric(
            metric,
            Row(_settings(metric, mesh), _state(record, metric), _ticks(metric, record.started_at or 0.0, fresh), step),
        )
        for metric in policy.analysis.custom
        if isinstance(metric, ErrorRateMetric | LatencyMetric)
    ]


def custom_evidence(
    policy: DeliveryPolicySpec, record: AnalysisRecord, fresh: Sequence[Sample], counting: Sequence[CountingMetric]
) -> tuple[dict[str, CustomMetricRecord], list[MetricEvidence]]:
    """Every metric of the policy's own with its state brought forward, and its evidence."""
    records, found = dict(record.custom), []
    for counted in counting:
        name = counted.metric.name
        records[name] = _known(record, counted.metric).model_copy(update={"state": dict(counted.row.state)})
        found.append(counted.evidence())
    for metric in policy.analysis.custom:
        if isinstance(metric, CounterRatioMetric | GaugeMeanMetric):
            paired = _observed(metric, record, fresh)
            records[metric.name] = _known(record, metric).model_copy(update={"state": paired.state()})
            found.append(_value_evidence(metric, paired, fresh[-1]))
    return records, found


def with_answers(
    policy: DeliveryPolicySpec, records: Mapping[str, CustomMetricRecord], readings: Mapping[str, CustomReading]
) -> dict[str, CustomMetricRecord]:
    """The records with the queries as they were asked, and their last answers; of long ones the beginning."""
    kinds = {metric.name: metric.kind for metric in policy.analysis.custom}
    longest = QUERIES_SHOWN // max(1, sum(len(reading.queries) for reading in readings.values()))
    told = {}
    for name, reading in readings.items():
        known = records.get(name) or CustomMetricRecord(kind=kinds.get(name, ""))
        asked = {part: clipped(query, longest) for part, query in reading.queries.items()}
        problem = reading.problem and clipped(reading.problem, PROBLEM_SHOWN)
        news = {"queries": asked, "answer": dict(reading.answer), "problem": problem}
        told[name] = known.model_copy(update=news)
    return {**records, **told}


def _known(record: AnalysisRecord, metric: Metric) -> CustomMetricRecord:
    return record.custom.get(metric.name) or CustomMetricRecord(kind=metric.kind)


def _state(record: AnalysisRecord, metric: Metric) -> dict[str, Any]:
    return _known(record, metric).state


def _settings(metric: ErrorRateMetric | LatencyMetric, mesh: ReleaseSettings) -> ReleaseSettings:
    if isinstance(metric, LatencyMetric):
        relative = metric.tolerance.relative
        return replace(
            mesh,
            error_tolerance=EVERYTHING,
            advance_tolerances=(EVERYTHING,),
            judge_latency=True,
            latency_tolerance=Tolerance(relative=relative),
            latency_advance_tolerance=Tolerance(relative=max(relative, LEAST_SLOWING)),
            objective=None,
        )
    tolerance = Tolerance(absolute=metric.tolerance.absolute, relative=metric.tolerance.relative)
    return replace(
        mesh, error_tolerance=tolerance, advance_tolerances=(tolerance,), judge_latency=False, objective=None
    )


def _ticks(metric: Metric, started_at: float, fresh: Sequence[Sample]) -> list[ReleaseTick]:
    nothing = ArmIncrement(0.0, 0.0)
    found = []
    for sample in fresh:
        stable, canary = sample.counts.get(metric.name, (nothing, nothing))
        bounds = sorted({le for le, _ in stable.buckets} & {le for le, _ in canary.buckets})
        of_stable, of_canary = dict(stable.buckets), dict(canary.buckets)
        found.append(
            ReleaseTick(
                t=sample.end - started_at,
                stable_requests=stable.requests,
                stable_errors=min(stable.errors, stable.requests),
                canary_requests=canary.requests,
                canary_errors=min(canary.errors, canary.requests),
                latency_bounds=tuple(bounds),
                stable_latency=tuple(of_stable[le] for le in bounds),
                canary_latency=tuple(of_canary[le] for le in bounds),
            )
        )
    return found


def _observed(
    metric: CounterRatioMetric | GaugeMeanMetric, record: AnalysisRecord, fresh: Sequence[Sample]
) -> PairedEvidence:
    """The metric's evidence with the new samples in it; a state that cannot be read is begun anew."""
    tolerance = Tolerance(absolute=metric.tolerance.absolute, relative=metric.tolerance.relative)
    settings, state = PairedSettings(tolerance, metric.worse), _state(record, metric)
    try:
        paired = PairedEvidence.resume(settings, state) if state else PairedEvidence(settings)
    except AnalysisError:
        paired = PairedEvidence(settings)
    for sample in fresh:
        stable, canary = sample.values.get(metric.name, (None, None))
        t = sample.end - (record.started_at or 0.0)
        if t > paired.t:
            paired.observe(PairedTick(t, sample.end - sample.start, stable, canary))
    return paired


def _value_evidence(
    metric: CounterRatioMetric | GaugeMeanMetric, paired: PairedEvidence, newest: Sample
) -> MetricEvidence:
    stable, canary = newest.values.get(metric.name, (None, None))
    shown = ", ".join(
        f"{arm} {'nothing' if value is None else f'{value:.4g}'}"
        for arm, value in (("canary", canary), ("stable", stable))
    )
    detail = {"stable": stable, "canary": canary} | paired.detail()
    return MetricEvidence(metric.name, paired.log_rollback(), paired.log_advance(), shown, detail)
