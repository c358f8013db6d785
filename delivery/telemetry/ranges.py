"""What counters showed over a range of instants, and what was added between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from delivery.telemetry.needs import Need
from delivery.telemetry.prometheus import MetricsSource
from delivery.telemetry.promql import latency_query, requests_query
from delivery.telemetry.samples import Sample, StableHistory
from delivery.telemetry.tables import STABLE, Table, tables
from mesh_adapters.adapter import Series

INSTANTS_AT_ONCE = 1000  # Prometheus answers up to 11,000, but a hundred pods make each one large
HISTORY_S, HISTORY_TICK_S = 3600.0, 10.0
LATENCIES_S = 600.0  # as long as the judge remembers them


def tables_over(
    source: MetricsSource, series: Series, need: Need, start: float, end: float
) -> Iterator[tuple[float, Table]]:
    """The need's cumulative counters at every `need.interval` from `start` to `end`. Those whose target just missed a
    scrape at `start` are known as they were before: what they show later is no birth. Raises as the source does.
    """
    earlier: Table | None = _last_known(source, series, need, start)
    first = start
    while first <= end:
        last = min(end, first + need.interval * (INSTANTS_AT_ONCE - 1))
        requests = source.query_range(requests_query(series, [need]), first, last, need.interval)
        buckets = source.query_range(latency_query(series, [need]), first, last, need.interval) if need.latency else []
        for number, (at, points) in enumerate(requests):
            latency = buckets[number][1] if buckets else []
            found = tables(series, [need], points, latency)[need.release]
            yield at, found if earlier is None else found.backed_by(earlier)
            earlier = None
        first += need.interval * INSTANTS_AT_ONCE


def _last_known(source: MetricsSource, series: Series, need: Need, at: float) -> Table:
    requests = source.query(requests_query(series, [need], last_known=True), at)
    buckets = source.query(latency_query(series, [need], last_known=True), at) if need.latency else []
    return tables(series, [need], requests, buckets)[need.release]


def samples_of(course: list[tuple[float, Table]]) -> list[Sample]:
    """Exact increments between instants. Of the counters of the first instant only the growth counts; an instant at
    which stable is not seen is passed over, and a later tick covers it.
    """
    seen = [(at, table) for at, table in course if table.has_stable]
    samples, known = [], seen[0][1] if seen else Table()
    for (since, _), (until, table) in pairwise(seen):
        samples.append(Sample(since, until, *known.added(table)))
        known = known.followed_by(table)
    return samples


def history_of(course: list[tuple[float, Table]]) -> StableHistory | None:
    """What each stable instance added between instants; None where fewer than two showed it."""
    seen = [(at, table) for at, table in course if table.has_stable]
    if len(seen) < 2:
        return None
    known, added = seen[0][1], []
    for _, table in seen[1:]:
        added.append(known.added_by_instance(table, STABLE))
        known = known.followed_by(table)
    place = {name: number for number, name in enumerate(sorted({name for tick in added for name in tick}))}
    requests, errors = (np.zeros((len(added), len(place))) for _ in range(2))
    for row, tick in enumerate(added):
        for name, counts in tick.items():
            requests[row, place[name]], errors[row, place[name]] = counts
    return StableHistory(np.array([at for at, _ in seen]), requests, errors)


def recent_history(source: MetricsSource, series: Series, need: Need) -> StableHistory:
    """The last hour of stable before the release's first instant, in ticks of 10 s, and the latencies of its last ten
    minutes; without ticks where there was no traffic. Raises as the source does.
    """
    until = need.data_through
    by_instance = replace(need, interval=HISTORY_TICK_S, latency=False)
    found = history_of(list(tables_over(source, series, by_instance, until - HISTORY_S, until)))
    if found is None:
        return StableHistory(np.array([until]), np.zeros((0, 0)), np.zeros((0, 0)))
    if not need.latency:
        return found
    long_tick = replace(need, interval=LATENCIES_S)
    served = samples_of(list(tables_over(source, series, long_tick, until - LATENCIES_S, until)))
    return replace(found, latency=served[-1].stable.buckets) if served else found
