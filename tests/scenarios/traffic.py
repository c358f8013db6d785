"""Requests in virtual time: what the route says becomes counters in an in-memory Prometheus, without any chance."""

from __future__ import annotations

from dataclasses import dataclass, field

from delivery.clock import Clock
from delivery.cluster.client import Object
from delivery.lab.shop_routes import ShopRoutes
from delivery.telemetry.memory import Counter, MemoryPrometheus
from mesh_adapters.adapter import SplitDisagrees, TrafficSplit
from tests.scenarios.store import StoreReader
from tests.telemetry.istio_counters import requests

SPLIT = TrafficSplit("shop", "web", "web-stable", "web-canary", 0)
INSTANCE = "10.0.0.1:15090"
BASE_FAILURES = 0.001


def share_of(mesh: ShopRoutes, route: Object | None) -> float | None:
    """The canary's percent by a route, None where it is not split."""
    if route is None:
        return None
    try:
        return mesh.adapter.read(route, mesh.split)
    except SplitDisagrees:
        return float("nan")


@dataclass(slots=True)
class Traffic:
    """`failures` is the canary's failure rate, `rps` the requests a second of both versions; `shown` is what the
    counters were at each turn, scraped or not."""

    reader: StoreReader
    clock: Clock
    mesh: ShopRoutes
    failures: float = BASE_FAILURES
    rps: float = 40_000.0
    prometheus: MemoryPrometheus = field(default_factory=MemoryPrometheus)
    shown: list[tuple[float, dict[Counter, float]]] = field(default_factory=list)
    _served: dict[Counter, float] = field(default_factory=dict)
    _at: float | None = None

    def share(self) -> float | None:
        """The canary's percent by the route as it is, None where it is not split."""
        return share_of(self.mesh, self.reader.find(self.mesh.kind, "web", "shop"))

    def turn(self) -> None:
        """Serves what came since the last turn, and is scraped where Prometheus runs."""
        now, before = self.clock.now(), self._at
        if before is None or now > before:
            self._serve((now - before) if before is not None else 1.0)
            showing = {counter: float(round(n)) for counter, n in self._served.items()}
            self.shown.append((now, showing))
            if self.prometheus.down is None:
                self.prometheus.scrape(now, INSTANCE, showing)
            self._at = now

    def _serve(self, seconds: float) -> None:
        total = self.rps * seconds
        canary = total * (self.share() or 0.0) / 100
        for workload, count, rate in (("web", total - canary, BASE_FAILURES), ("web-canary", canary, self.failures)):
            for code, part in (("200", count * (1 - rate)), ("503", count * rate)):
                if part:
                    counter = requests(workload, code)
                    self._served[counter] = self._served.get(counter, 0.0) + part
