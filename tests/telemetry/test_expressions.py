"""The policies' own queries: few requests for many releases, each counted once; a wrong one costs no other."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from delivery.errors import InvalidSpec
from delivery.resources.policy import parse_policy
from delivery.telemetry.answers import Histogram
from delivery.telemetry.collector import Collector
from delivery.telemetry.custom import CustomTable
from delivery.telemetry.expressions import Expression, common_query, expressions_of
from delivery.telemetry.memory import Counter, MemoryPrometheus
from delivery.telemetry.needs import Need
from delivery.telemetry.prometheus import Point, native_point
from delivery.telemetry.samples import Reading
from tests.telemetry.collected import collected
from tests.telemetry.istio_counters import need, requests

MATCHED = '{deployment="{{ workload }}"}'
METRICS = [
    {"kind": "errorRate"},
    {
        "name": "jobs",
        "kind": "errorRate",
        "query": {
            "total": f"sum by (instance) (jobs_total{MATCHED})",
            "errors": f"sum by (instance) (bad_total{MATCHED})",
        },
    },
    {
        "name": "database",
        "kind": "latency",
        "query": {"buckets": f"sum by (instance, le) (seconds_bucket{MATCHED})"},
    },
    {
        "name": "retries",
        "kind": "counterRatio",
        "query": {
            "numerator": f"sum by (instance) (retries_total{MATCHED})",
            "denominator": f"sum by (instance) (jobs_total{MATCHED})",
        },
    },
    {"name": "queue", "kind": "gaugeMean", "query": {"value": f"sum by (instance) (queue{MATCHED})"}},
]
POLICY = parse_policy({"analysis": {"metrics": METRICS}}, "DeliveryPolicy shop/web")


def asking(through: float, name: str = "web") -> Need:
    values = {
        arm: {"workload": workload, "service": workload, "namespace": "shop", "arm": arm}
        for arm, workload in (("stable", name), ("canary", f"{name}-canary"))
    }
    return replace(need(through, name), expressions=expressions_of(POLICY.analysis.custom, values))


def scrape(source: MemoryPrometheus, at: float, arms: dict[str, tuple[float, float, float, float]]) -> None:
    """Each arm's jobs, failures, retries and queue, and a request of the mesh's for every job."""
    for workload, (jobs, bad, retries, queue) in arms.items():
        shown = {requests(workload): jobs}
        for metric, value in (("jobs_total", jobs), ("bad_total", bad), ("retries_total", retries), ("queue", queue)):
            shown[Counter.of(metric, deployment=workload)] = value
        for le, share in (("0.05", 0.5), ("0.5", 0.9), ("+Inf", 1.0)):
            shown[Counter.of("seconds_bucket", deployment=workload, le=le)] = jobs * share
        source.scrape(at, f"{workload}-pod", shown)


def read(collector: Collector, through: float, now: float) -> Reading:
    return collected(collector, [asking(through)], now)["shop/web"]


@pytest.fixture
def source() -> MemoryPrometheus:
    made = MemoryPrometheus()
    scrape(made, 99, {"web": (1000, 10, 50, 4)})
    scrape(made, 109, {"web": (1100, 12, 60, 6), "web-canary": (20, 1, 10, 9)})
    return made


def test_every_kind_is_counted_from_its_own_series(source: MemoryPrometheus) -> None:
    [sample] = read(Collector(source, settle=1), 100, 111).samples
    stable, canary = sample.counts["jobs"]
    assert (stable.requests, stable.errors, canary.requests, canary.errors) == (100, 2, 20, 1)
    stable, canary = sample.counts["database"]
    assert (stable.requests, [bound for bound, _ in stable.buckets]) == (100, [50.0, 500.0, math.inf])
    assert [count for _, count in stable.buckets] == pytest.approx([50.0, 90.0, 100.0])
    assert canary.buckets[0] == (50.0, 10.0)
    assert sample.values == {"retries": (pytest.approx(0.1), 0.5), "queue": (6.0, 9.0)}


def test_the_resolved_queries_and_their_last_answers_come_with_the_reading(source: MemoryPrometheus) -> None:
    told = read(Collector(source, settle=1), 100, 111).custom["jobs"]
    assert told.queries["canary.errors"] == 'sum by (instance) (bad_total{deployment="web-canary"})'
    assert told.answer == {"stable.total": 1100, "stable.errors": 12, "canary.total": 20, "canary.errors": 1}
    assert told.problem is None


def test_a_metric_without_series_says_so(source: MemoryPrometheus) -> None:
    scrape(source, 119, {"web": (1200, 12, 60, 6)})
    scrape(source, 119, {"web-canary": (30, 1, 10, 9)})
    early = Collector(source, settle=1)
    assert read(early, 90, 101).custom["jobs"].problem == "no series of canary yet"
    assert read(early, 100, 111).custom["jobs"].problem is None


def test_a_new_controller_goes_on_where_the_record_ends(source: MemoryPrometheus) -> None:
    scrape(source, 119, {"web": (1250, 13, 61, 6), "web-canary": (26, 1, 10, 9)})
    old = Collector(source, settle=1)
    read(old, 100, 111)
    for collector in (old, Collector(source, settle=1)):
        [sample] = read(collector, 110, 121).samples
        stable, canary = sample.counts["jobs"]
        assert (stable.requests, stable.errors, canary.requests, canary.errors) == (150, 1, 6, 0)


def test_a_restart_counts_from_nothing(source: MemoryPrometheus) -> None:
    scrape(source, 119, {"web": (40, 11, 3, 6), "web-canary": (26, 1, 10, 9)})
    collector = Collector(source, settle=1)
    read(collector, 100, 111)
    stable, _ = read(collector, 110, 121).samples[0].counts["jobs"]
    assert (stable.requests, stable.errors) == (40, 11)  # failures too, though they are not below what they were


def test_stable_shown_for_the_first_time_is_its_past() -> None:
    table = CustomTable(
        {("pod", "stable", ("jobs", "total", None)): 900.0, ("c", "canary", ("jobs", "total", None)): 7.0}
    )
    counts, _ = CustomTable().added(table)
    assert [arm.requests for arm in counts["jobs"]] == [0, 7]


class Particular(MemoryPrometheus):
    """Refuses a query that has a bad word in it, as Prometheus does a wrong one."""

    def query(self, promql: str, at: float, *, within_s: float | None = None) -> list:  # type: ignore[type-arg]
        if 'bad_total{deployment="web7"}' in promql:
            self.asked.append((promql, at))
            raise InvalidSpec("many-to-many matching")
        return super().query(promql, at, within_s=within_s)


def test_a_query_that_is_refused_costs_its_metric_and_nobody_elses() -> None:
    source = Particular()
    names = [f"web{number}" for number in range(16)]
    for at in (99, 109, 119):
        for name in names:
            scrape(source, at, {name: (10 * at, 0, 0, 1), f"{name}-canary": (at, 0, 0, 1)})
    collector = Collector(source, settle=1)
    readings = collected(collector, [asking(100, name) for name in names], 111)
    assert readings["shop/web7"].custom["jobs"].problem == "many-to-many matching"
    assert readings["shop/web7"].samples[0].counts["database"][0].requests == 100
    others = [readings[f"shop/{name}"] for name in names if name != "web7"]
    assert all(each.samples[0].counts["jobs"][0].requests == 100 and not each.custom["jobs"].problem for each in others)
    asked = len(source.asked)
    again = collected(collector, [asking(110, name) for name in names], 121)
    assert again["shop/web7"].custom["jobs"].problem == "many-to-many matching"
    assert len(source.asked) - asked == 2  # the mesh's requests, and everything that is not wrong


def test_an_outage_consumes_no_instant(source: MemoryPrometheus) -> None:
    collector = Collector(source, settle=1)
    source.down = "away"
    assert read(collector, 100, 111).data_through == 100
    source.down = None
    assert read(collector, 100, 111).samples[0].counts["jobs"][0].requests == 100


def test_a_common_query_names_its_parts_and_survives_a_comment() -> None:
    parts = [(n, Expression("m", "total", "stable", f"x{n} # why")) for n in range(3)]
    query = common_query(parts)
    assert query.count(" or ") == 2
    assert all(f'x{n} # why\n), "headgate_part", "{n}", "", "")' in query for n in range(3))
    assert "x1 # why\n)[10m:])\n)" in common_query(parts, last_known=True)


def test_a_native_histogram_is_read_by_powers_of_two() -> None:
    buckets = [
        (0, "0.0078125", "0.011048543456039806", "3"),
        (0, "0.25", "0.3535533905932738", "2"),
        (0, "0.5", "1", "5"),
    ]
    point = native_point({"pod": "a"}, Histogram("10", buckets))
    counts = dict(point.buckets)
    assert (counts[2.0**-7], counts[2.0**-6], counts[0.25], counts[0.5], counts[1.0]) == (0, 3, 3, 5, 10)
    assert counts[math.inf] == point.value == 10


class Native(MemoryPrometheus):
    """Whose latencies are native histograms: `counts` of a pod by the power of two that bounds them, at an instant."""

    def __init__(self, counts: dict[tuple[str, float], dict[int, int]]) -> None:
        super().__init__()
        self.counts = counts

    def _answer(self, promql: str, at: float) -> list[Point]:
        if "seconds_bucket" not in promql:
            return super()._answer(promql, at)
        found = []
        for (pod, when), counts in self.counts.items():
            if when == at and f'"{pod.partition("/")[0]}"' in promql:
                buckets = [(0, str(2.0 ** (n - 1)), str(2.0**n), str(count)) for n, count in counts.items()]
                found.append(native_point({"instance": pod}, Histogram(str(sum(counts.values())), buckets)))
        return found


def test_native_histograms_are_differenced_through_restarts_and_births() -> None:
    source = Native(
        {
            ("web/1", 100): {-5: 900, -4: 90},
            ("web/1", 110): {-5: 910, -4: 95},
            ("web/1", 120): {-5: 4, -4: 1},  # began anew
            ("web-canary/1", 110): {-5: 6, -3: 2},
            ("web-canary/1", 120): {-5: 9, -3: 2, -1: 1},
        }
    )
    for at in (99, 109, 119):
        for name in ("web", "web-canary"):
            source.scrape(at, name, {requests(name): float(at)})
    first, second = (sample.counts["database"] for sample in read(Collector(source, settle=1), 100, 121).samples)
    assert [(arm.requests, dict(arm.buckets)[2.0**-5 * 1000]) for arm in first] == [(15, 10), (8, 6)]
    assert [(arm.requests, dict(arm.buckets)[2.0**-5 * 1000]) for arm in second] == [(5, 4), (4, 3)]
    assert dict(second[1].buckets)[2.0**-2 * 1000] == 3
    assert dict(second[1].buckets)[2.0**-1 * 1000] == 4


def test_a_histogram_that_lost_its_buckets_on_the_way_says_so_and_counts_nothing() -> None:
    class Losing(Native):
        def _answer(self, promql: str, at: float) -> list[Point]:
            return [Point(point.labels, point.value) for point in super()._answer(promql, at)]

    source = Losing({("web/1", 100): {-5: 900}, ("web/1", 110): {-5: 910}})
    for at in (99, 109):
        source.scrape(at, "web", {requests("web"): float(at)})
    reading = read(Collector(source, settle=1), 100, 111)
    assert "database" not in reading.samples[0].counts
    assert "neither buckets by le nor a native histogram" in (reading.custom["database"].problem or "")


def summed(workload: str, part: str, metric: str) -> Expression:
    arm = "canary" if workload.endswith("canary") else "stable"
    return Expression("jobs", part, arm, f'sum by (deployment) ({metric}{{deployment="{workload}"}})')


def test_a_sum_over_pods_is_not_counted_for_its_growth_cannot_be_told() -> None:
    own = tuple(
        summed(workload, part, metric)
        for workload in ("web", "web-canary")
        for part, metric in (("total", "jobs_total"), ("errors", "bad_total"))
    )
    source = MemoryPrometheus()
    for at in (99, 109, 119):
        for pod in range(3):
            shown = {requests("web"): at, Counter.of("jobs_total", deployment="web"): 100_000 + at}
            source.scrape(at, f"p{pod}", {} if (at, pod) == (109, 2) else shown)
    reading = collected(Collector(source, settle=1), [replace(need(100), expressions=own)], 121)["shop/web"]
    assert [sample.counts for sample in reading.samples] == [{}, {}]
    assert "without a label instance or pod" in (reading.custom["jobs"].problem or "")


def test_what_is_known_of_a_metric_in_part_is_not_counted_in_part() -> None:
    """Its errors could not be asked for: the requests alone would look like none failed."""

    class Erring(MemoryPrometheus):
        def query(self, promql: str, at: float, *, within_s: float | None = None) -> list[Point]:
            if "bad_total" in promql:
                raise InvalidSpec("no such thing")
            return super().query(promql, at)

    source = Erring()
    scrape(source, 99, {"web": (1000, 10, 50, 4)})
    scrape(source, 109, {"web": (1100, 12, 60, 6), "web-canary": (20, 1, 10, 9)})
    reading = read(Collector(source, settle=1), 100, 111)
    assert "jobs" not in reading.samples[0].counts
    assert reading.samples[0].counts["database"][1].requests == 20


def test_a_new_controller_does_not_count_an_applications_counters_again_where_prometheus_lost_them() -> None:
    source = MemoryPrometheus()
    scrape(source, 119, {"web": (1250, 13, 61, 6), "web-canary": (26, 9, 10, 9)})
    scrape(source, 129, {"web": (1260, 14, 62, 6), "web-canary": (30, 11, 10, 9)})
    asked = replace(asking(110), canary_counted=True)
    first, second = collected(Collector(source, settle=1), [asked], 131)["shop/web"].samples
    assert [(arm.requests, arm.errors) for arm in first.counts["jobs"]] == [(0, 0), (0, 0)]
    assert [(arm.requests, arm.errors) for arm in second.counts["jobs"]] == [(10, 1), (4, 2)]


def test_an_applications_sum_that_falls_a_little_lost_a_part() -> None:
    source = MemoryPrometheus()
    for at, jobs in ((99, 1000.0), (109, 900.0), (119, 930.0), (129, 12.0)):
        scrape(source, at, {"web": (jobs, 5, 1, 6)})
    samples = read(Collector(source, settle=1), 100, 131).samples
    assert [sample.counts["jobs"][0].requests for sample in samples] == [0, 30, 12]
