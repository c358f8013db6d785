"""Releases of one mesh and one interval, asked about together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from delivery.errors import HeadgateError, InvalidSpec
from delivery.telemetry.custom import CustomTable, decoded
from delivery.telemetry.expressions import Expression, batches, common_query
from delivery.telemetry.progress import Progress
from delivery.telemetry.prometheus import MetricsSource, Point
from delivery.telemetry.promql import latency_query, requests_query
from delivery.telemetry.tables import Table, tables

PART_OF_INTERVAL = 0.8  # in which an answer has to come, retries included, so that the next instant finds us free
LEAST_WITHIN_S = 1.0
ASKED_AGAIN_S = 60.0
NOTHING = CustomTable()
Shown = tuple[Progress, Table, CustomTable]


@dataclass(slots=True)
class WrongQueries:
    """Queries that Prometheus refused, and why: they would spoil every common query they are part of."""

    _told: dict[str, tuple[float, str]] = field(default_factory=dict)

    def refused(self, promql: str, why: str, at: float) -> None:
        self._told = {known: told for known, told in self._told.items() if at - told[0] < ASKED_AGAIN_S}
        self._told[promql] = (at, why)

    def why(self, promql: str, at: float) -> str | None:
        """What was said of it lately; None once it is worth asking again."""
        since, why = self._told.get(promql, (0.0, ""))
        return why if why and at - since < ASKED_AGAIN_S else None


class Chunk:
    """One run of releases on its way; a thread of its own may run it."""

    def __init__(
        self, source: MetricsSource, releases: Sequence[Progress], now: float, settle: float, wrong: WrongQueries
    ) -> None:
        self.releases = releases
        self._source = source
        self._wrong = wrong
        self._due = {each.need.release: each.need.due(now, settle) for each in releases}
        self._series = releases[0].need.series
        self._within_s = max(LEAST_WITHIN_S, PART_OF_INTERVAL * releases[0].need.interval)

    def run(self) -> Chunk:
        """Asks for every instant that is due, the oldest first."""
        self._recall()
        for instant in sorted({instant for instants in self._due.values() for instant in instants}):
            asked = [each for each in self.releases if instant in self._due[each.need.release] and not each.failed]
            for each, table, custom in self._ask(asked, instant):
                each.take(table, custom, instant)
        return self

    def _recall(self) -> None:
        """Asks for the baseline of every release that is not remembered at its `data_through`."""
        lost: dict[float, list[Progress]] = defaultdict(list)
        for each in self.releases:
            if each.known is None and self._due[each.need.release]:
                lost[each.through].append(each)
        for through, group in lost.items():
            earlier = {
                each.need.release: (table, custom) for each, table, custom in self._ask(group, through, last_known=True)
            }
            for each, table, custom in self._ask([one for one in group if not one.failed], through):
                former, former_custom = earlier[each.need.release]
                each.recall(table.backed_by(former), custom.backed_by(former_custom), through)

    def _ask(self, asked: Sequence[Progress], at: float, *, last_known: bool = False) -> list[Shown]:
        """Each release with what it showed; where the queries fail, none, and the releases say why."""
        if not asked:
            return []
        try:
            found = self._tables(asked, at, last_known)
            custom = self._custom(asked, at, last_known)
        except HeadgateError as problem:
            for each in asked:
                each.fail(problem)
            return []
        return [(each, found[each.need.release], custom.get(each.need.release, NOTHING)) for each in asked]

    def _tables(self, asked: Sequence[Progress], at: float, last_known: bool) -> dict[str, Table]:
        needs = [each.need for each in asked]
        with_latency = [need for need in needs if need.latency]
        requests = self._points(requests_query(self._series, needs, last_known=last_known), at)
        latency = latency_query(self._series, with_latency, last_known=last_known)
        return tables(self._series, needs, requests, self._points(latency, at) if with_latency else ())

    def _points(self, query: str, at: float) -> Iterator[Point]:
        """Asked for when they are read, so that one answer has been let go when the next comes: they are large."""
        yield from self._source.query(query, at, within_s=self._within_s)

    def _custom(self, asked: Sequence[Progress], at: float, last_known: bool) -> Mapping[str, CustomTable]:
        """What the policies' own queries showed. One that is at fault costs its metric, not the release."""
        owners: dict[str, tuple[str, Expression]] = {}
        numbered: list[tuple[int, Expression]] = []
        for each in asked:
            for expression in each.need.expressions:
                why = self._wrong.why(expression.promql, at)
                if why is not None:
                    each.wrong[expression.metric] = why
                    continue
                owners[str(len(numbered))] = (each.need.release, expression)
                numbered.append((len(numbered), expression))
        found = decoded(
            (point for batch in batches(numbered) for point in self._answers(batch, at, last_known)), owners
        )
        by_release = {each.need.release: each for each in asked}
        for release, expression in owners.values():
            why = self._wrong.why(expression.promql, at)
            if why is not None:
                by_release[release].wrong[expression.metric] = why
        return found

    def _answers(self, batch: Sequence[tuple[int, Expression]], at: float, last_known: bool) -> Iterable[Point]:
        """The batch's points. Where Prometheus refuses it, by halves until the one that is at fault stands alone."""
        query = common_query(batch, last_known=last_known)
        try:
            return self._source.query(query, at, within_s=self._within_s)
        except InvalidSpec as problem:
            if len(batch) == 1:
                self._wrong.refused(batch[0][1].promql, str(problem), at)
                return []
        middle = len(batch) // 2
        halves = batch[:middle], batch[middle:]
        return [point for half in halves for point in self._answers(half, at, last_known)]
