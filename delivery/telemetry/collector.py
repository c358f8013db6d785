"""One query a metric and instant for all releases of a mesh; each release's increments, exactly once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from delivery.errors import HeadgateError
from delivery.telemetry.needs import Need
from delivery.telemetry.prometheus import MetricsSource, Point
from delivery.telemetry.promql import chunks, latency_query, requests_query
from delivery.telemetry.ranges import recent_history
from delivery.telemetry.samples import SAME_INSTANT_S, Reading, Sample, StableHistory
from delivery.telemetry.tables import Table, tables

REMEMBERED_S = 3600.0  # how long the counters of a release nobody asks about are kept


@dataclass(slots=True)
class _Memory:
    """The last value ever seen of each of a release's counters, those of vanished instances included."""

    through: float
    known: Table
    latency: bool

    def serves(self, need: Need) -> bool:
        return abs(self.through - need.data_through) <= SAME_INSTANT_S and self.latency == need.latency


@dataclass(slots=True)
class _Progress:
    """One release's way through a collect."""

    need: Need
    through: float
    samples: list[Sample] = field(default_factory=list)
    problem: str | None = None
    failed: bool = False
    queries: tuple[str, ...] = ()

    def reading(self) -> Reading:
        return Reading(tuple(self.samples), self.through, self.problem, self.queries)


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
        self._memory: dict[str, _Memory] = {}

    def collect(self, needs: Sequence[Need], now: float) -> dict[str, Reading]:
        """Everything new of every need by `now`. An instant that could not be had whole is not consumed."""
        wanted = {need.release: _Progress(need, need.data_through) for need in needs}
        self._forget(wanted, now)
        due = {need.release: need.due(now, self._settle) for need in needs}
        self._recall([progress for key, progress in wanted.items() if due[key]])
        for instant in sorted({instant for instants in due.values() for instant in instants}):
            asked = [p for key, p in wanted.items() if instant in due[key] and not p.failed]
            self._advance(asked, instant)
        return {key: progress.reading() for key, progress in wanted.items()}

    def history(self, need: Need) -> StableHistory:
        """Stable before the release's first instant. Raises as the source does."""
        return recent_history(self._source, need.series, need)

    def _forget(self, wanted: Mapping[str, _Progress], now: float) -> None:
        """Releases of a longer interval are not in every collect, so absence alone does not mean the end."""
        self._memory = {
            key: kept for key, kept in self._memory.items() if key in wanted or now - kept.through < REMEMBERED_S
        }

    def _recall(self, wanted: Sequence[_Progress]) -> None:
        """Asks for the baseline of every release that is not remembered at its `data_through`."""
        lost: dict[float, list[_Progress]] = defaultdict(list)
        for progress in wanted:
            memory = self._memory.get(progress.need.release)
            if memory is None or not memory.serves(progress.need):
                lost[progress.through].append(progress)
        for through, group in lost.items():
            earlier: dict[str, Table] = {}
            for _, found in self._ask(group, through, last_known=True):
                earlier.update(found)
            for run, found in self._ask([p for p in group if not p.failed], through):
                for progress in run:
                    key = progress.need.release
                    known = found[key].backed_by(earlier[key])
                    self._memory[key] = _Memory(through, known, progress.need.latency)

    def _advance(self, wanted: Sequence[_Progress], instant: float) -> None:
        for run, found in self._ask(wanted, instant):
            for progress in run:
                self._take(progress, found[progress.need.release], instant)

    def _take(self, progress: _Progress, current: Table, instant: float) -> None:
        need, known = progress.need, self._memory[progress.need.release].known
        if not current.has_stable:  # a canary has nothing to be compared with; a later tick covers this one
            progress.problem = self._absence(need, current)
            return
        if not known.has_stable:
            # Stable is older than its release: what it shows first is its past, not what this tick added.
            known = known.with_stable_of(current)
        stable, canary = known.added(current)
        restarted, shadow = known.restarted(current), known.shadow_added(current)
        progress.samples.append(Sample(progress.through, instant, stable, canary, restarted, shadow))
        progress.through, progress.problem = instant, None
        self._memory[progress.need.release] = _Memory(instant, known.followed_by(current), need.latency)

    def _absence(self, need: Need, current: Table) -> str:
        series = need.series
        both = f"{need.stable_workload}|{need.canary_workload}"
        workload = f'{series.workload}=~"{both}"' if current.empty else f'{series.workload}="{need.stable_workload}"'
        selector = f'{series.requests}{{{series.namespace}="{need.namespace}", {workload}}}'
        return f"Prometheus answered, but no series matched {selector}: is the workload in the mesh and scraped?"

    def _ask(
        self, wanted: Sequence[_Progress], at: float, *, last_known: bool = False
    ) -> list[tuple[list[_Progress], dict[str, Table]]]:
        """Runs of releases with their tables; a run whose query failed is left out and its releases say why."""
        by_release = {progress.need.release: progress for progress in wanted}
        answered = []
        for needs in chunks([progress.need for progress in wanted]):
            run = [by_release[need.release] for need in needs]
            try:
                found = self._tables(run, needs, at, last_known)
            except HeadgateError as problem:
                for progress in run:
                    progress.problem, progress.failed = str(problem), True
                continue
            answered.append((run, found))
        return answered

    def _tables(self, run: Sequence[_Progress], needs: Sequence[Need], at: float, last_known: bool) -> dict[str, Table]:
        with_latency = [need for need in needs if need.latency]
        series = needs[0].series  # a run has one
        queries = [requests_query(series, needs, last_known=last_known)]
        if with_latency:
            queries.append(latency_query(series, with_latency, last_known=last_known))
        for progress in run:
            progress.queries = tuple(queries)
        answers: list[list[Point]] = [self._source.query(query, at) for query in queries]
        return tables(series, needs, answers[0], answers[1] if with_latency else [])
