"""The single series that sums are made of: whether a sum that fell is of a process that restarted, or lost a part."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from delivery.telemetry.needs import Need
from delivery.telemetry.prometheus import Point
from delivery.telemetry.samples import CANARY, STABLE
from delivery.telemetry.tables import CounterKey
from mesh_adapters.series import Series
from mesh_adapters.subjects import Name

Key = tuple[str, str, Any]  # instance, arm, and what tells one sum from another
Labels = frozenset[tuple[str, str]]
Parts = Mapping[tuple[str, Key], Mapping[Labels, float]]  # by release and sum


def parts_of(series: Series, needs: Iterable[Need], points: Iterable[Point], *, buckets: bool) -> Parts:
    """Each sum's parts, by the labels that a table's keys are made of."""
    arms: dict[Name, list[tuple[str, str]]] = {}
    for need in needs:
        for name, arm in zip(need.names, (STABLE, CANARY), strict=True):
            arms.setdefault(name, []).append((need.release, arm))
    found: dict[tuple[str, Key], dict[Labels, float]] = {}
    for point in points:
        owner = series.subject.of(point.labels)
        for release, arm in arms.get(owner, ()) if owner and math.isfinite(point.value) else ():
            key = (point.labels.get(series.instance, ""), arm, _told_by(series, point.labels, buckets))
            found.setdefault((release, key), {})[frozenset(point.labels.items())] = point.value
    return found


def without_lost_parts(
    release: str,
    counters: Collection[CounterKey],
    known: Mapping[Key, float],
    current: Mapping[Key, float],
    before: Parts | None,
    now: Parts | None,
) -> dict[Key, float]:
    """Of the fallen sums of `counters`, what is known of the parts that still show themselves; nothing where a part
    fell too, for then the process restarted. Where the parts could not be had a sum is known as it is: it adds nothing.
    """
    fallen = [key for key, value in current.items() if key[:2] in counters and value < known.get(key, 0.0)]
    if before is None or now is None:
        return {key: current[key] for key in fallen}
    restarted = {key[:2] for key in current if key[:2] in counters and _fell(before, now, (release, key))}
    return {key: _left(before, now, (release, key)) for key in fallen if key[:2] not in restarted}


def _told_by(series: Series, labels: Mapping[str, str], buckets: bool) -> Any:
    if buckets:
        return _bound(labels.get("le", ""))
    return series.failed(labels), tuple(labels.get(label, "") for label in series.classified_by)


def _bound(le: str) -> float:
    try:
        return float(le)
    except ValueError:
        return math.nan


def _fell(before: Parts, now: Parts, of: tuple[str, Key]) -> bool:
    later = now.get(of, {})
    return any(later[labels] < value for labels, value in before.get(of, {}).items() if labels in later)


def _left(before: Parts, now: Parts, of: tuple[str, Key]) -> float:
    later = now.get(of, {})
    return sum(value for labels, value in before.get(of, {}).items() if labels in later)
