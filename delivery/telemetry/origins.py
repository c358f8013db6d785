"""Where counters come from that a release's memory does not explain: born, back again, or a sum that lost a part."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from delivery.errors import HeadgateError, Unavailable
from delivery.telemetry.limits import LOOK_BACK
from delivery.telemetry.needs import Need
from delivery.telemetry.parts import Key, Parts, parts_of, without_lost_parts
from delivery.telemetry.prometheus import Point
from delivery.telemetry.promql import Asking
from delivery.telemetry.samples import CANARY, STABLE
from delivery.telemetry.tables import CounterKey, Table, tables

SEEN_WITHIN = "1d"
LANDED_S = 60.0  # a scrape has landed by then: what a counter showed earlier is no part of its birth
SHOWN_S = 120.0  # longer than between two scrapes: a Prometheus that did not show stable then has lost the past
INSTANCES_AT_ONCE = 200
QUESTIONS = 12  # in one run of a chunk
Query = Callable[[str, float], Iterable[Point]]


@dataclass(frozen=True, slots=True)
class Origins:
    """`past`: counters that are no births, though they are shown for the first time: what they show was counted before,
    or never belonged here. `requests` and `buckets`: what is known of sums that lost a part, without that part.
    """

    past: frozenset[CounterKey] = frozenset()
    requests: Mapping[Key, float] = field(default_factory=dict)
    buckets: Mapping[Key, float] = field(default_factory=dict)

    def corrected(self, known: Table, current: Table) -> Table:
        """What is known, so that `current` adds to it exactly what is new."""
        told = known.with_own(self.past, current) if self.past else known
        return told.with_known(self.requests, self.buckets) if self.requests or self.buckets else told


AS_KNOWN = Origins()


@dataclass(frozen=True, slots=True)
class Shown:
    """What a release knew at `through`, and what it shows now."""

    need: Need
    through: float
    known: Table
    current: Table

    def newcomers(self) -> set[CounterKey]:
        """Counters never seen, of arms that have a past: stable always, the canary once something of it counted."""
        if self.current.requests.keys() <= self.known.requests.keys():
            return set()
        found = self.current.counters() - self.known.counters() - {key[:2] for key in self.known.silent}
        return {key for key in found if key[1] == STABLE or self.need.canary_counted}

    def lost(self, newcomers: Collection[CounterKey]) -> frozenset[CounterKey]:
        """Those of an arm of which nothing is known at all: stable is older than its release, and the past of a canary
        that was counted is what Prometheus has lost. No more need be asked."""
        unknown = {arm for arm in (STABLE, CANARY) if not self.known.has(arm)}
        return frozenset(key for key in newcomers if key[1] in unknown)

    def sums(self, *, buckets: bool) -> tuple[Mapping[Key, float], Mapping[Key, float]]:
        """What was known and what is shown, of the requests or of the buckets."""
        if buckets:
            return self.known.buckets, self.current.buckets
        return self.known.requests, self.current.requests


class Tracing:
    """Asks where counters come from: nothing while all goes on as it was, a few small questions where a pod is born or
    restarts. What cannot be told is taken so that a few requests are not counted, rather than any twice.
    """

    def __init__(self, asking: Asking, query: Query) -> None:
        self._asking = asking
        self._query = query
        self._left = QUESTIONS

    def origins(self, shown: Mapping[str, Shown], at: float) -> dict[str, Origins]:
        """Of each release, where there is anything to correct at the instant `at`."""
        past = self._past(shown)
        fallen = {release: each.known.fallen(each.current) for release, each in shown.items()}
        requests = self._sums(shown, {release: sets[0] for release, sets in fallen.items() if sets[0]}, at)
        buckets = self._sums(shown, {release: sets[1] for release, sets in fallen.items() if sets[1]}, at, buckets=True)
        return {
            release: Origins(past.get(release, frozenset()), requests.get(release, {}), buckets.get(release, {}))
            for release in {*past, *requests, *buckets}
        }

    def _past(self, shown: Mapping[str, Shown]) -> dict[str, frozenset[CounterKey]]:
        found, doubtful = {}, {}
        for release, each in shown.items():
            newcomers = each.newcomers()
            if newcomers:
                found[release] = each.lost(newcomers)
                doubtful[release] = newcomers - found[release]
        older = self._seen_before(shown, {release: each for release, each in doubtful.items() if each})
        return {release: lost | older.get(release, frozenset()) for release, lost in found.items()}

    def _seen_before(
        self, shown: Mapping[str, Shown], newcomers: Mapping[str, set[CounterKey]]
    ) -> dict[str, frozenset[CounterKey]]:
        """Those that were there before, or of which that cannot be told."""
        if not newcomers:
            return {}
        needs = [shown[release].need for release in newcomers]
        instances = sorted({instance for each in newcomers.values() for instance, _ in each})
        through = min(shown[release].through for release in newcomers)
        try:
            seen = self._tables(needs, self._seen(needs, instances), through - LANDED_S)
            present = self._tables(needs, self._asking.present(needs), through - SHOWN_S)
        except HeadgateError:
            return {release: frozenset(each) for release, each in newcomers.items()}
        return {
            release: frozenset(
                key for key in each if not _born(key, shown[release].current, seen[release], present[release])
            )
            for release, each in newcomers.items()
        }

    def _seen(self, needs: Sequence[Need], instances: Sequence[str]) -> str:
        if len(instances) > INSTANCES_AT_ONCE:
            raise Unavailable(f"{len(instances)} new instances are too many to be asked about at once")
        return self._asking.seen(needs, instances, SEEN_WITHIN)

    def _sums(
        self, shown: Mapping[str, Shown], fallen: Mapping[str, set[CounterKey]], at: float, *, buckets: bool = False
    ) -> dict[str, Mapping[Key, float]]:
        """What is known of fallen sums of which no part fell: a proxy forgets what it has not heard of for long, which
        is no restart."""
        found: dict[str, Mapping[Key, float]] = {}
        for through in sorted({shown[release].through for release in fallen}):
            group = {release: each for release, each in fallen.items() if shown[release].through == through}
            needs = [shown[release].need for release in group]
            instances = sorted({instance for each in group.values() for instance, _ in each})
            before = self._parts(needs, instances, through, LOOK_BACK, buckets)
            now = self._parts(needs, instances, at, None, buckets)
            for release, counters in group.items():
                pair = shown[release].sums(buckets=buckets)
                found[release] = without_lost_parts(release, counters, *pair, before, now)
        return {release: each for release, each in found.items() if each}

    def _parts(
        self, needs: Sequence[Need], instances: Sequence[str], at: float, within: str | None, buckets: bool
    ) -> Parts | None:
        """None where they cannot be had."""
        series = self._asking.series
        metric = series.latency_bucket if buckets else series.requests
        if len(instances) > INSTANCES_AT_ONCE:
            return None
        try:
            points = self._asked(self._asking.members(metric, needs, instances, within), at)
            return parts_of(series, needs, points, buckets=buckets)
        except HeadgateError:
            return None

    def _tables(self, needs: Sequence[Need], promql: str, at: float) -> dict[str, Table]:
        return tables(self._asking.series, needs, self._asked(promql, at), ())

    def _asked(self, promql: str, at: float) -> Iterable[Point]:
        if self._left <= 0:
            raise Unavailable("enough was asked in one look")
        self._left -= 1
        return self._query(promql, at)


def _born(counter: CounterKey, current: Table, seen: Table, present: Table) -> bool:
    """Never seen while Prometheus looked, or begun anew since: it shows less than it did."""
    before = {key: value for key, value in seen.requests.items() if key[:2] == counter}
    if before:
        return any(current.requests.get(key, 0.0) < value for key, value in before.items())
    return present.has_stable
