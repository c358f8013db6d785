"""What counters showed over a range of instants, and what was added between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from delivery.telemetry.needs import Need
from delivery.telemetry.prometheus import MetricsSource
from delivery.telemetry.promql import latency_query, requests_query
from delivery.telemetry.samples import Sample
from delivery.telemetry.tables import Table, tables

INSTANTS_AT_ONCE = 1000  # Prometheus answers up to 11,000, but a hundred pods make each one large


def tables_over(
    source: MetricsSource, needs: Sequence[Need], start: float, end: float
) -> Iterator[tuple[float, Mapping[str, Table]]]:
    """The cumulative counters of needs of one mesh and interval, by release, at every interval from `start` to `end`.
    Those whose target just missed a scrape at `start` are known as they were before: what they show later is no birth.
    Raises as the source does.
    """
    earlier: Mapping[str, Table] | None = _last_known(source, needs, start)
    series, interval, first = needs[0].series, needs[0].interval, start
    latency = [need for need in needs if need.latency]
    while first <= end:
        last = min(end, first + interval * (INSTANTS_AT_ONCE - 1))
        requests = source.query_range(requests_query(series, needs), first, last, interval)
        buckets = source.query_range(latency_query(series, latency), first, last, interval) if latency else []
        for number, (at, points) in enumerate(requests):
            found = tables(series, needs, points, buckets[number][1] if buckets else [])
            if earlier is not None:
                found = {release: table.backed_by(earlier[release]) for release, table in found.items()}
            yield at, found
            earlier = None
        first += interval * INSTANTS_AT_ONCE


def _last_known(source: MetricsSource, needs: Sequence[Need], at: float) -> dict[str, Table]:
    series, latency = needs[0].series, [need for need in needs if need.latency]
    requests = source.query(requests_query(series, needs, last_known=True), at)
    buckets = source.query(latency_query(series, latency, last_known=True), at) if latency else []
    return tables(series, needs, requests, buckets)


def samples_of(course: Sequence[tuple[float, Table]]) -> list[Sample]:
    """Exact increments between instants. Of the counters of the first instant only the growth counts; an instant at
    which stable is not seen is passed over, and a later tick covers it.
    """
    seen = [(at, table) for at, table in course if table.has_stable]
    samples, known = [], seen[0][1] if seen else Table()
    for (since, _), (until, table) in pairwise(seen):
        samples.append(Sample(since, until, *known.added(table)))
        known = known.followed_by(table)
    return samples
