"""One query a metric and instant for all releases of a mesh; each release's increments, exactly once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from delivery.errors import HeadgateError
from delivery.telemetry.history import histories_of, together
from delivery.telemetry.needs import Need
from delivery.telemetry.progress import Known, Progress
from delivery.telemetry.prometheus import MetricsSource, Point
from delivery.telemetry.promql import chunks, latency_query, requests_query
from delivery.telemetry.samples import Reading, StableHistory
from delivery.telemetry.tables import Table, tables

REMEMBERED_S = 3600.0  # how long the counters of a release nobody asks about are kept
AT_ONCE = 4  # chunks on their way
PART_OF_INTERVAL = 0.8  # in which an answer has to come, retries included, so that the next instant finds us free
LEAST_WITHIN_S = 1.0


class Collector:
    """Remembers each release's counters between instants; after a restart it asks again at `data_through`.

    Scraping that stops makes a target's series stale, so they are absent, not frozen, and what they served meanwhile
    is counted when they show again. `settle` (seconds) must exceed what a scrape takes to land: one that lands later
    is counted at the next instant by this collector, but taken for counted by one that starts in between. What a
    counter added between its last scrape and its restart is in no counter and cannot be had.
    """

    def __init__(self, source: MetricsSource, *, settle: float = 1.0) -> None:
        self._source = source
        self._settle = settle
        self._known: dict[str, Known] = {}
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="collector")

    def collect(self, needs: Sequence[Need], now: float) -> Iterator[Mapping[str, Reading]]:
        """Everything new of every need by `now`, in parts as answers come: one that is slow or fails holds up only the
        releases it is about. An instant that could not be had whole is not consumed.
        """
        self._forget({need.release for need in needs}, now)
        expected = {key: known.table.size for key, known in self._known.items()}
        for chunk in _as_they_come(self._pool, [self._chunk(part, now) for part in chunks(needs, expected)]):
            for each in chunk.releases:
                if each.known is not None:
                    self._known[each.need.release] = each.known
            yield {each.need.release: each.reading() for each in chunk.releases}

    def histories(self, needs: Sequence[Need]) -> Mapping[str, StableHistory | HeadgateError]:
        """Stable before each release's first instant, or why it could not be had."""
        found: dict[str, StableHistory | HeadgateError] = {}
        for part in together(needs):
            try:
                found.update(histories_of(self._source, part))
            except HeadgateError as problem:
                found.update(dict.fromkeys((need.release for need in part), problem))
        return found

    def _chunk(self, needs: Sequence[Need], now: float) -> _Chunk:
        releases = []
        for need in needs:
            known = self._known.get(need.release)
            kept = known if known is not None and known.serves(need) else None
            releases.append(Progress(need, need.data_through, kept))
        return _Chunk(self._source, releases, now, self._settle)

    def _forget(self, wanted: set[str], now: float) -> None:
        """Releases of a longer interval are not in every collect, so absence alone does not mean the end."""
        self._known = {
            key: known for key, known in self._known.items() if key in wanted or now - known.through < REMEMBERED_S
        }


class _Chunk:
    """Releases of one mesh and one interval, asked about together."""

    def __init__(self, source: MetricsSource, releases: Sequence[Progress], now: float, settle: float) -> None:
        self.releases = releases
        self._source = source
        self._due = {each.need.release: each.need.due(now, settle) for each in releases}
        self._series = releases[0].need.series
        self._within_s = max(LEAST_WITHIN_S, PART_OF_INTERVAL * releases[0].need.interval)

    def run(self) -> _Chunk:
        """Asks for every instant that is due, the oldest first."""
        self._recall()
        for instant in sorted({instant for instants in self._due.values() for instant in instants}):
            asked = [each for each in self.releases if instant in self._due[each.need.release] and not each.failed]
            for each, table in self._ask(asked, instant):
                each.take(table, instant)
        return self

    def _recall(self) -> None:
        """Asks for the baseline of every release that is not remembered at its `data_through`."""
        lost: dict[float, list[Progress]] = defaultdict(list)
        for each in self.releases:
            if each.known is None and self._due[each.need.release]:
                lost[each.through].append(each)
        for through, group in lost.items():
            earlier = {each.need.release: table for each, table in self._ask(group, through, last_known=True)}
            for each, table in self._ask([one for one in group if not one.failed], through):
                known = table.backed_by(earlier[each.need.release])
                each.known = Known(through, known, each.need.latency)

    def _ask(self, asked: Sequence[Progress], at: float, *, last_known: bool = False) -> list[tuple[Progress, Table]]:
        """Each release with its table; where the queries fail, none, and the releases say why."""
        if not asked:
            return []
        try:
            found = self._tables(asked, at, last_known)
        except HeadgateError as problem:
            for each in asked:
                each.fail(problem)
            return []
        return [(each, found[each.need.release]) for each in asked]

    def _tables(self, asked: Sequence[Progress], at: float, last_known: bool) -> dict[str, Table]:
        needs = [each.need for each in asked]
        with_latency = [need for need in needs if need.latency]
        queries = [requests_query(self._series, needs, last_known=last_known)]
        if with_latency:
            queries.append(latency_query(self._series, with_latency, last_known=last_known))
        answers: list[list[Point]] = [self._source.query(query, at, within_s=self._within_s) for query in queries]
        return tables(self._series, needs, answers[0], answers[1] if with_latency else [])


def _as_they_come(pool: ThreadPoolExecutor, every: Sequence[_Chunk]) -> Iterable[_Chunk]:
    """Each chunk once it has run; one alone needs no thread."""
    if len(every) == 1:
        return [every[0].run()]
    running: list[Future[_Chunk]] = [pool.submit(chunk.run) for chunk in every]
    return (done.result() for done in as_completed(running))
