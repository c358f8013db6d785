"""A mesh for tests: what a VirtualService says becomes requests, failures and latencies in an in-memory Prometheus."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from delivery.clock import Clock
from delivery.cluster.client import Cluster, Object
from delivery.cluster.informer import Informer, Name
from delivery.cluster.kinds import VIRTUAL_SERVICE
from delivery.telemetry.memory import Counter, MemoryPrometheus
from mesh_adapters.adapter import SplitDisagrees, TrafficSplit
from mesh_adapters.istio.routes import IstioRoutes
from tests.telemetry.istio_counters import requests

SCRAPE_EVERY_S = 0.05
BASE_FAILURES = 0.001
INSTANCE = "10.0.0.1:15090"


@dataclass(slots=True)
class Mesh:
    """One namespace's traffic. `failures` is the canary's failure rate; `rps` 0 is silence."""

    cluster: Cluster
    namespace: str
    clock: Clock
    seed: int
    failures: float = BASE_FAILURES
    rps: float = 100_000.0
    prometheus: MemoryPrometheus = field(default_factory=MemoryPrometheus)
    writes: list[tuple[int, float | None]] = field(default_factory=list)
    _counted: dict[Counter, float] = field(default_factory=dict)
    _weight: float = 0.0
    _stopped: threading.Event = field(default_factory=threading.Event)
    _informer: Informer | None = None
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._informer = Informer(self.cluster, VIRTUAL_SERVICE, self.namespace, on_change=self._on_route)
        self._informer.start()
        self._informer.wait_synced(10)
        self._thread = threading.Thread(target=self._run, name=f"mesh-{self.namespace}", daemon=True)
        self.prometheus.scrape(self.clock.now() - 60, INSTANCE, {requests("web", "200", self.namespace): 1.0})
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread:
            self._thread.join(5)
        if self._informer:
            self._informer.stop()

    def share(self, route: Object) -> float | None:
        """The canary's percent as the route says, None where it is not split."""
        split = TrafficSplit(self.namespace, "web", "web-stable", "web-canary", 0)
        try:
            return IstioRoutes().read(route, split)
        except SplitDisagrees:
            return float("nan")

    def served(self, start: float, end: float) -> dict[str, float]:
        """Requests by workload in (start, end], by the scrapes that Prometheus would answer with."""
        counts = {}
        for workload in ("web", "web-canary"):
            by = "instance, destination_workload, destination_workload_namespace"
            query = f'sum by ({by}) (istio_requests_total{{destination_workload="{workload}"}})'
            first, last = (sum(p.value for p in self.prometheus.query(query, at)) for at in (start, end))
            counts[workload] = last - first
        return counts

    def _on_route(self, _name: Name, route: Object | None) -> None:
        weight = self.share(route) if route else None
        if route:
            self.writes.append((int(route["metadata"]["resourceVersion"]), weight))
        self._weight = weight or 0.0

    def _run(self) -> None:
        random = np.random.default_rng(self.seed)
        while not self._stopped.wait(SCRAPE_EVERY_S):
            self._serve(random)
            self.prometheus.scrape(self.clock.now(), INSTANCE, dict(self._counted))

    def _serve(self, random: np.random.Generator) -> None:
        total = int(self.rps * SCRAPE_EVERY_S)
        canary = int(random.binomial(total, self._weight / 100))
        for workload, count, rate in (
            ("web", total - canary, BASE_FAILURES),
            ("web-canary", canary, self.failures),
        ):
            failed = int(random.binomial(count, rate))
            self._count({"200": count - failed, "503": failed}, workload)

    def _count(self, answers: Mapping[str, int], workload: str) -> None:
        for code, count in answers.items():
            if count:
                counter = requests(workload, code, self.namespace)
                self._counted[counter] = self._counted.get(counter, 0.0) + count
