"""What stable was like before its release: many releases' last hours, asked for together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from delivery.telemetry.needs import Need
from delivery.telemetry.prometheus import MetricsSource
from delivery.telemetry.ranges import samples_of, tables_over
from delivery.telemetry.samples import STABLE, StableHistory
from delivery.telemetry.tables import Table

HISTORY_S, HISTORY_TICK_S = 3600.0, 10.0
LATENCIES_S = 600.0  # as long as the judge remembers them
TOGETHER = 25  # releases: of an hour each pod's counters are 360 points
WITHIN_S = 300.0  # between the first's and the last's beginning


def together(needs: Sequence[Need]) -> Iterator[list[Need]]:
    """Needs of one mesh that began at about the same time."""
    run: list[Need] = []
    for need in sorted(needs, key=lambda need: (need.series.requests, need.data_through)):
        apart = run and (need.series != run[0].series or need.data_through - run[0].data_through > WITHIN_S)
        if apart or len(run) == TOGETHER:
            yield run
            run = []
        run.append(need)
    if run:
        yield run


def histories_of(source: MetricsSource, needs: Sequence[Need]) -> Mapping[str, StableHistory]:
    """The last hour of each stable before its release's first instant, in ticks of 10 s, and the latencies of its last
    ten minutes; without ticks where there was no traffic. Raises as the source does.
    """
    first, last = (_on_the_grid(pick(need.data_through for need in needs)) for pick in (min, max))
    counted = [replace(need, interval=HISTORY_TICK_S, latency=False) for need in needs]
    course = list(tables_over(source, counted, first - HISTORY_S, last))
    with_latency = [need for need in needs if need.latency]
    latencies = _latencies(source, with_latency, last) if with_latency else {}
    found = {}
    for need in needs:
        until = need.data_through
        own = [(at, each[need.release]) for at, each in course if until - HISTORY_S - HISTORY_TICK_S < at <= until]
        found[need.release] = replace(history_of(own, until), latency=latencies.get(need.release, ()))
    return found


def _on_the_grid(at: float) -> float:
    return math.floor(at / HISTORY_TICK_S) * HISTORY_TICK_S


def _latencies(
    source: MetricsSource, needs: Sequence[Need], last: float
) -> Mapping[str, tuple[tuple[float, float], ...]]:
    """Each stable's latency counts of the ten minutes before the first of them began."""
    until = min(_on_the_grid(min(need.data_through for need in needs)), last)
    long_tick = [replace(need, interval=LATENCIES_S) for need in needs]
    course = list(tables_over(source, long_tick, until - LATENCIES_S, until))
    found = {}
    for need in needs:
        served = samples_of([(at, each[need.release]) for at, each in course])
        found[need.release] = served[-1].stable.buckets if served else ()
    return found


def history_of(course: list[tuple[float, Table]], until: float) -> StableHistory:
    """What each stable instance added between instants; without ticks where fewer than two instants showed it."""
    seen = [(at, table) for at, table in course if table.has_stable]
    if len(seen) < 2:
        return StableHistory(np.array([until]), np.zeros((0, 0)), np.zeros((0, 0)))
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
