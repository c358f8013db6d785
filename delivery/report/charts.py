"""The charts of a report, each an SVG that says in words what it shows."""

from __future__ import annotations

from collections.abc import Sequence

import pygal  # type: ignore[import-untyped]  # brings no types

from delivery.report.chart_svg import chart, drawn
from delivery.report.evidence_view import DecisionView, EvidenceView
from delivery.report.intervals import ArmView
from delivery.report.latency_view import BucketView, HistogramView
from delivery.report.timeline import WeightPoint
from delivery.report.view import ReportView, view
from delivery.report.wording import clipped, evidence, percent, percent_between, span, words
from delivery.resources.release import Release

MOST_DECISIONS = 16  # side by side; the table has all
_BEYOND = 3.0  # times the threshold: farther out nothing more is to be seen
_PEN = {"show_dots": False, "stroke": True}
Curve = list[tuple[float, float]]


def evidence_chart(report: ReportView) -> str:
    """The evidence over time with the two thresholds."""
    course = report.evidence.course
    unit, seconds = _unit(course[-1].after if course else 0.0)
    made = chart(pygal.XY, "evidence", "chart-evidence", x_title=f"{unit} since it began", include_x_axis=True)
    _draw_evidence(made, report.evidence, seconds)
    return drawn(made, "Evidence over time", _evidence_told(report.evidence))


def weight_chart(course: Sequence[WeightPoint]) -> str:
    """The canary's share of the traffic as steps."""
    unit, seconds = _unit(course[-1].after if course else 0.0)
    made = chart(pygal.XY, "weight", "chart-weight", x_title=f"{unit} since it began", range=(0, 100), height=280)
    made.add("canary's share, percent", _steps(course, seconds), **_PEN)
    told = "; ".join(f"from {span(point.after)} on {point.weight:g} %" for point in _changes(course))
    return drawn(made, "The canary's share of the traffic over time", f"{told or 'The canary had no traffic'}.")


def error_rate_chart(decisions: Sequence[DecisionView]) -> str:
    """Both arms' error rates at each decision, with 95 % intervals."""
    shown = decisions[-MOST_DECISIONS:]
    ends = [arm.wilson[1] for each in shown for arm in (each.stable, each.canary) if arm.wilson is not None]
    most = 100 * max(ends, default=0.0) or 1.0
    made = chart(pygal.Bar, "errors", "chart-arms", range=(0, most), y_title="percent of requests")
    made.x_labels = [
        f"{span(each.after)}, {each.weight:g} %" if len(shown) <= 6 else f"{each.weight:g} %" for each in shown
    ]
    made.add("stable", [_bar(each.stable) for each in shown])
    made.add("canary", [_bar(each.canary) for each in shown])
    left_out = f"The last {len(shown)} of {len(decisions)} decisions. " if len(shown) < len(decisions) else ""
    told = "; ".join(f"at {each.weight:g} % {_rates_told(each)}" for each in shown)
    return drawn(made, "Error rates at each decision, with 95 % Wilson intervals", f"{left_out}{told}.")


def latency_chart(histogram: HistogramView, name: str) -> str:
    """Both arms' distributions side by side, as shares of their own requests; `name` is one of a document."""
    made = chart(pygal.Bar, name, "chart-arms", y_title="percent of requests", x_label_rotation=30)
    made.x_labels = [bucket_label(bucket) for bucket in histogram.buckets]
    made.add(f"stable, {histogram.stable_requests:,.0f} requests", [100 * b.stable_share for b in histogram.buckets])
    made.add(f"canary, {histogram.canary_requests:,.0f} requests", [100 * b.canary_share for b in histogram.buckets])
    told = "; ".join(
        f"{bucket_label(b)}: stable {percent(b.stable_share)}, canary {percent(b.canary_share)}"
        for b in histogram.buckets
    )
    return drawn(made, "Latency of both versions, share of requests by bucket", f"{told}.")


def bucket_label(bucket: BucketView) -> str:
    """A bucket's ends in milliseconds."""
    return f"over {bucket.above_ms:g} ms" if bucket.up_to_ms is None else f"{bucket.above_ms:g}–{bucket.up_to_ms:g} ms"


def to_svg(release: Release, now: float) -> str:
    """One image that shows phase, share and the course of the evidence; nothing is loaded by it."""
    report = view(release, now)
    traffic = report.traffic
    name = clipped(report.key, 60)
    share = f"{traffic.verified_weight or 0:g} % now, at most {traffic.max_weight:g} %"
    ends = [point.after for course in (traffic.course, report.evidence.course) for point in course]
    unit, seconds = _unit(max(ends, default=0.0))
    headline = f"{name}: {words(report.phase)}, canary {share}"
    made = chart(
        pygal.XY,
        "release",
        "chart-evidence",
        title=headline,
        explicit_size=True,
        include_x_axis=True,
        x_title=f"{unit} since it began",
        secondary_range=(0, 100),
    )
    _draw_evidence(made, report.evidence, seconds)
    if traffic.course:
        made.add("canary's share, percent (right)", _steps(traffic.course, seconds), secondary=True, **_PEN)
    told = f"{clipped(report.sentence, 400)} {_evidence_told(report.evidence)}"
    return drawn(made, headline, told, standalone=True)


def _unit(longest: float) -> tuple[str, float]:
    """In which unit to tell a course of so many seconds, and its length in seconds."""
    if longest <= 600:
        return "seconds", 1.0
    return ("minutes", 60.0) if longest <= 10_800 else ("hours", 3600.0)


def _draw_evidence(made: pygal.XY, found: EvidenceView, unit: float) -> None:
    course, edge = found.course, _edge(found)
    back: Curve = [(point.after / unit, _within(point.rollback, edge)) for point in course]
    on: Curve = [(point.after / unit, _within(point.advance, edge)) for point in course]
    # one point alone draws no line
    pen = {**_PEN, "show_dots": len(course) == 1}
    made.add("for rollback", back, **pen)
    made.add("for advance (dashed)", on, **pen)
    levels = (("rolls back", "dotted", found.rollback_threshold), ("advances", "dash-dotted", found.advance_threshold))
    for name, line, threshold in levels:
        if threshold is not None and course:
            ends = [(course[0].after / unit, threshold), (course[-1].after / unit, threshold)]
            made.add(f"{name} from {threshold:.2f} on ({line})", ends, **_PEN)


def _edge(found: EvidenceView) -> float:
    known = [threshold for threshold in (found.rollback_threshold, found.advance_threshold) if threshold is not None]
    return max(10.0, _BEYOND * max(known, default=0.0))


def _within(value: float, edge: float) -> float:
    return min(edge, max(-edge, value))


def _evidence_told(found: EvidenceView) -> str:
    if not found.course:
        return "No evidence was recorded."
    last, edge = found.course[-1], _edge(found)
    values = [value for point in found.course for value in (point.rollback, point.advance)]
    cut = f" What is farther from 0 than {edge:.0f} is drawn there." if max(map(abs, values)) > edge else ""
    return (
        f"In natural logarithms, after {span(last.after)}: for rollback {evidence(last.rollback)}"
        f"{_against(found.rollback_threshold)}, for advance {evidence(last.advance)}"
        f"{_against(found.advance_threshold)}. The evidence for an advance is about the present step.{cut}"
    )


def _against(threshold: float | None) -> str:
    return "" if threshold is None else f" (threshold {threshold:.2f})"


def _steps(course: Sequence[WeightPoint], unit: float) -> Curve:
    """A corner before each change, so that a line between points is a step."""
    found: Curve = []
    for point in course:
        if found:
            found.append((point.after / unit, found[-1][1]))
        found.append((point.after / unit, point.weight))
    return found


def _changes(course: Sequence[WeightPoint]) -> list[WeightPoint]:
    return [point for at, point in enumerate(course) if at == 0 or point.weight != course[at - 1].weight]


def _bar(arm: ArmView) -> dict[str, object] | None:
    if arm.rate is None or arm.wilson is None:
        return None
    low, high = arm.wilson
    return {"value": 100 * arm.rate, "ci": {"low": 100 * low, "high": 100 * high}}


def _rates_told(each: DecisionView) -> str:
    return ", ".join(
        f"{name} {percent(arm.rate)} ({percent_between(arm.wilson)})"
        for name, arm in (("stable", each.stable), ("canary", each.canary))
    )
