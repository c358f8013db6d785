"""Stable's last hour by instance, and what a collect tells of restarts and of stable's own halves."""

import math
import zlib

import pytest

from delivery.errors import InvalidSpec, Unavailable
from delivery.telemetry.collector import Collector
from delivery.telemetry.memory import MemoryPrometheus
from delivery.telemetry.tables import Table
from tests.telemetry.collected import collected, history
from tests.telemetry.istio_counters import bucket, need, requests

START = 10_000.0


def shop(*, missed: tuple[str, float] | None = None) -> MemoryPrometheus:
    """Pods a and b serve 4 requests/s each from 0 on, one in a hundred of b's fails; b restarts at 8,000."""
    source = MemoryPrometheus()
    for t in range(0, 10_001, 10):
        for pod in ("a", "b"):
            if missed == (pod, t):
                source.scrape(t, pod, {})
                continue
            served = 4.0 * (t - 8000 if pod == "b" and t >= 8000 else t)
            failed = float(served // 100) if pod == "b" else 0.0
            within = {bucket("web", "50"): served / 2, bucket("web", "+Inf"): served}
            source.scrape(t, pod, {requests("web"): served - failed, requests("web", "503"): failed, **within})
    return source


def collector(source: MemoryPrometheus) -> Collector:
    return Collector(source, settle=1)


def test_the_last_hour_is_told_by_instance_and_the_latencies_of_its_last_minutes() -> None:
    found = history(collector(shop()), need(START, latency=True))
    assert (found.t[0], found.t[-1], found.t.size) == (6400, 10_000, 361)
    assert found.requests.shape == (360, 2)
    assert found.requests.sum() == pytest.approx(2 * 3600 * 4 - 40)  # what b added between its last scrape and its end
    assert found.errors[:, 0].sum() == 0
    assert found.errors[:, 1].sum() == pytest.approx((64 + 80), abs=2)
    assert found.latency == ((50.0, 2400.0), (math.inf, 4800.0))


def test_a_pod_that_missed_the_first_scrape_of_the_hour_is_not_born_there() -> None:
    found = history(collector(shop(missed=("a", 6400))), need(START))
    assert found.requests.sum() == pytest.approx(2 * 3600 * 4, abs=2 * 4 * 10)
    assert found.requests.max() <= 80


def test_without_traffic_there_is_no_history() -> None:
    assert history(collector(MemoryPrometheus()), need(START)).requests.size == 0


def test_a_prometheus_that_is_down_has_no_history_either() -> None:
    with pytest.raises(Unavailable, match="away"):
        history(collector(MemoryPrometheus(down="away")), need(START))
    with pytest.raises(InvalidSpec):
        MemoryPrometheus().query_range("up", 0.0, 10.0, 5.0)


def test_the_part_of_the_counters_that_began_anew_is_told() -> None:
    [sample] = collected(collector(shop()), [need(7990)], 8001)["shop/web"].samples
    assert sample.restarted == 0.5
    [sample] = collected(collector(shop()), [need(8000)], 8011)["shop/web"].samples
    assert sample.restarted == 0.0


def test_the_shadow_is_chosen_by_the_names_of_instances() -> None:
    names = [f"10.0.0.{number}:15020" for number in range(40)]
    ok, bad = ("stable", (False, ("200",))), ("stable", (True, ("500",)))
    before = Table({(name, *kind): 10.0 for name in names for kind in (ok, bad)})
    later = Table({(name, *kind): 10.0 + number for number, name in enumerate(names) for kind in (ok, bad)})
    chosen = [number for number, name in enumerate(names) if zlib.crc32(name.encode()) % 2]
    assert 10 <= len(chosen) <= 30
    assert before.shadow_added(later) == (2.0 * sum(chosen), float(sum(chosen)))
