"""One query a metric and instant for all releases of a mesh; each release's increments, exactly once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from delivery.errors import HeadgateError
from delivery.resources.metrics import Metric
from delivery.telemetry.chunk import Chunk, WrongQueries
from delivery.telemetry.dry_run import mistakes
from delivery.telemetry.history import histories_of, together
from delivery.telemetry.needs import Need
from delivery.telemetry.progress import Known, Progress
from delivery.telemetry.prometheus import MetricsSource
from delivery.telemetry.promql import chunks
from delivery.telemetry.samples import Reading, StableHistory

REMEMBERED_S = 3600.0  # how long the counters of a release nobody asks about are kept
AT_ONCE = 4  # chunks on their way


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
        self._wrong = WrongQueries()
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

    def dry_run(self, metrics: Sequence[Metric], now: float) -> list[str]:
        """What Prometheus refuses of these metrics' own queries, each with its field. Raises as the source does."""
        return mistakes(self._source, metrics, now)

    def _chunk(self, needs: Sequence[Need], now: float) -> Chunk:
        releases = []
        for need in needs:
            known = self._known.get(need.release)
            kept = known if known is not None and known.serves(need) else None
            releases.append(Progress(need, need.data_through, kept))
        return Chunk(self._source, releases, now, self._settle, self._wrong)

    def _forget(self, wanted: set[str], now: float) -> None:
        """Releases of a longer interval are not in every collect, so absence alone does not mean the end."""
        self._known = {
            key: known for key, known in self._known.items() if key in wanted or now - known.through < REMEMBERED_S
        }


def _as_they_come(pool: ThreadPoolExecutor, every: Sequence[Chunk]) -> Iterable[Chunk]:
    """Each chunk once it has run; one alone needs no thread."""
    if len(every) == 1:
        return [every[0].run()]
    running: list[Future[Chunk]] = [pool.submit(chunk.run) for chunk in every]
    return (done.result() for done in as_completed(running))
