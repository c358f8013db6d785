"""Samples that land after they were asked for: told by name, at a small question a minute."""

from __future__ import annotations

from dataclasses import replace

from delivery.errors import InvalidSpec
from delivery.telemetry.collector import Collector
from delivery.telemetry.memory import MemoryPrometheus
from delivery.telemetry.prometheus import Point
from delivery.telemetry.reasons import Reason
from delivery.telemetry.samples import Reading
from tests.telemetry.collected import collected
from tests.telemetry.istio_counters import need, requests


class Behind(MemoryPrometheus):
    """Knows of a sample only `lag` seconds after its time. `now` is the time at which it is asked."""

    lag = 0.0
    now = 0.0

    def _shown(self, at: float, window: float | None):  # type: ignore[no-untyped-def]
        return super()._shown(min(at, self.now - self.lag), window)


def looked_at(lag: float, looks: int) -> tuple[Behind, list[Reading]]:
    source = Behind()
    source.lag = lag
    for at in range(0, 1000, 2):
        source.scrape(at, "s", {requests("web"): 10.0 * at})
        source.scrape(at, "c", {requests("web-canary"): float(at)})
    collector, through, found = Collector(source, settle=1), 300.0, []
    for look in range(looks):
        source.now = 311.0 + 10 * look
        reading = collected(collector, [replace(need(through), canary_counted=look > 0)], source.now)["shop/web"]
        through = reading.data_through
        found.append(reading)
    return source, found


def timed(source: Behind) -> list[float]:
    return [at for promql, at in source.asked if "timestamp(" in promql]


def test_samples_that_come_late_are_told_of_and_counted_all_the_same() -> None:
    _, readings = looked_at(20.0, 15)
    assert [reading.reason for reading in readings[:12]] == [None] * 12
    assert readings[-1].reason is Reason.OLD_SAMPLES
    told = readings[-1].problem or ""
    assert "samples of web in namespace shop come late, the last of them 20 s: raise --settle" in told
    assert readings[-1].data_through == 450
    assert sum(sample.canary.requests for reading in readings for sample in reading.samples) == 140  # what has landed


def test_samples_in_time_are_not() -> None:
    source, readings = looked_at(0.5, 15)
    assert {reading.reason for reading in readings} == {None}
    assert timed(source) == [310, 370, 430]


def test_a_single_scrape_that_took_long_is_no_pipeline_that_is_behind() -> None:
    source = Behind()
    for at in range(0, 1000, 10):
        source.scrape(at - 1, "s", {requests("web"): 10.0 * at})
    collector, through = Collector(source, settle=1), 300.0
    for look in range(20):
        source.now, source.lag = 311.0 + 10 * look, 5.0 if look == 0 else 0.0
        reading = collected(collector, [need(through)], source.now)["shop/web"]
        through = reading.data_through
        assert reading.reason is None


def test_how_old_samples_are_is_asked_of_no_answer_that_matters() -> None:
    class Untimed(MemoryPrometheus):
        def query(self, promql: str, at: float, *, within_s: float | None = None) -> list[Point]:
            self.check()
            if "timestamp(" in promql:
                raise InvalidSpec("unknown function timestamp")
            return super().query(promql, at)

    source = Untimed()
    for at in (99, 109):
        source.scrape(at, "s", {requests("web"): at})
    reading = collected(Collector(source, settle=1), [need(100)], 111)["shop/web"]
    assert (len(reading.samples), reading.problem) == (1, None)
