"""A proxy brings its histograms up to date later than its counters: latencies come late, and each comes once."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from delivery.telemetry.collector import Collector
from delivery.telemetry.memory import Counter, MemoryPrometheus
from delivery.telemetry.samples import ArmIncrement
from tests.telemetry.collected import collected
from tests.telemetry.istio_counters import bucket, need, requests

BOUNDS = ("10", "100", "+Inf")
BEGIN, INTERVAL = 100.0, 10.0
SERVED = st.lists(st.integers(0, 50), min_size=3, max_size=12)
LAGS = st.lists(st.integers(0, 2), min_size=12, max_size=12)


def shown(counted: int, flushed: int) -> dict[Counter, float]:
    """A canary's proxy after `counted` requests, of which the histogram knows `flushed`; a half took up to 10 ms."""
    at_or_below = {"10": flushed // 2, "100": flushed, "+Inf": flushed}
    buckets = {bucket("web-canary", le): float(at_or_below[le]) for le in BOUNDS}
    return {requests("web-canary"): float(counted), **buckets}


def counts(served: list[int], lags: list[int]) -> tuple[int, dict[str, float], int]:
    """Requests and latencies as the collector counts them tick by tick, and how many the histogram had shown."""
    source, asked = MemoryPrometheus(), replace(need(BEGIN, latency=True), interval=INTERVAL)
    totals = [sum(served[: number + 1]) for number in range(len(served))]
    flushed, through, counted, buckets = 0, BEGIN, 0.0, dict.fromkeys(BOUNDS, 0.0)
    source.scrape(BEGIN - 1, "stable", {requests("web"): 1.0, bucket("web", "+Inf"): 1.0})
    collector = Collector(source, settle=1)
    for number, total in enumerate(totals):
        at = BEGIN + INTERVAL * (number + 1)
        flushed = max(flushed, totals[number - lags[number]] if number >= lags[number] else 0)
        source.scrape(at - 1, "canary", shown(total, flushed))
        source.scrape(at - 1, "stable", {requests("web"): 1.0, bucket("web", "+Inf"): 1.0})
        reading = collected(collector, [replace(asked, data_through=through)], at + 1)["shop/web"]
        through = reading.data_through
        for sample in reading.samples:
            counted += sample.canary.requests
            for le, count in named(sample.canary).items():
                buckets[le] += count
    return int(counted), buckets, flushed


def named(arm: ArmIncrement) -> dict[str, float]:
    return {"+Inf" if le == float("inf") else f"{le:g}": count for le, count in arm.buckets}


@given(SERVED, LAGS)
def test_every_latency_is_counted_once_whenever_the_proxy_shows_it(served: list[int], lags: list[int]) -> None:
    counted, buckets, flushed = counts(served, lags)
    assert counted == sum(served)
    assert buckets == {"10": flushed // 2, "100": flushed, "+Inf": flushed}


def test_what_is_late_is_not_lost() -> None:
    counted, buckets, _ = counts([10, 10, 10, 0], [1, 1, 1, 0] + [0] * 8)
    assert (counted, buckets["+Inf"]) == (30, 30)
