"""The controller's own metrics, for Prometheus."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from delivery.resources.release import Phase, Release

DURATIONS_S = (30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 86400)
Calls = Mapping[tuple[str, int], int]
"""Calls of the Kubernetes API, by method and HTTP status; 0 where none came."""
Told = Mapping[tuple[str, str], int]
"""Attempts to notify, by channel and by how they ended."""


class Moves:
    """What Releases do and where they are, by listening to each version of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._phases: dict[tuple[str, str], Phase] = {}
        self._active: dict[tuple[str, str], Release] = {}
        self._lock = threading.Lock()
        self.entered: Counter[tuple[str, str]] = Counter()
        self._durations = Histogram(
            "headgate_release_duration_seconds",
            "From the beginning of a Release to its end.",
            ["outcome"],
            buckets=DURATIONS_S,
            registry=registry,
        )

    def told(self, namespace: str, name: str, release: Release | None) -> None:
        """A Release as it is now; None where it is gone. One that is met for the first time counts as nothing."""
        key = (namespace, name)
        with self._lock:
            before = self._phases.get(key)
            self._active.pop(key, None)
            if release is None:
                self._phases.pop(key, None)
                return
            phase = self._phases[key] = release.status.phase
            if release.active:
                self._active[key] = release
        if before is None or before is phase:
            return
        self.entered[phase.value, release.status.reason] += 1
        begun, over = release.status.started_at, release.status.finished_at
        if phase.final and begun is not None and over is not None:
            self._durations.labels(phase.value).observe(over - begun)

    def phases(self) -> Counter[Phase]:
        """How many Releases are in each phase."""
        with self._lock:
            return Counter(self._phases.values())

    def active(self) -> list[Release]:
        """Those that have not ended."""
        with self._lock:
            return list(self._active.values())


class Figures(Collector):
    """What is read when Prometheus asks: nothing is kept beside the state itself."""

    def __init__(
        self,
        moves: Moves,
        waiting: Callable[[], int],
        calls: Callable[[], Calls],
        told: Callable[[], Told],
    ) -> None:
        self._moves, self._waiting, self._calls, self._told = moves, waiting, calls, told

    def collect(self) -> Iterator[Metric]:
        yield from self._of_releases()
        decided = CounterMetricFamily("headgate_phase_entered", "Moves of Releases.", labels=["phase", "reason"])
        for (phase, reason), count in sorted(self._moves.entered.copy().items()):
            decided.add_metric([phase, reason], count)
        yield decided
        yield GaugeMetricFamily("headgate_queue_depth", "Deployments that wait for a pass.", self._waiting())
        asked = CounterMetricFamily(
            "headgate_api_calls", "The controller's calls of the Kubernetes API.", labels=["method", "status"]
        )
        for (method, status), count in sorted(self._calls().items()):
            asked.add_metric([method, str(status)], count)
        yield asked
        told = CounterMetricFamily("headgate_notifications", "Attempts to notify.", labels=["channel", "outcome"])
        for (channel, outcome), count in sorted(self._told().items()):
            told.add_metric([channel, outcome], count)
        yield told

    def _of_releases(self) -> Iterator[Metric]:
        phases = self._moves.phases()
        by_phase = GaugeMetricFamily("headgate_releases", "Releases there are.", labels=["phase"])
        for phase in Phase:
            by_phase.add_metric([phase.value], phases[phase])
        labels = ["namespace", "deployment"]
        weight = GaugeMetricFamily("headgate_canary_weight_percent", "Share of the canary, as verified.", labels=labels)
        evidence = GaugeMetricFamily(
            "headgate_log_evidence",
            "Evidence of the newest recorded look, in natural logarithms.",
            labels=[*labels, "for"],
        )
        for release in self._moves.active():
            of = [release.namespace, release.spec.deployment]
            weight.add_metric(of, release.status.traffic.verified_weight or 0.0)
            look = release.status.evidence
            if look is not None:
                evidence.add_metric([*of, "rollback"], look.log_evidence_rollback)
                evidence.add_metric([*of, "advance"], look.log_evidence_advance)
        yield from (by_phase, weight, evidence)
