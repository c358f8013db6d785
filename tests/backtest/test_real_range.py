"""A recording out of a real Prometheus: ranges over HTTP, cut into several answers."""

import pytest

from delivery.backtest.prometheus_range import read_range
from delivery.telemetry.prometheus import Prometheus
from mesh_adapters.istio.series import ISTIO
from tests.telemetry import test_real_prometheus as real
from tests.telemetry.istio_counters import need

pytestmark = real.pytestmark
pods, prometheus = real.pods, real.prometheus


def test_totals_are_exact_over_a_birth_a_restart_and_a_cut(
    pods: tuple[real._Pod, real._Pod], prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delivery.telemetry.ranges.INSTANTS_AT_ONCE", 3)
    stable, canary = pods
    first = real._shows(prometheus, pods, stable, "web", 1000, 3)
    start = real._shows(prometheus, pods, stable, "web", 1010, 4)
    real._shows(prometheus, pods, canary, "web-canary", 2, 1)  # born with an error
    real._shows(prometheus, pods, stable, "web", 5, 0)  # restarted
    real._shows(prometheus, pods, canary, "web-canary", 7, 3)
    end = real._shows(prometheus, pods, stable, "web", 9, 2)
    wanted = need(start, interval=real.INTERVAL_S, latency=True)
    recording = read_range(prometheus, ISTIO, wanted, end, start - first)
    assert [*recording.t] == real._instants_with(prometheus, stable, start, end)
    assert recording.history is not None
    assert recording.history.requests.sum() == 11
    assert recording.history.errors.sum() == 1
    assert recording.stable_requests.sum() == 5 + 6
    assert recording.stable_errors.sum() == 2
    assert recording.canary_requests.sum() == 10
    assert recording.canary_errors.sum() == 3
    assert recording.bounds == (5.0, float("inf"))
    assert recording.canary_buckets.sum(axis=0).tolist() == [7, 10]
