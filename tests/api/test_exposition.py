"""How old what a scraper is given may be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from delivery.api.exposition import Exposition


class Slow(Collector):
    """Takes `seconds` of the processor to say how often it was asked, and as much of the clock as `waits` says."""

    def __init__(self, seconds: float, waits: float = 0.0) -> None:
        self.seconds, self.waits = seconds, waits
        self.now, self.used, self.asked = 100.0, 0.0, 0

    def describe(self) -> Iterator[Metric]:
        return iter(())  # else it is asked when it is registered

    def collect(self) -> Iterator[Metric]:
        self.used += self.seconds
        self.now += self.seconds + self.waits
        self.asked += 1
        yield GaugeMetricFamily("asked", "How often.", self.asked)


def given(slow: Slow) -> Exposition:
    registry = CollectorRegistry()
    registry.register(slow)
    return Exposition(registry, clock=lambda: slow.now, processor=lambda: slow.used)


@pytest.mark.parametrize("waits", [0.0, 0.5])
def test_what_took_long_to_write_is_given_again_until_it_is_fifty_times_as_old(waits: float) -> None:
    slow = Slow(0.05, waits)
    exposition, began = given(slow), slow.now
    assert b"asked 1.0" in exposition.text()
    slow.now = began + 2.4
    assert b"asked 1.0" in exposition.text()
    slow.now = began + 2.6
    assert b"asked 2.0" in exposition.text()


def test_what_is_at_hand_is_what_would_be_given_again() -> None:
    slow = Slow(0.05)
    exposition, began = given(slow), slow.now
    assert exposition.at_hand() is None
    text = exposition.text()
    slow.now = began + 2.4
    assert exposition.at_hand() == text
    slow.now = began + 2.6
    assert exposition.at_hand() is None


def test_nothing_is_given_again_that_is_five_seconds_old() -> None:
    slow = Slow(2.0)
    exposition, began = given(slow), slow.now
    exposition.text()
    slow.now = began + 4.9
    assert b"asked 1.0" in exposition.text()
    slow.now = began + 5.1
    assert b"asked 2.0" in exposition.text()


@pytest.mark.parametrize("apart", [0.0, 0.001])
def test_what_takes_no_time_is_always_new(apart: float) -> None:
    slow = Slow(0.0)
    exposition = given(slow)
    for number in range(1, 4):
        assert f"asked {number}.0".encode() in exposition.text()
        slow.now += apart
