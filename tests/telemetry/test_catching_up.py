"""After an outage: what was missed is asked for at once, instant by instant in the answer, and counted once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from delivery.telemetry import chunk
from delivery.telemetry.collector import Collector
from delivery.telemetry.memory import MemoryPrometheus
from delivery.telemetry.reasons import MetricsUnavailable, Reason
from tests.telemetry.collected import collected
from tests.telemetry.istio_counters import bucket, need, requests


def shop() -> MemoryPrometheus:
    source = MemoryPrometheus()
    for at in range(99, 600, 10):
        shown = {requests("web"): 3.0 * at, bucket("web", "+Inf"): 3.0 * at}
        source.scrape(at, "s", shown)
        source.scrape(at, "c", {requests("web-canary"): at, bucket("web-canary", "+Inf"): at})
    return source


def test_twelve_missed_instants_take_a_query_a_metric() -> None:
    source = shop()
    collector = Collector(source, settle=1)
    collected(collector, [need(100, latency=True)], 111)
    asked = len(source.asked)
    reading = collected(collector, [need(110, latency=True)], 231)["shop/web"]
    assert [sample.end for sample in reading.samples] == [*range(120, 240, 10)]
    assert [(sample.stable.requests, sample.canary.requests) for sample in reading.samples] == [(30, 10)] * 12
    assert {sample.canary.buckets[-1][1] for sample in reading.samples} == {10}
    metrics = [promql for promql, _ in source.asked[asked:] if promql.startswith("sum")]
    assert len(metrics) == 2


def test_what_is_born_and_dies_during_the_outage_is_counted() -> None:
    source = shop()
    source.scrape(149, "c:2", {requests("web-canary"): 4, requests("web-canary", "503"): 2})
    source.scrape(159, "c:2", {})
    collector = Collector(source, settle=1)
    collected(collector, [need(100)], 111)
    samples = collected(collector, [need(110)], 231)["shop/web"].samples
    assert sum(sample.canary.requests for sample in samples) == 12 * 10 + 6
    assert sum(sample.canary.errors for sample in samples) == 2


def test_a_new_controller_catches_up_alike() -> None:
    source = shop()
    kept = Collector(source, settle=1)
    collected(kept, [need(100)], 111)
    wanted = replace(need(110), canary_counted=True)
    known, fresh = (collected(each, [wanted], 231)["shop/web"].samples for each in (kept, Collector(source, settle=1)))
    assert known == fresh


def test_an_answer_that_would_be_too_large_is_asked_for_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk, "VALUES_AT_ONCE", 8)  # of two series
    source = shop()
    collector = Collector(source, settle=1)
    collected(collector, [need(100)], 111)
    asked = len(source.asked)
    reading = collected(collector, [need(110)], 231)["shop/web"]
    assert sum(sample.canary.requests for sample in reading.samples) == 120
    assert len([promql for promql, _ in source.asked[asked:] if promql.startswith("sum")]) == 3


class OneAtATime(MemoryPrometheus):
    """Whose ranges are all too large."""

    def query_range(self, promql: str, start: float, end: float, step: float) -> list:  # type: ignore[type-arg]
        if end - start > 2 * step:
            raise MetricsUnavailable(Reason.TOO_LARGE, "more than maxBytes")
        return super().query_range(promql, start, end, step)


def test_a_range_that_is_refused_is_halved() -> None:
    source = OneAtATime()
    for at in range(99, 300, 10):
        source.scrape(at, "s", {requests("web"): at})
    collector = Collector(source, settle=1)
    collected(collector, [need(100)], 111)
    samples = collected(collector, [need(110)], 231)["shop/web"].samples
    assert [sample.stable.requests for sample in samples] == [10] * 12
