"""What a policy's own queries showed at an instant, and what was added between two."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

from analysis.increments import increments, merged
from delivery.telemetry.expressions import PART, Expression
from delivery.telemetry.prometheus import Point
from delivery.telemetry.samples import CANARY, STABLE, ArmIncrement

SeriesKey = tuple[str, str, tuple[str, str, float | None]]  # series, arm, (metric, part, upper bound)
TIES = ("instance", "pod")  # the labels by which counters restart together
Counts = Mapping[str, tuple[ArmIncrement, ArmIncrement]]
Values = Mapping[str, tuple[float | None, float | None]]


@dataclass(frozen=True, slots=True)
class CustomTable:
    """Cumulative counters by series, and gauges (metric, arm) with the values of their series."""

    counters: Mapping[SeriesKey, float] = field(default_factory=dict)
    gauges: Mapping[tuple[str, str], tuple[float, ...]] = field(default_factory=dict)

    def backed_by(self, earlier: CustomTable) -> CustomTable:
        """With what `earlier` shows of counters that show nothing here."""
        shown = {_counter(key) for key in self.counters}
        kept = {key: value for key, value in earlier.counters.items() if _counter(key) not in shown}
        return CustomTable({**kept, **self.counters}, self.gauges)

    def followed_by(self, later: CustomTable) -> CustomTable:
        return CustomTable(merged(self.counters, later.counters, _counter), later.gauges)

    def added(self, later: CustomTable) -> tuple[Counts, Values]:
        """Counts and values of each metric from here to `later`, stable's and canary's.

        Stable is older than its release: what a metric of it shows first is its past, and adds nothing.
        """
        known = dict(self.counters)
        seen = {key[2][0] for key in self.counters if key[1] == STABLE}
        known.update({k: v for k, v in later.counters.items() if k[1] == STABLE and k[2][0] not in seen})
        added = increments(known, later.counters, _counter)
        sums: dict[tuple[str, str, str], dict[float | None, float]] = {}
        for (_, arm, (metric, part, bound)), value in added.items():
            parts = sums.setdefault((metric, arm, part), {})
            parts[bound] = parts.get(bound, 0.0) + value
        return _counts(sums), {**_ratios(sums), **_means(later.gauges)}

    def totals(self) -> Mapping[str, Mapping[str, float]]:
        """The last answer of each metric, as `stable.total`; of buckets the count, of gauges the mean."""
        found: dict[str, dict[str, float]] = {}
        buckets: dict[tuple[str, str, str], float] = {}
        for (series, arm, (metric, part, bound)), value in self.counters.items():
            if bound is not None:
                at = (series, arm, metric)
                buckets[at] = max(buckets.get(at, 0.0), value)
                continue
            parts = found.setdefault(metric, {})
            parts[f"{arm}.{part}"] = parts.get(f"{arm}.{part}", 0.0) + value
        for (_, arm, metric), value in buckets.items():
            parts = found.setdefault(metric, {})
            parts[f"{arm}.count"] = parts.get(f"{arm}.count", 0.0) + value
        for (metric, arm), values in self.gauges.items():
            found.setdefault(metric, {})[f"{arm}.value"] = sum(values) / len(values)
        return found


def decoded(points: Iterable[Point], numbered: Mapping[str, tuple[str, Expression]]) -> dict[str, CustomTable]:
    """Each release's table out of the answer to a common query; `numbered` says whose each part is."""
    counters: dict[str, dict[SeriesKey, float]] = {}
    gauges: dict[str, dict[tuple[str, str], tuple[float, ...]]] = {}
    for point in points:
        owner = numbered.get(point.labels.get(PART, ""))
        if owner is None or not math.isfinite(point.value):
            continue
        release, expression = owner
        if expression.part == "value":
            at = (expression.metric, expression.arm)
            own = gauges.setdefault(release, {})
            own[at] = (*own.get(at, ()), point.value)
            continue
        found = counters.setdefault(release, {})
        for bound, value in _cells(point, expression):
            key = (_series(point.labels), expression.arm, (expression.metric, expression.part, bound))
            found[key] = found.get(key, 0.0) + value
    return {key: CustomTable(counters.get(key, {}), gauges.get(key, {})) for key in {*counters, *gauges}}


def _cells(point: Point, expression: Expression) -> Iterable[tuple[float | None, float]]:
    """The counts of one series by upper bound in milliseconds; by None what is no histogram."""
    if expression.part != "buckets":
        return [(None, point.value)]
    if point.buckets:
        return [(bound * expression.scale, count) for bound, count in point.buckets]
    try:
        return [(float(point.labels["le"]) * expression.scale, point.value)]
    except (KeyError, ValueError):
        return []


def _series(labels: Mapping[str, str]) -> str:
    """Which series: by what ties counters of one process together, or by all its labels."""
    tied = [labels[name] for name in TIES if labels.get(name)]
    rest = sorted(f"{k}={v}" for k, v in labels.items() if k not in {PART, "le", "__name__", *TIES})
    return "\n".join([*tied, "", *rest]) if tied else "\n".join(["", *rest])


def _counter(key: SeriesKey) -> Hashable:
    series, arm, (metric, _, _) = key
    process = series.partition("\n\n")[0]
    return (process or series), arm, metric


def _counts(sums: Mapping[tuple[str, str, str], Mapping[float | None, float]]) -> Counts:
    found: dict[str, tuple[ArmIncrement, ArmIncrement]] = {}
    for metric in {name for name, _, part in sums if part in {"total", "errors", "buckets"}}:
        found[metric] = _arm(sums, metric, STABLE), _arm(sums, metric, CANARY)
    return found


def _arm(sums: Mapping[tuple[str, str, str], Mapping[float | None, float]], metric: str, arm: str) -> ArmIncrement:
    total, errors = (sum(sums.get((metric, arm, part), {}).values()) for part in ("total", "errors"))
    cells = sums.get((metric, arm, "buckets"), {})
    buckets = tuple(sorted((bound, count) for bound, count in cells.items() if bound is not None))
    return ArmIncrement(buckets[-1][1] if buckets else total, errors, buckets)


def _ratios(sums: Mapping[tuple[str, str, str], Mapping[float | None, float]]) -> Values:
    found = {}
    for metric in {name for name, _, part in sums if part == "denominator"}:
        arms = []
        for arm in (STABLE, CANARY):
            over, under = (sum(sums.get((metric, arm, p), {}).values()) for p in ("numerator", "denominator"))
            arms.append(over / under if under > 0 else None)
        found[metric] = arms[0], arms[1]
    return found


def _means(gauges: Mapping[tuple[str, str], tuple[float, ...]]) -> Values:
    found = {}
    for metric in {name for name, _ in gauges}:
        arms = [gauges.get((metric, arm)) for arm in (STABLE, CANARY)]
        stable, canary = (sum(values) / len(values) if values else None for values in arms)
        found[metric] = stable, canary
    return found
