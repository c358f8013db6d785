"""Answers decoded: the counters of one release's two arms at one instant, and what was added between two."""

from __future__ import annotations

import math
import sys
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from analysis.increments import fallen, increments, merged, silenced
from delivery.telemetry.needs import Need
from delivery.telemetry.prometheus import Point
from delivery.telemetry.samples import CANARY, STABLE, ArmIncrement
from mesh_adapters.series import Series
from mesh_adapters.subjects import Name

RequestKey = tuple[str, str, tuple[bool, tuple[str, ...]]]  # instance, arm, (failed, the labels that say so)
BucketKey = tuple[str, str, float]  # instance, arm, upper bound
CounterKey = tuple[str, str]  # instance, arm: what restarts together
NO_SET: Set[RequestKey] = frozenset()


@dataclass(frozen=True, slots=True)
class Table:
    """Cumulative counters of one release. `not_numbers` are shown, as NaN; `silent` are those that their instance does
    not show any more though it shows others, with what they were (see analysis.increments.silenced).
    """

    requests: Mapping[RequestKey, float] = field(default_factory=dict)
    buckets: Mapping[BucketKey, float] = field(default_factory=dict)
    not_numbers: Set[RequestKey] = NO_SET
    silent: Mapping[RequestKey, float] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many series it has."""
        return len(self.requests) + len(self.buckets)

    @property
    def empty(self) -> bool:
        return not self.requests

    @property
    def has_stable(self) -> bool:
        return self.has(STABLE)

    def has(self, arm: str) -> bool:
        """Whether there is a counter of that arm."""
        return any(key[1] == arm for key in self.requests)

    def counters(self) -> set[CounterKey]:
        """Of which instances and arms there is something."""
        return {key[:2] for key in self.requests}

    def with_own(self, counters: Collection[CounterKey], other: Table) -> Table:
        """This table where these counters are known as `other` shows them, so that they add nothing by it."""
        requests = {key: value for key, value in other.requests.items() if key[:2] in counters}
        buckets = {key: value for key, value in other.buckets.items() if key[:2] in counters}
        known = {**self.requests, **requests}, {**self.buckets, **buckets}
        return Table(*known, self.not_numbers, self.silent) if requests or buckets else self

    def with_known(self, requests: Mapping[Any, float], buckets: Mapping[Any, float]) -> Table:
        """This table where these sums are known to be so much."""
        known = {**self.requests, **requests}, {**self.buckets, **buckets}
        return Table(*known, self.not_numbers, self.silent)

    def backed_by(self, earlier: Table) -> Table:
        """This table with, of `earlier`, only the counters that show nothing at all here.

        A counter that shows itself here is taken whole from here: a series it no longer has was lost to a restart.
        What one that is no number was is not known, only that it was something.
        """
        shown = {key[:2] for key in (*self.requests, *self.buckets, *self.not_numbers)}
        requests = {key: value for key, value in earlier.requests.items() if key[:2] not in shown}
        buckets = {key: value for key, value in earlier.buckets.items() if key[:2] not in shown}
        silent = {key: earlier.requests.get(key, math.nan) for key in self.not_numbers}
        return Table({**requests, **self.requests}, {**buckets, **self.buckets}, silent=silent)

    def followed_by(self, later: Table) -> Table:
        """The last known value of every counter after `later` was seen."""
        return Table(
            merged(self.requests, later.requests, _counter),
            merged(self.buckets, later.buckets, _counter),
            silent=silenced(self.requests, later.requests, _counter, self.silent),
        )

    def added(self, later: Table) -> tuple[ArmIncrement, ArmIncrement]:
        """Stable's and canary's increments from here to `later`."""
        requests = increments(self.requests, later.requests, _counter, self.silent)
        buckets = increments(self.buckets, later.buckets, _counter)
        return _arm(STABLE, requests, buckets), _arm(CANARY, requests, buckets)

    def fallen(self, later: Table) -> tuple[set[CounterKey], set[CounterKey]]:
        """The counters of `later` that are below what is known, by their requests and by their buckets."""
        return fallen(self.requests, later.requests, _counter), fallen(self.buckets, later.buckets, _counter)

    def added_by_instance(self, later: Table, arm: str) -> dict[str, tuple[float, float]]:
        """What each instance of an arm added from here to `later`: requests and errors."""
        found: dict[str, tuple[float, float]] = {}
        for (instance, owner, kind), value in increments(self.requests, later.requests, _counter, self.silent).items():
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
    decoding = Decoding(series, needs)
    decoding.requests(requests)
    decoding.buckets(buckets)
    return decoding.tables()


@dataclass(slots=True)
class _Found:
    """One release's table on its way. `broken` are the histograms of which a bucket is no number: one that is read in
    part would show fewer requests below a higher bound than below a lower one."""

    requests: dict[RequestKey, float] = field(default_factory=dict)
    buckets: dict[BucketKey, float] = field(default_factory=dict)
    not_numbers: set[RequestKey] = field(default_factory=set)
    broken: set[CounterKey] = field(default_factory=set)

    def table(self) -> Table:
        buckets = self.buckets
        if self.broken:
            buckets = {key: value for key, value in buckets.items() if key[:2] not in self.broken}
        return Table(self.requests, buckets, frozenset(self.not_numbers) if self.not_numbers else NO_SET)


class Decoding:
    """Puts points where they belong. Answers have some hundred thousand of them, so what recurs is worked out once.
    `strays` is how many were of nobody's."""

    def __init__(self, series: Series, needs: Iterable[Need]) -> None:
        self._series = series
        self._classified_by = series.classified_by
        self._kinds: dict[tuple[str, ...], tuple[bool, tuple[str, ...]]] = {}
        self._bounds: dict[str, float] = {}
        self._arms: dict[Name, list[tuple[_Found, str]]] = {}
        self._found: dict[str, _Found] = {}
        self.strays = self.points = 0
        for need in needs:
            found = self._found[need.release] = _Found()
            for name, arm in zip(need.names, (STABLE, CANARY), strict=True):
                self._arms.setdefault(name, []).append((found, arm))

    def tables(self) -> dict[str, Table]:
        """What was found of each release."""
        return {release: found.table() for release, found in self._found.items()}

    def requests(self, points: Iterable[Point]) -> None:
        for point in points:
            labels, owners = point.labels, self.owners(point.labels)
            self.points += 1
            self.strays += not owners
            for found, arm in owners:
                # Kept apart by label: a restart shows in one series' drop that a sum over them could hide.
                key = (self._instance(labels), arm, self.kind(labels))
                if math.isfinite(point.value):
                    found.requests[key] = found.requests.get(key, 0.0) + point.value
                else:
                    found.not_numbers.add(key)

    def buckets(self, points: Iterable[Point]) -> None:
        """Most points are of this kind, so what each needs is looked up once for all."""
        isfinite, isnan, intern, owner_of = math.isfinite, math.isnan, sys.intern, self._series.subject.of
        label, known_bounds, arms = self._series.instance, self._bounds, self._arms
        for point in points:
            labels, value = point.labels, point.value
            le = labels.get("le", "nan")
            bound = known_bounds[le] if le in known_bounds else self.bound(le)
            name = owner_of(labels)
            if isnan(bound) or not name:
                continue
            for found, arm in arms.get(name, ()):
                instance = intern(labels.get(label, ""))
                if isfinite(value):
                    found.buckets[instance, arm, bound] = value
                else:
                    found.broken.add((instance, arm))

    def _instance(self, labels: Mapping[str, str]) -> str:
        """One string for all series of an instance: they are remembered, and they are many."""
        return sys.intern(labels.get(self._series.instance, ""))

    def owners(self, labels: Mapping[str, str]) -> Sequence[tuple[_Found, str]]:
        name = self._series.subject.of(labels)
        return self._arms.get(name, ()) if name else ()

    def kind(self, labels: Mapping[str, str]) -> tuple[bool, tuple[str, ...]]:
        values = tuple(labels.get(label, "") for label in self._classified_by)
        known = self._kinds.get(values)
        if known is None:
            known = self._kinds[values] = (self._series.failed(labels), values)
        return known

    def bound(self, le: str) -> float:
        if le not in self._bounds:
            self._bounds[le] = _number(le)
        return self._bounds[le]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _counter(key: tuple[str, str, object]) -> CounterKey:
    return key[:2]


def _arm(arm: str, requests: Mapping[RequestKey, float], buckets: Mapping[BucketKey, float]) -> ArmIncrement:
    total = sum(value for key, value in requests.items() if key[1] == arm)
    failed = sum(value for key, value in requests.items() if key[1] == arm and key[2][0])
    bounds: dict[float, float] = {}
    for (_, owner, bound), value in buckets.items():
        if owner == arm:
            bounds[bound] = bounds.get(bound, 0.0) + value
    return ArmIncrement(total, failed, tuple(sorted(bounds.items())))
