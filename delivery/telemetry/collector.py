"""One query a metric and instant for all releases of a mesh; each release's increments, exactly once."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial

from delivery.errors import HeadgateError
from delivery.resources.metrics import Metric
from delivery.telemetry.chunk import Chunk, Learned
from delivery.telemetry.dry_run import mistakes
from delivery.telemetry.freshness import CHECKED_EVERY_S
from delivery.telemetry.history import histories_of, together
from delivery.telemetry.lanes import Lanes, ThreadLanes
from delivery.telemetry.needs import Need
from delivery.telemetry.progress import Known, Progress
from delivery.telemetry.prometheus import MetricsSource
from delivery.telemetry.promql import chunks
from delivery.telemetry.reasons import Reason
from delivery.telemetry.samples import Reading, StableHistory

REMEMBERED_S = 3600.0  # how long the counters of a release nobody asks about are kept
HISTORIES = "histories"
Histories = Mapping[str, StableHistory | HeadgateError]


class Collector:
    """Remembers each release's counters between instants; after a restart it asks again at `data_through`.

    Scraping that stops makes a target's series stale, so they are absent, not frozen, and what they served meanwhile
    is counted when they show again. `settle` (seconds) must exceed what a scrape takes to land: one that lands later
    is counted at the next instant by this collector, but taken for counted by one that starts in between. What a
    counter added between its last scrape and its restart is in no counter and cannot be had. For one thread.
    """

    def __init__(self, source: MetricsSource, *, settle: float = 1.0, lanes: Lanes | None = None) -> None:
        self._source = source
        self._settle = settle
        self._lanes = lanes or ThreadLanes()
        self._known: dict[str, Known] = {}
        self._learned = Learned()
        self._asked: dict[Future[Chunk], Collection[str]] = {}

    def ask(self, needs: Sequence[Need], now: float) -> None:
        """Begins to ask for everything new of every need by `now`; returns at once. Those of one interval and mesh hold
        up no others, and none is to be asked about that is asked about already (`under_way`).
        """
        self._forget({need.release for need in needs}, now)
        expected = {key: known.size for key, known in self._known.items()}
        runs = list(chunks(needs, expected, exact=self._learned.exact, apart=self._learned.apart))
        checked = self._to_check(runs, now)
        for number, part in enumerate(runs):
            chunk = self._chunk(part, now, checks=number in checked)
            lane: Hashable = (part[0].series.name, part[0].interval)
            self._asked[self._lanes.submit(lane, chunk.run)] = [need.release for need in part]

    @property
    def under_way(self) -> set[str]:
        """The releases that are being asked about."""
        return {release for releases in self._asked.values() for release in releases}

    def answers(self) -> Iterator[Mapping[str, Reading]]:
        """What has come since: the readings of some releases each. An instant that could not be had whole is not
        consumed. Raises where a chunk ended by a defect; the others' answers are there the next time.
        """
        for done in [future for future in self._asked if future.done()]:
            del self._asked[done]
            yield self._taken(done.result())

    def collect(self, needs: Sequence[Need], now: float) -> Iterator[Mapping[str, Reading]]:
        """`ask`, and everything that is answered, in parts as answers come."""
        self.ask(needs, now)
        while self._asked:
            wait(self._asked, return_when=FIRST_COMPLETED)
            yield from self.answers()

    def histories(self, needs: Sequence[Need]) -> Histories:
        """Stable before each release's first instant, or why it could not be had."""
        found: dict[str, StableHistory | HeadgateError] = {}
        for part in together(needs):
            try:
                found.update(histories_of(self._source, part))
            except HeadgateError as problem:
                found.update(dict.fromkeys((need.release for need in part), problem))
        return found

    def ask_histories(self, needs: Sequence[Need]) -> list[tuple[list[Need], Future[Histories]]]:
        """The same, beside everything else: as parts that are answered by themselves."""
        # One after another: each is an hour of many pods, and takes its memory.
        return [(part, self._lanes.submit(HISTORIES, partial(self.histories, part), 1)) for part in together(needs)]

    def dry_run(self, metrics: Sequence[Metric], now: float) -> list[str]:
        """What Prometheus refuses of these metrics' own queries, each with its field. Raises as the source does."""
        return mistakes(self._source, metrics, now)

    def _chunk(self, needs: Sequence[Need], now: float, *, checks: bool) -> Chunk:
        releases = []
        for need in needs:
            known = self._known.get(need.release)
            kept = known if known is not None and known.serves(need) else None
            releases.append(Progress(need, need.data_through, kept))
        return Chunk(self._source, releases, now, self._settle, self._learned, checks=checks)

    def _taken(self, chunk: Chunk) -> Mapping[str, Reading]:
        failed = {each.need.release for each in chunk.releases if each.failed}
        answered = {each.need.release for each in chunk.releases} - failed
        self._learned.hurried -= answered
        self._learned.hurried |= {each.need.release for each in chunk.releases if each.reason is Reason.SLOW}
        self._learned.apart -= answered
        if answered:  # else it is not what was asked for
            self._learned.apart |= failed
        for each in chunk.releases:
            if each.known is not None:
                self._known[each.need.release] = each.known
        return {each.need.release: each.reading() for each in chunk.releases}

    def _to_check(self, runs: Sequence[Sequence[Need]], now: float) -> set[int]:
        """Whose samples' times are looked at: some runs at each look, so that each has its turn within a minute."""
        due = [number for number, run in enumerate(runs) if self._learned.freshness.due(run, now)]
        looks = max(1.0, CHECKED_EVERY_S / min((run[0].interval for run in runs), default=CHECKED_EVERY_S))
        return set(due[: math.ceil(len(runs) / looks)])

    def _forget(self, wanted: set[str], now: float) -> None:
        """Releases of a longer interval are not in every collect, so absence alone does not mean the end."""
        wanted = wanted | self.under_way
        gone = {key for key, known in self._known.items() if key not in wanted and now - known.through >= REMEMBERED_S}
        if gone:
            self._known = {key: known for key, known in self._known.items() if key not in gone}
            self._learned.freshness.forget(gone)
            self._learned.apart -= gone
            self._learned.hurried -= gone
