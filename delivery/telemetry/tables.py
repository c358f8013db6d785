"""Answers decoded: the counters of one release's two arms at one instant, and what was added between two."""

from __future__ import annotations

import math
import sys
import zlib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

from analysis.increments import increments, merged
from delivery.telemetry.needs import Need
from delivery.telemetry.prometheus import Point
from delivery.telemetry.samples import CANARY, STABLE, ArmIncrement
from mesh_adapters.series import Series
from mesh_adapters.subjects import Name

RequestKey = tuple[str, str, tuple[bool, tuple[str, ...]]]  # instance, arm, (failed, the labels that say so)
BucketKey = tuple[str, str, float]  # instance, arm, upper bound


@dataclass(frozen=True, slots=True)
class Table:
    """Cumulative counters of one release."""

    requests: Mapping[RequestKey, float] = field(default_factory=dict)
    buckets: Mapping[BucketKey, float] = field(default_factory=dict)
    not_numbers: int = 0

    @property
    def size(self) -> int:
        """How many series it has."""
        return len(self.requests) + len(self.buckets)

    @property
    def empty(self) -> bool:
        return not self.requests

    @property
    def has_stable(self) -> bool:
        return any(arm == STABLE for _, arm, _ in self.requests)

    def with_stable_of(self, other: Table) -> Table:
        """This table where stable is known as `other` shows it."""
        requests = {key: value for key, value in other.requests.items() if key[1] == STABLE}
        buckets = {key: value for key, value in other.buckets.items() if key[1] == STABLE}
        return Table({**self.requests, **requests}, {**self.buckets, **buckets})

    def backed_by(self, earlier: Table) -> Table:
        """This table with, of `earlier`, only the counters that show nothing at all here.

        A counter that shows itself here is taken whole from here: a series it no longer has was lost to a restart.
        """
        shown = {key[:2] for key in (*self.requests, *self.buckets)}
        requests = {key: value for key, value in earlier.requests.items() if key[:2] not in shown}
        buckets = {key: value for key, value in earlier.buckets.items() if key[:2] not in shown}
        return Table({**requests, **self.requests}, {**buckets, **self.buckets})

    def followed_by(self, later: Table) -> Table:
        """The last known value of every counter after `later` was seen."""
        return Table(merged(self.requests, later.requests, _counter), merged(self.buckets, later.buckets, _counter))

    def added(self, later: Table) -> tuple[ArmIncrement, ArmIncrement]:
        """Stable's and canary's increments from here to `later`."""
        requests = increments(self.requests, later.requests, _counter)
        buckets = increments(self.buckets, later.buckets, _counter)
        return _arm(STABLE, requests, buckets), _arm(CANARY, requests, buckets)

    def added_by_instance(self, later: Table, arm: str) -> dict[str, tuple[float, float]]:
        """What each instance of an arm added from here to `later`: requests and errors."""
        found: dict[str, tuple[float, float]] = {}
        for (instance, owner, kind), value in increments(self.requests, later.requests, _counter).items():
            if owner == arm:
                requests, errors = found.get(instance, (0.0, 0.0))
                found[instance] = requests + value, errors + (value if kind[0] else 0.0)
        return found

    def shadow_added(self, later: Table) -> tuple[float, float]:
        """What about half of stable's instances added, chosen by their names: no count has a say in which."""
        added = self.added_by_instance(later, STABLE)
        chosen = [counts for instance, counts in added.items() if zlib.crc32(instance.encode()) % 2]
        return sum(requests for requests, _ in chosen), sum(errors for _, errors in chosen)

    def restarted(self, later: Table) -> float:
        """The part of the counters known here that had begun anew by `later`, 0 to 1."""
        known = {_counter(key) for key in self.requests}
        begun = {_counter(key) for key, value in later.requests.items() if value < self.requests.get(key, 0.0)}
        return len(begun) / len(known) if known else 0.0


def tables(
    series: Series, needs: Iterable[Need], requests: Iterable[Point], buckets: Iterable[Point]
) -> dict[str, Table]:
    """Each release's table out of the answers for many."""
    decoding = _Decoding(series, needs)
    for point in requests:
        decoding.requests(point)
    for point in buckets:
        decoding.bucket(point)
    return {release: Table(*found) for release, found in decoding.found.items()}


class _Decoding:
    """Puts points where they belong. Answers have some hundred thousand of them, so what recurs is worked out once."""

    def __init__(self, series: Series, needs: Iterable[Need]) -> None:
        self._series = series
        self._kinds: dict[tuple[str, ...], tuple[bool, tuple[str, ...]]] = {}
        self._bounds: dict[str, float] = {}
        self._arms: dict[Name, list[tuple[str, str]]] = {}
        self.found: dict[str, tuple[dict[RequestKey, float], dict[BucketKey, float], int]] = {}
        for need in needs:
            self.found[need.release] = ({}, {}, 0)
            for name, arm in zip(need.names, (STABLE, CANARY), strict=True):
                self._arms.setdefault(name, []).append((need.release, arm))

    def requests(self, point: Point) -> None:
        labels = point.labels
        for release, arm in self._arms_of(labels):
            counted, buckets, strange = self.found[release]
            if not math.isfinite(point.value):
                self.found[release] = (counted, buckets, strange + 1)
                continue
            # Kept apart by label: a restart shows in one series' drop that a sum over them could hide.
            key = (self._instance(labels), arm, self._kind(labels))
            counted[key] = counted.get(key, 0.0) + point.value

    def bucket(self, point: Point) -> None:
        bound = self._bound(point.labels.get("le", "nan"))
        if not math.isfinite(point.value) or math.isnan(bound):
            return
        instance = self._instance(point.labels)
        for release, arm in self._arms_of(point.labels):
            self.found[release][1][instance, arm, bound] = point.value

    def _instance(self, labels: Mapping[str, str]) -> str:
        """One string for all series of an instance: they are remembered, and they are many."""
        return sys.intern(labels.get(self._series.instance, ""))

    def _arms_of(self, labels: Mapping[str, str]) -> Iterable[tuple[str, str]]:
        name = self._series.subject.of(labels)
        return self._arms.get(name, ()) if name else ()

    def _kind(self, labels: Mapping[str, str]) -> tuple[bool, tuple[str, ...]]:
        values = tuple(labels.get(label, "") for label in self._series.classified_by)
        known = self._kinds.get(values)
        if known is None:
            known = self._kinds[values] = (self._series.failed(labels), values)
        return known

    def _bound(self, le: str) -> float:
        if le not in self._bounds:
            self._bounds[le] = _number(le)
        return self._bounds[le]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _counter(key: tuple[str, str, object]) -> Hashable:
    return key[:2]


def _arm(arm: str, requests: Mapping[RequestKey, float], buckets: Mapping[BucketKey, float]) -> ArmIncrement:
    total = sum(value for key, value in requests.items() if key[1] == arm)
    failed = sum(value for key, value in requests.items() if key[1] == arm and key[2][0])
    bounds: dict[float, float] = {}
    for (_, owner, bound), value in buckets.items():
        if owner == arm:
            bounds[bound] = bounds.get(bound, 0.0) + value
    return ArmIncrement(total, failed, tuple(sorted(bounds.items())))
