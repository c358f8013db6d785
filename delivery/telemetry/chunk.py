"""Releases of one mesh and one interval, asked about together."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from delivery.errors import HeadgateError
from delivery.telemetry.custom import CustomTable
from delivery.telemetry.custom_asking import CustomAsking, Vectors, WrongQueries, is_of_the_question
from delivery.telemetry.freshness import Freshness
from delivery.telemetry.limits import SERIES_LIMIT
from delivery.telemetry.origins import AS_KNOWN, Shown, Tracing
from delivery.telemetry.progress import Progress
from delivery.telemetry.prometheus import MetricsSource, Point
from delivery.telemetry.promql import Asking
from delivery.telemetry.reasons import Reason, reason_of
from delivery.telemetry.tables import Decoding, Table

log = structlog.get_logger()
PART_OF_INTERVAL = 0.8  # in which an answer has to come, retries included, so that the next instant finds us free
LEAST_WITHIN_S = 1.0
VALUES_AT_ONCE = 5 * SERIES_LIMIT  # of one answer about many instants
QUESTIONS = 12  # beyond one a metric and instant, where a part of what was asked for may be answered
STRAYS = 1000  # series of nobody's in one answer that are worth a longer question
TOO_MUCH = {Reason.TOO_MANY_SERIES, Reason.TOO_LARGE, Reason.QUERY_TOO_LONG}
NOTHING = CustomTable()
Found = dict[str, tuple[Table, CustomTable]]


@dataclass(slots=True)
class Learned:
    """What chunks find out about Prometheus for those that come later. `exact`: the names of the series that are asked
    for namespace by namespace, for many namespaces have workloads of the same names; `apart`: releases that were not
    answered when others were; `hurried`: releases for which there was not enough time last."""

    wrong: WrongQueries = field(default_factory=WrongQueries)
    freshness: Freshness = field(default_factory=Freshness)
    exact: set[str] = field(default_factory=set)
    apart: set[str] = field(default_factory=set)
    hurried: set[str] = field(default_factory=set)


class Chunk:
    """One run of releases on its way; a thread of its own may run it."""

    def __init__(
        self,
        source: MetricsSource,
        releases: Sequence[Progress],
        now: float,
        settle: float,
        learned: Learned,
        *,
        checks: bool = False,
    ) -> None:
        self.releases = releases
        self._source = source
        self._learned = learned
        self._checks = checks
        # To catch up instant by instant takes longer the more were missed: who has no time for it would never be done.
        # One long tick says how much was added all the same.
        self._due = {
            each.need.release: each.need.due(now, settle)[-1 if each.need.release in learned.hurried else 0 :]
            for each in releases
        }
        self._interval = releases[0].need.interval
        series = releases[0].need.series
        self._asking = Asking(series, series.name in learned.exact)
        self._deadline = 0.0
        self._left = QUESTIONS

    def run(self) -> Chunk:
        """Asks for every instant that is due, the oldest first; those that were missed in few questions."""
        self._deadline = time.monotonic() + max(LEAST_WITHIN_S, PART_OF_INTERVAL * self._interval)
        self._custom = CustomAsking(self._learned.wrong, self._vectors, self._deadline)
        self._tracing = Tracing(self._asking, lambda promql, at: self._source.query(promql, at, within_s=self._rest()))
        try:
            self._collect()
        finally:  # both refer to this, and cycles are looked for rarely
            del self._custom, self._tracing
        return self

    def _collect(self) -> None:
        self._recall()
        for instants in self._blocks(sorted({instant for own in self._due.values() for instant in own})):
            asked = [each for each in self.releases if not each.failed and self._is_due(each, instants)]
            answers = self._ask(asked, instants)
            for at in sorted(answers):
                self._take([each for each in asked if at in self._due[each.need.release]], answers.pop(at), at)
        self._check()
        for each in self.releases:
            each.late = self._learned.freshness.problem(each.need)

    def _is_due(self, release: Progress, instants: Sequence[float]) -> bool:
        return not set(instants).isdisjoint(self._due[release.need.release])

    def _blocks(self, instants: Sequence[float]) -> Iterator[Sequence[float]]:
        """Runs of instants whose answer is not too large."""
        series = sum(each.size for each in self.releases)
        at_once = max(1, VALUES_AT_ONCE // max(1, series))
        return (instants[first : first + at_once] for first in range(0, len(instants), at_once))

    def _recall(self) -> None:
        """Asks for the baseline of every release that is not remembered at its `data_through`."""
        lost: dict[float, list[Progress]] = defaultdict(list)
        for each in self.releases:
            if each.known is None and self._due[each.need.release]:
                lost[each.through].append(each)
        for through, group in lost.items():
            earlier = self._ask(group, [through], last_known=True).get(through, {})
            still = {each.need.release: each for each in group if not each.failed}
            for release, (table, custom) in self._ask([*still.values()], [through]).get(through, {}).items():
                former, former_custom = earlier[release]
                still[release].recall(table.backed_by(former), custom.backed_by(former_custom), through)

    def _take(self, releases: Sequence[Progress], found: Found, at: float) -> None:
        shown = {
            each.need.release: Shown(each.need, each.through, each.known.table, found[each.need.release][0])
            for each in releases
            if each.known is not None and each.need.release in found
        }
        origins = self._tracing.origins(shown, at)
        for each in releases:
            if each.need.release in shown:
                each.take(*found[each.need.release], at, origins.get(each.need.release, AS_KNOWN))

    def _ask(
        self, asked: Sequence[Progress], instants: Sequence[float], *, last_known: bool = False
    ) -> dict[float, Found]:
        """What each release showed at each instant; where the queries fail, nothing, and the releases say why."""
        if not asked:
            return {}
        try:
            return self._found(asked, instants, last_known)
        except HeadgateError as problem:
            return self._divided(asked, instants, last_known, problem)

    def _divided(
        self, asked: Sequence[Progress], instants: Sequence[float], last_known: bool, problem: HeadgateError
    ) -> dict[float, Found]:
        """The same in parts, where parts may be answered though the whole was not."""
        too_much = reason_of(problem) in TOO_MUCH
        if too_much and self._narrowed():
            return self._ask(asked, instants, last_known=last_known)
        middle = len(instants) // 2
        if too_much and middle and self._may_go_on():
            return self._ask(asked, instants[:middle]) | self._ask_rest(asked, instants[middle:])
        if len(asked) > 1 and is_of_the_question(problem) and self._may_go_on():
            return self._halves(asked, instants, last_known)
        _fail(asked, problem)
        return {}

    def _ask_rest(self, asked: Sequence[Progress], instants: Sequence[float]) -> dict[float, Found]:
        return self._ask([each for each in asked if not each.failed], instants)

    def _halves(self, asked: Sequence[Progress], instants: Sequence[float], last_known: bool) -> dict[float, Found]:
        """Where neither half is answered for another reason than that it is too much, nobody is: it is not what was
        asked for."""
        middle = len(asked) // 2
        found: dict[float, Found] = {}
        failed: list[tuple[Sequence[Progress], HeadgateError]] = []
        for half in (asked[:middle], asked[middle:]):
            try:
                _join(found, self._found(half, instants, last_known))
            except HeadgateError as problem:
                failed.append((half, problem))
        hopeless = len(failed) == 2 and not any(reason_of(why) in TOO_MUCH for _, why in failed)
        for half, why in failed:
            if hopeless:
                _fail(half, why)
            else:
                _join(found, self._divided(half, instants, last_known, why))
        return found

    def _may_go_on(self) -> bool:
        self._left -= 2
        return self._left >= 0 and time.monotonic() < self._deadline

    def _narrowed(self) -> bool:
        """Whether there is a question for less that has not been tried."""
        if self._asking.exact or len({each.need.namespace for each in self.releases}) == 1:
            return False
        self._learned.exact.add(self._asking.series.name)
        self._asking = Asking(self._asking.series, exact=True)
        return True

    def _found(self, asked: Sequence[Progress], instants: Sequence[float], last_known: bool) -> dict[float, Found]:
        tables = self._tables(asked, instants, last_known)
        custom: Mapping[float, Mapping[str, CustomTable]] = {}
        if any(each.need.expressions for each in asked):
            custom = self._custom.tables(asked, instants, last_known=last_known)
        return {
            at: {release: (table, custom.get(at, {}).get(release, NOTHING)) for release, table in found.items()}
            for at, found in tables.items()
        }

    def _tables(
        self, asked: Sequence[Progress], instants: Sequence[float], last_known: bool
    ) -> dict[float, dict[str, Table]]:
        needs = [each.need for each in asked]
        with_latency = [need for need in needs if need.latency]
        decodings = {at: Decoding(self._asking.series, needs) for at in instants}
        self._decode(self._asking.requests(needs, last_known=last_known), decodings, Decoding.requests)
        if with_latency:
            self._decode(self._asking.latency(with_latency, last_known=last_known), decodings, Decoding.buckets)
        newest = decodings[instants[-1]]
        if newest.strays > max(STRAYS, newest.points // 2):
            self._narrowed()
        return {at: decoding.tables() for at, decoding in decodings.items()}

    def _decode(
        self, query: str, decodings: Mapping[float, Decoding], take: Callable[[Decoding, Sequence[Point]], None]
    ) -> None:
        """On its own, so that one answer has been let go when the next comes: they are large."""
        for at, points in self._vectors(query, [*decodings]):
            take(decodings[at], points)

    def _vectors(self, query: str, instants: Sequence[float]) -> Vectors:
        """The answer at each instant, by one question."""
        if len(instants) == 1:
            within_s = self._rest() / 2 if len(self.releases) > 1 else self._rest()
            return [(instants[0], self._source.query(query, instants[0], within_s=max(LEAST_WITHIN_S, within_s)))]
        found = self._source.query_range(query, instants[0], instants[-1], self._interval)
        by_number = {round(at / self._interval): points for at, points in found}
        return [(at, by_number.get(round(at / self._interval), [])) for at in instants]

    def _rest(self) -> float:
        return max(LEAST_WITHIN_S, self._deadline - time.monotonic())

    def _check(self) -> None:
        """Whether samples come late: of less consequence than their numbers, so nothing depends on an answer."""
        asked = [each for each in self.releases if not each.failed and each.through in self._due[each.need.release]]
        if not self._checks or not asked:
            return
        needs, at = [each.need for each in asked], max(each.through for each in asked)
        freshness = self._learned.freshness
        try:
            query = self._asking.newest(needs, freshness.past_s(needs, at))
            freshness.learn(self._asking.series, needs, self._source.query(query, at, within_s=self._rest()), at)
        except HeadgateError as problem:
            log.debug("it is not known when samples were taken", problem=str(problem))


def _fail(releases: Sequence[Progress], problem: HeadgateError) -> None:
    for each in releases:
        each.fail(problem)


def _join(found: dict[float, Found], more: Mapping[float, Found]) -> None:
    for at, releases in more.items():
        found.setdefault(at, {}).update(releases)
