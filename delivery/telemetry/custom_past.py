"""What a policy's own counters showed before anything of them was remembered: their past adds nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from delivery.telemetry.custom import CustomTable, SeriesKey
from delivery.telemetry.samples import CANARY, STABLE

RESTARTED_BELOW = 0.5  # of what it was: a sum that fell by less has lost a part, and no process begins there


def corrected(
    known: CustomTable, current: CustomTable, *, canary_counted: bool, past_hosts: Collection[str]
) -> CustomTable:
    """What is known, so that `current` adds to it exactly what is new. `past_hosts` are those whose proxies are no
    births. Where it cannot be told whether something is new, it is taken not to be.
    """
    told = dict(_past(known, current, canary_counted, past_hosts))
    told.update(_held(known, current))
    return CustomTable({**known.counters, **told}, known.gauges) if told else known


def host_of(name: str) -> str:
    """Of an instance: two ports of a pod are of one process."""
    return name.rpartition(":")[0] or name


def untied(table: CustomTable) -> set[str]:
    """The metrics with a counter that no label ties to one process. When one of many in a sum is not scraped, the sum
    falls, and rises again: no growth could be told from that."""
    return {key[2][0] for key in table.counters if not _process(key)}


def without(table: CustomTable, metrics: Collection[str]) -> CustomTable:
    """The table where nothing is counted of these metrics."""
    if not metrics:
        return table
    return CustomTable({key: value for key, value in table.counters.items() if key[2][0] not in metrics}, table.gauges)


def _past(
    known: CustomTable, current: CustomTable, canary_counted: bool, past_hosts: Collection[str]
) -> Iterable[tuple[SeriesKey, float]]:
    if current.counters.keys() <= known.counters.keys():
        return
    arms = {_arm(key) for key in known.counters}
    processes = {(_process(key), *_arm(key)) for key in known.counters}
    for key, value in current.counters.items():
        process, arm = _process(key), _arm(key)
        if (process, *arm) in processes or not (key[1] == STABLE or (key[1] == CANARY and canary_counted)):
            continue
        if arm not in arms or host_of(process) in past_hosts:
            yield key, value


def _held(known: CustomTable, current: CustomTable) -> Iterable[tuple[SeriesKey, float]]:
    fallen = {key: value for key, value in current.counters.items() if value < known.counters.get(key, 0.0)}
    restarted = {
        (_process(key), *_arm(key)) for key, value in fallen.items() if value < RESTARTED_BELOW * known.counters[key]
    }
    return [(key, value) for key, value in fallen.items() if (_process(key), *_arm(key)) not in restarted]


def _process(key: SeriesKey) -> str:
    return key[0].partition("\n")[0]


def _arm(key: SeriesKey) -> tuple[str, str]:
    """Whose, of which metric."""
    return key[1], key[2][0]
