"""Each metric on its own: both arms, and what it adds to the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from delivery.report.evidence_view import arms
from delivery.report.intervals import ArmView, ComparisonView, arm_view, comparison_view
from delivery.report.latency_view import HistogramView, QuantileView, histogram_view, quantile_views
from delivery.report.recorded import mapping, newest_look, number_or_none, numbers, policy_or_none
from delivery.resources.metrics import ErrorRateMetric, LatencyMetric, Metric
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import CustomMetricRecord, Evidence, Release

ERRORS, LATENCY = "errors", "latency"  # what the record calls the mesh's own, whatever the policy calls them


@dataclass(frozen=True, slots=True)
class ValuesView:
    """A value of both arms at the last instant, and the mean of their difference over `blocks` stretches of time with
    its 95 % interval, which holds at all times; None for what is not known.
    """

    stable: float | None
    canary: float | None
    blocks: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None


@dataclass(frozen=True, slots=True)
class MetricView:
    """One metric. Evidence is in natural logarithms; the thresholds hold for all metrics together. Of `stable` and
    `canary` with `comparison`, `quantiles` with `histogram`, and `values` those are filled that fit its kind.
    """

    name: str
    kind: str
    tolerance: str
    rollback: float | None
    advance: float | None
    stable: ArmView | None = None
    canary: ArmView | None = None
    comparison: ComparisonView | None = None
    quantiles: tuple[QuantileView, ...] = ()
    histogram: HistogramView | None = None
    values: ValuesView | None = None
    queries: Mapping[str, str] = field(default_factory=dict)
    answer: Mapping[str, float] = field(default_factory=dict)
    problem: str | None = None


def metric_views(release: Release) -> tuple[MetricView, ...]:
    """The mesh's error rate and latency where they were judged, then the policy's own metrics."""
    look, policy, records = newest_look(release), policy_or_none(release), release.status.analysis.custom
    details = look.metrics if look else {}
    own: list[MetricView] = []
    if look is not None and ERRORS in details:
        own.append(_mesh_errors(look, policy))
    if look is not None and LATENCY in details:
        own.append(_mesh_latency(look, policy, release.status.analysis.state))
    names = [name for name in details if name not in {ERRORS, LATENCY}]
    names += [name for name in records if name not in names]
    chosen = {metric.name: metric for metric in policy.analysis.custom} if policy else {}
    return (*own, *(_custom(name, mapping(details.get(name)), records.get(name), chosen.get(name)) for name in names))


def _mesh_errors(look: Evidence, policy: DeliveryPolicySpec | None) -> MetricView:
    metric = policy.analysis.mesh_errors if policy else None
    stable, canary = arms(look)
    return MetricView(
        name=metric.name if metric else ERRORS,
        kind="errorRate",
        tolerance=_tolerated(metric),
        rollback=_log(look.metrics.get(ERRORS), "rollback"),
        advance=_log(look.metrics.get(ERRORS), "advance"),
        stable=stable,
        canary=canary,
        comparison=comparison_view(look.metrics.get(ERRORS)),
    )


def _mesh_latency(look: Evidence, policy: DeliveryPolicySpec | None, state: Mapping[str, Any]) -> MetricView:
    metric = policy.analysis.mesh_latency if policy else None
    detail = mapping(look.metrics.get(LATENCY))
    return MetricView(
        name=metric.name if metric else LATENCY,
        kind="latency",
        tolerance=_tolerated(metric),
        rollback=_log(detail, "rollback"),
        advance=_log(detail, "advance"),
        quantiles=quantile_views(detail),
        histogram=histogram_view(state),
    )


def _log(detail: Any, way: str) -> float | None:
    return number_or_none(mapping(detail).get(f"log_evidence_{way}"))


def _custom(
    name: str, detail: Mapping[str, Any], record: CustomMetricRecord | None, metric: Metric | None
) -> MetricView:
    kind = record.kind if record else metric.kind if metric else _kind_by(detail)
    state = record.state if record else {}
    counting = kind in {"errorRate", "latency"}
    stable, canary = _counted(detail, state) if kind == "errorRate" else (None, None)
    return MetricView(
        name=name,
        kind=kind,
        tolerance=_tolerated(metric),
        rollback=_log(detail, "rollback"),
        advance=_log(detail, "advance"),
        stable=stable,
        canary=canary,
        comparison=comparison_view(detail) if kind == "errorRate" else None,
        quantiles=quantile_views(detail),
        histogram=histogram_view(state) if kind == "latency" else None,
        values=None if counting or not detail else _values(detail),
        queries=dict(record.queries) if record else {},
        answer=dict(record.answer) if record else {},
        problem=record.problem if record else None,
    )


def _kind_by(detail: Mapping[str, Any]) -> str:
    """For a record whose policy cannot be read and that knows the metric by its evidence only."""
    if "quantiles" in detail:
        return "latency"
    return "errorRate" if "stable_rate" in detail else "value"


def _counted(detail: Mapping[str, Any], state: Mapping[str, Any]) -> tuple[ArmView, ArmView]:
    totals = numbers(state.get("totals"))
    n_s, e_s, n_c, e_c = totals if totals is not None and len(totals) == 4 else (None,) * 4
    return (
        arm_view(n_s, e_s, detail.get("stable_rate"), detail.get("stable_rate_interval")),
        arm_view(n_c, e_c, detail.get("canary_rate"), detail.get("canary_rate_interval")),
    )


def _values(detail: Mapping[str, Any]) -> ValuesView:
    keys = ("stable", "canary", "blocks", "difference", "difference_lower", "difference_upper")
    return ValuesView(*(number_or_none(detail.get(key)) for key in keys))


def _tolerated(metric: Metric | None) -> str:
    """What the policy still calls harmless, in words."""
    if metric is None:
        return "the policy's tolerance is not known"
    relative = metric.tolerance.relative
    if isinstance(metric, LatencyMetric):
        return f"harmless up to {100 * relative:g} % slower than stable"
    if isinstance(metric, ErrorRateMetric):
        points = f"{100 * metric.tolerance.absolute:g} percentage points"
        return f"harmless up to {1 + relative:g} times stable's rate plus {points}"
    if metric.worse == "lower":
        return f"harmless down to {1 - relative:g} times stable's value less {metric.tolerance.absolute:g}"
    return f"harmless up to {1 + relative:g} times stable's value plus {metric.tolerance.absolute:g}"
