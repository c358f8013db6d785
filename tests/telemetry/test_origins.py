"""Counters that are shown for the first time, and sums that fall: a birth and a restart, or neither of them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from delivery.errors import Unavailable
from delivery.telemetry.collector import Collector
from delivery.telemetry.memory import Counter, MemoryPrometheus
from delivery.telemetry.needs import Need
from delivery.telemetry.prometheus import Point
from delivery.telemetry.reasons import Reason
from delivery.telemetry.samples import ArmIncrement, Reading
from tests.telemetry.collected import collected
from tests.telemetry.istio_counters import bucket, need, requests


def counted(through: float, *, latency: bool = False) -> Need:
    """A release of whose canary something was counted already."""
    return replace(need(through, latency=latency), canary_counted=True)


def read(collector: Collector, wanted: Need, now: float) -> Reading:
    return collected(collector, [wanted], now)["shop/web"]


def served(reading: Reading) -> list[tuple[float, float]]:
    return [(sample.stable.requests, sample.canary.requests) for sample in reading.samples]


def of_client(client: str, workload: str = "web", code: str = "200") -> Counter:
    whole = requests(workload, code)
    return Counter(whole.metric, tuple(sorted((*whole.labels, ("source_workload", client)))))


def shop(until: int, *, canary: bool = True) -> MemoryPrometheus:
    """Both versions serve a request a second; the canary has 5,000 behind it."""
    source = MemoryPrometheus()
    for at in range(-201, until, 10):
        source.scrape(at, "s:1", {requests("web"): 10_000 + at})
        if canary:
            source.scrape(at, "c:1", {requests("web-canary"): 5_000 + at})
    return source


@pytest.mark.parametrize("lost", [True, False], ids=["its-data-are-lost", "all-is-there"])
def test_a_new_controller_does_not_count_again_what_prometheus_has_lost(lost: bool) -> None:
    before = shop(115)
    assert served(read(Collector(before, settle=1), need(100), 111)) == [(10, 10)]
    after = MemoryPrometheus() if lost else before
    for at in (119, 129):
        after.scrape(at, "s:1", {requests("web"): 10_000 + at})
        after.scrape(at, "c:1", {requests("web-canary"): 5_000 + at})
    found = served(read(Collector(after, settle=1), counted(110), 131))
    assert found == ([(0, 0), (10, 10)] if lost else [(10, 10), (10, 10)])


def test_pods_that_are_scraped_one_after_another_by_an_empty_prometheus_are_no_births() -> None:
    after = MemoryPrometheus()
    for at in (119, 129, 139):
        after.scrape(at, "s:1", {requests("web"): 10_000 + at})
        after.scrape(at, "c:1", {requests("web-canary"): 5_000 + at})
        if at > 119:  # found a scrape later than the others
            after.scrape(at, "s:2", {requests("web"): 70_000 + at})
            after.scrape(at, "c:2", {requests("web-canary"): 9_000 + at})
    found = served(read(Collector(after, settle=1), counted(110), 141))
    assert found == [(0, 0), (10, 10), (20, 20)]


def test_a_pod_that_is_born_later_counts_from_nothing() -> None:
    source = shop(125)
    source.scrape(119, "c:2", {requests("web-canary"): 3, requests("web-canary", "503"): 4})
    source.scrape(119, "s:2", {requests("web"): 7})
    for collector in (Collector(source, settle=1), _remembering(source)):
        [sample] = read(collector, counted(110), 121).samples
        assert sample.canary == ArmIncrement(17, 4)
        assert sample.stable == ArmIncrement(17, 0)


def _remembering(source: MemoryPrometheus) -> Collector:
    collector = Collector(source, settle=1)
    read(collector, counted(100), 111)
    return collector


@pytest.mark.parametrize("anew", [True, False], ids=["began-anew-meanwhile", "went-on"])
def test_a_pod_that_was_not_scraped_for_long_does_not_count_its_past(anew: bool) -> None:
    source = MemoryPrometheus()
    for at in range(99, 1990, 10):
        source.scrape(at, "s:1", {requests("web"): at})
        total = 5 if anew and at > 1000 else 1_000_000 + at
        source.scrape(at, "s:2", {} if 1000 < at < 1709 else {requests("web"): total})
        source.scrape(at, "c:1", {requests("web-canary"): at})
    # Two instants: it shows itself first at the second, 11 minutes after it was seen last.
    found = served(read(Collector(source, settle=1), need(1690), 1711))
    assert found == [(10, 10), (15, 10) if anew else (10, 10)]


class WithoutAPast(MemoryPrometheus):
    """Does not say what was seen within a day."""

    def query(self, promql: str, at: float, *, within_s: float | None = None) -> list[Point]:
        if "[1d]" in promql:
            raise Unavailable("too long a time")
        return super().query(promql, at)


def test_where_it_cannot_be_told_a_few_requests_are_not_counted_rather_than_any_twice() -> None:
    source = WithoutAPast()
    for at in range(-201, 125, 10):
        source.scrape(at, "s:1", {requests("web"): 10_000 + at})
    source.scrape(119, "s:2", {requests("web"): 7})
    reading = read(Collector(source, settle=1), need(110), 121)
    assert (served(reading), reading.problem) == ([(10, 0)], None)


def test_nothing_more_is_asked_while_nothing_is_new() -> None:
    source = shop(135)
    collector = _remembering(source)
    asked = len(source.asked)
    read(collector, counted(110), 131)
    assert len(source.asked) - asked == 1


@pytest.mark.parametrize("small", [210.0, 600_000.0], ids=["a-small-part", "more-than-half"])
def test_a_sum_that_lost_a_part_is_no_restart(small: float) -> None:
    """A proxy forgets a client that it has not heard of for long."""
    source = MemoryPrometheus()
    source.scrape(99, "s", {of_client("front"): 500_000, of_client("batch"): small, bucket("web", "5"): 9.0})
    source.scrape(109, "s", {of_client("front"): 500_010, of_client("new"): 3, bucket("web", "5"): 9.0})
    for at in (99, 109):
        source.scrape(at, "c", {requests("web-canary"): at})
    [sample] = read(Collector(source, settle=1), need(100, latency=True), 111).samples
    assert (sample.stable.requests, sample.restarted) == (13, 0.0)


def test_a_restart_is_one_though_its_clients_differ() -> None:
    source = MemoryPrometheus()
    source.scrape(99, "s", {of_client("front"): 500_000, of_client("batch"): 300})
    source.scrape(109, "s", {of_client("front"): 11, of_client("new"): 3, of_client("front", code="503"): 2})
    source.scrape(109, "c", {requests("web-canary"): 1})
    [sample] = read(Collector(source, settle=1), need(100), 111).samples
    assert (sample.stable, sample.restarted) == (ArmIncrement(16, 2), 1.0)


def test_buckets_that_lost_a_part_add_what_the_others_did() -> None:
    def within(client: str) -> Counter:
        whole = bucket("web", "+Inf")
        return Counter(whole.metric, tuple(sorted((*whole.labels, ("source_workload", client)))))

    source = MemoryPrometheus()
    source.scrape(99, "s", {requests("web"): 900, within("front"): 500, within("batch"): 400})
    source.scrape(109, "s", {requests("web"): 910, within("front"): 510})
    [sample] = read(Collector(source, settle=1), need(100, latency=True), 111).samples
    assert sample.stable.buckets == ((math.inf, 10.0),)


@pytest.mark.parametrize("gap", [math.nan, None], ids=["not-a-number", "not-shown"])
def test_a_series_that_is_not_there_for_a_while_is_counted_once(gap: float | None) -> None:
    source = MemoryPrometheus()
    for at, failed in ((99, 50.0), (109, gap), (119, 51.0)):
        source.scrape(at, "s", {requests("web"): 1000 + at})
        shown = {requests("web-canary"): 1000.0 + at}
        source.scrape(at, "c", shown if failed is None else {**shown, requests("web-canary", "503"): failed})
    collector = Collector(source, settle=1)
    first = read(collector, need(100), 111)
    assert first.samples[0].canary == ArmIncrement(10, 0)
    assert first.reason is (None if gap is None else Reason.NOT_A_NUMBER)
    second = read(collector, need(110), 121)
    assert (second.samples[0].canary, second.problem) == (ArmIncrement(11, 1), None)


def test_a_new_controller_that_begins_while_a_counter_is_not_a_number_does_not_count_it_twice() -> None:
    source = MemoryPrometheus()
    for at, failed in ((99, 50.0), (109, math.nan), (119, 51.0), (129, 53.0)):
        source.scrape(at, "s", {requests("web"): 1000 + at})
        source.scrape(at, "c", {requests("web-canary"): 1000.0 + at, requests("web-canary", "503"): failed})
    samples = read(Collector(source, settle=1), counted(110), 131).samples
    assert [sample.canary.errors for sample in samples] == [0, 2]


def test_a_series_that_comes_back_lower_began_anew_by_itself() -> None:
    source = MemoryPrometheus()
    for at, failed in ((99, {"503": 50.0}), (109, {}), (119, {"503": 3.0})):
        source.scrape(at, "s", {requests("web"): 1_000_000 + at, **{requests("web", c): n for c, n in failed.items()}})
    collector = Collector(source, settle=1)
    read(collector, need(100), 111)
    assert read(collector, need(110), 121).samples[0].stable == ArmIncrement(13, 3)


def test_a_canary_that_is_all_nan_consumes_no_instant_and_says_so() -> None:
    source = MemoryPrometheus()
    for at, value in ((99, 50.0), (109, math.nan), (119, 60.0)):
        source.scrape(at, "s", {requests("web"): 1000 + at})
        source.scrape(at, "c", {requests("web-canary"): value})
    collector = Collector(source, settle=1)
    silent = read(collector, need(100), 111)
    assert (silent.samples, silent.data_through, silent.reason) == ((), 100, Reason.NOT_A_NUMBER)
    assert served(read(collector, need(100), 121)) == [(20, 10)]


def test_a_histogram_of_which_a_bucket_is_nan_is_left_for_later() -> None:
    source = MemoryPrometheus()
    for at, lowest in ((99, 5.0), (109, math.nan), (119, 9.0)):
        shown = {requests("web"): 1000.0 + at, bucket("web", "5"): lowest, bucket("web", "+Inf"): float(at)}
        source.scrape(at, "s", shown)
    collector = Collector(source, settle=1)
    samples = read(collector, need(100, latency=True), 121).samples
    assert [sample.stable.buckets for sample in samples] == [(), ((5.0, 4.0), (math.inf, 20.0))]
