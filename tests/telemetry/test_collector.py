"""What a collect counts: births, restarts, gaps, outages, and when it must not count at all."""

import gc
import math
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from delivery.telemetry.chunk import Chunk
from delivery.telemetry.collector import Collector
from delivery.telemetry.lanes import InlineLanes
from delivery.telemetry.limits import QUERY_LIMIT
from delivery.telemetry.memory import MemoryPrometheus
from delivery.telemetry.reasons import MetricsUnavailable, Reason
from delivery.telemetry.samples import ArmIncrement, Reading
from tests.telemetry.collected import collected
from tests.telemetry.istio_counters import bucket, need, requests


@dataclass(frozen=True, slots=True)
class _Scene:
    source: MemoryPrometheus
    collector: Collector

    def collect(self, through: float, now: float) -> Reading:
        return collected(self.collector, [need(through)], now)["shop/web"]


@pytest.fixture
def scene() -> _Scene:
    """Stable `s` has served 1000 requests, 7 of them failed, by instant 100."""
    source = MemoryPrometheus()
    source.scrape(99, "s", {requests("web"): 993, requests("web", "503"): 7})
    return _Scene(source, Collector(source, settle=1))


def _stable(scene: _Scene, at: float, ok: float = 1000, failed: float = 7) -> None:
    scene.source.scrape(at, "s", {requests("web"): ok, requests("web", "503"): failed})


def test_a_canary_born_with_an_error_counts_from_zero(scene: _Scene) -> None:
    _stable(scene, 109, 1003, 8)
    scene.source.scrape(109, "c", {requests("web-canary"): 4, requests("web-canary", "500"): 1})
    reading = scene.collect(100, 111)
    assert [(s.start, s.end) for s in reading.samples] == [(100, 110)]
    assert reading.samples[0].stable == ArmIncrement(11, 1, ())
    assert reading.samples[0].canary == ArmIncrement(5, 1, ())
    assert (reading.data_through, reading.problem) == (110, None)


def test_nothing_is_asked_before_the_scrape_can_have_landed(scene: _Scene) -> None:
    reading = scene.collect(100, 110.9)
    assert (reading.samples, reading.data_through, reading.problem) == ((), 100, None)
    assert scene.source.asked == []


def test_a_restart_hidden_in_the_sum_over_codes_shows_in_one_of_them(scene: _Scene) -> None:
    scene.source.scrape(109, "s", {requests("web"): 3, requests("web", "404"): 2000})
    assert scene.collect(100, 111).samples[0].stable == ArmIncrement(2003, 0, ())


def test_an_instance_that_missed_a_scrape_is_differenced_against_its_last_value(scene: _Scene) -> None:
    for at in (99, 109, 119, 129):
        scene.source.scrape(at, "s2", {requests("web"): 500 + at} if at != 119 else {})
    for at in (109, 119, 129):
        _stable(scene, at)
    first = scene.collect(100, 121)
    assert [s.stable.requests for s in first.samples] == [17, 0]
    # Both with the memory and with the baseline a new controller asks for at 120, where s2 is absent.
    fresh = _Scene(scene.source, Collector(scene.source, settle=1))
    for controller in (scene, fresh):
        assert [s.stable.requests for s in controller.collect(120, 131).samples] == [20]


def test_a_new_controller_forgets_series_that_a_restart_took_away(scene: _Scene) -> None:
    scene.source.scrape(109, "s", {requests("web"): 5})
    assert scene.collect(100, 111).samples[0].stable.requests == 5
    scene.source.scrape(119, "s", {requests("web"): 9, requests("web", "503"): 2})
    fresh = _Scene(scene.source, Collector(scene.source, settle=1))
    for controller in (scene, fresh):
        assert controller.collect(110, 121).samples[0].stable == ArmIncrement(6, 2, ())


def test_stable_first_seen_after_the_start_shows_its_past_and_adds_nothing() -> None:
    source = MemoryPrometheus()
    source.scrape(109, "s", {requests("web"): 90_000})
    source.scrape(109, "c", {requests("web-canary"): 3})
    source.scrape(119, "s", {requests("web"): 90_004})
    source.scrape(119, "c", {requests("web-canary"): 5})
    samples = collected(Collector(source, settle=1), [need(100)], 121)["shop/web"].samples
    assert [(s.stable.requests, s.canary.requests) for s in samples] == [(0, 3), (4, 2)]


def test_without_stable_nothing_advances_and_a_later_tick_covers_it(scene: _Scene) -> None:
    scene.source.scrape(109, "s", {})
    scene.source.scrape(109, "c", {requests("web-canary"): 3})
    reading = scene.collect(100, 111)
    assert reading.samples == ()
    assert reading.data_through == 100
    assert reading.problem is not None
    assert 'no series matched istio_requests_total{destination_workload_namespace="shop"' in reading.problem
    _stable(scene, 119, 1003)
    scene.source.scrape(119, "c", {requests("web-canary"): 9})
    later = scene.collect(100, 121)
    assert [(s.start, s.end, s.canary.requests) for s in later.samples] == [(100, 120, 9)]
    assert later.problem is None


def test_a_quiet_tick_advances(scene: _Scene) -> None:
    _stable(scene, 109, 993)
    reading = scene.collect(100, 111)
    assert reading.data_through == 110
    assert reading.samples[0].stable == ArmIncrement(0, 0, ())


def test_missed_instants_are_asked_in_order_and_many_become_one(scene: _Scene) -> None:
    for at in range(109, 1000, 10):
        _stable(scene, at, 993 + at - 99)
    few = scene.collect(100, 401)
    assert [s.end for s in few.samples] == [*range(110, 410, 10)]
    many = scene.collect(400, 991)
    assert [(s.start, s.end, s.stable.requests) for s in many.samples] == [(400, 990, 590)]


def test_what_had_no_time_to_catch_up_is_caught_up_in_one_tick(monkeypatch: pytest.MonkeyPatch, scene: _Scene) -> None:
    """Each missed instant costs as much as one that is not; six of them may take longer than six intervals last."""
    for at in range(109, 400, 10):
        _stable(scene, at, 993 + at - 99)

    def too_slow(*_asked: object, **_options: object) -> list[object]:
        raise MetricsUnavailable(Reason.SLOW, "no whole answer within 8 s")

    with monkeypatch.context() as patched:
        patched.setattr(MemoryPrometheus, "query", too_slow)
        patched.setattr(MemoryPrometheus, "query_range", too_slow)
        assert scene.collect(100, 161).samples == ()
    behind = scene.collect(100, 171)
    assert [(s.start, s.end, s.stable.requests) for s in behind.samples] == [(100, 170, 70)]
    again = scene.collect(170, 201)  # what was missed while there is time comes instant by instant
    assert [(s.end, s.stable.requests) for s in again.samples] == [(180, 10), (190, 10), (200, 10)]


def test_an_instant_is_consumed_with_all_metrics_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    source = MemoryPrometheus()
    for at, count in ((99, 10.0), (109, 14.0)):
        source.scrape(at, "s", {requests("web"): count, bucket("web", "5"): count - 4, bucket("web", "+Inf"): count})
    collector = Collector(source, settle=1)
    series_without_answer = "istio_request_duration_milliseconds_bucket"
    answer = MemoryPrometheus.query

    def refuse_buckets(self: MemoryPrometheus, promql: str, at: float, **options: float) -> list[object]:
        self.down = "Prometheus http://p cannot be reached" if series_without_answer in promql else None
        return list(answer(self, promql, at, **options))

    with monkeypatch.context() as patched:
        patched.setattr(MemoryPrometheus, "query", refuse_buckets)
        failed = collected(collector, [need(100, latency=True)], 111)["shop/web"]
    assert (failed.samples, failed.data_through) == ((), 100)
    assert failed.problem == "Prometheus http://p cannot be reached"
    source.down = None
    reading = collected(collector, [need(100, latency=True)], 111)["shop/web"]
    assert reading.samples[0].stable == ArmIncrement(4, 0, ((5.0, 4.0), (math.inf, 4.0)))


def test_latency_wanted_later_does_not_count_the_buckets_past() -> None:
    source = MemoryPrometheus()
    for at, count in ((99, 10.0), (109, 14.0), (119, 15.0)):
        source.scrape(at, "s", {requests("web"): count, bucket("web", "+Inf"): count})
    collector = Collector(source, settle=1)
    collected(collector, [need(100)], 111)
    reading = collected(collector, [need(110, latency=True)], 121)["shop/web"]
    assert reading.samples[0].stable.buckets == ((math.inf, 1.0),)


def _queries(releases: int) -> MemoryPrometheus:
    source = MemoryPrometheus()
    names = [f"web{number}" for number in range(releases)]
    for at in (99.0, 109.0):
        source.scrape(at, "s", {requests(name): at for name in names})
    readings = collected(Collector(source, settle=1), [need(100, name) for name in names], 111)
    assert all(readings[f"shop/{name}"].samples[0].stable.requests == 10 for name in names)
    return source


def test_two_hundred_releases_take_as_many_queries_as_one() -> None:
    assert len(_queries(200).asked) == len(_queries(1).asked)


def test_a_thousand_releases_are_asked_about_in_few_requests() -> None:
    asked = _queries(1000).asked
    assert max(len(promql) for promql, _ in asked) <= QUERY_LIMIT
    # Two baselines and an instant, each in two parts, and once when samples were taken.
    assert len(asked) <= 3 * 2 + 1


@pytest.fixture
def without_collections() -> Iterator[None]:
    """As a controller is most of the time: cycles are looked for rarely there."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collections")
def test_what_was_asked_with_is_let_go_when_it_is_answered() -> None:
    """Else a fleet of a thousand keeps megabytes of each look until Python looks for cycles."""
    source = MemoryPrometheus()
    source.scrape(99, "s", {requests("web"): 993})
    source.scrape(109, "s", {requests("web"): 1003})
    before = _chunks()
    reading = collected(Collector(source, settle=1, lanes=InlineLanes()), [need(100)], 111)["shop/web"]
    assert reading.samples[0].stable.requests == 10
    assert _chunks() == before


def _chunks() -> int:
    return sum(isinstance(each, Chunk) for each in gc.get_objects())
