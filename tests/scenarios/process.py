"""One controller process that takes turns: the real reconciler and observation, without threads."""

from __future__ import annotations

from delivery.clock import Clock
from delivery.cluster.client import Cluster
from delivery.cluster.kinds import RELEASE
from delivery.cluster.reader import Live
from delivery.errors import HeadgateError
from delivery.reconcile.apply import Applier
from delivery.reconcile.events import Events
from delivery.reconcile.gather import Gatherer
from delivery.reconcile.observation import Observation
from delivery.reconcile.reconciler import Reconciler
from delivery.reconcile.records import Records
from delivery.reconcile.routes import Routes
from delivery.reconcile.term import Sole, Term
from delivery.resources.release import Release, release_from_object
from delivery.telemetry.collector import Collector
from delivery.telemetry.prometheus import MetricsSource
from mesh_adapters.istio.routes import IstioRoutes
from mesh_adapters.istio.series import ISTIO
from tests.scenarios.store import StoreReader
from tests.scenarios.universe import SHOP, WEB, Universe

SETTLE_S = 0.25
AGAIN_S = 0.25


class Process:
    """What the runner's threads do, done in turns. All it knows is lost with the object, as with a process."""

    def __init__(
        self,
        universe: Universe,
        cluster: Cluster,
        *,
        source: MetricsSource | None = None,
        memory: StoreReader | None = None,
        term: Term | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._universe = universe
        self._clock = clock or universe.clock
        self._term = term or Sole()
        self._memory = memory or universe.reader
        routes, records, events = (
            Routes(cluster, IstioRoutes()),
            Records(cluster, self._clock),
            Events(cluster, self._clock),
        )
        collector = Collector(source or universe.traffic.prometheus, ISTIO, settle=SETTLE_S)
        self._observation = Observation(collector, self._clock, self._active, lambda _: self.wake(), SETTLE_S)
        self._reconciler = Reconciler(
            Gatherer(self._memory, routes),
            Gatherer(Live(cluster), routes),
            records,
            Applier(cluster, routes, records, events),
            self._clock,
            self._observation.reading,
        )
        self._due = 0.0
        self._seen = -1
        self.problems: list[HeadgateError] = []

    def wake(self) -> None:
        self._due = 0.0

    def turn(self) -> None:
        """A look at Prometheus where one is due, and passes while one follows another at once."""
        self._observation.look()
        for _ in range(20):
            changed = self._memory.revision != self._seen
            if not changed and self._clock.now() < self._due:
                return
            self._pass()

    def _pass(self) -> None:
        self._seen = self._memory.revision
        try:
            again = self._reconciler.reconcile(SHOP, WEB, self._term).again_after
        except HeadgateError as problem:
            self.problems.append(problem)
            again = AGAIN_S
        self._due = float("inf") if again is None else self._clock.now() + again

    def _active(self) -> list[Release]:
        found = [release_from_object(obj) for obj in self._memory.list(RELEASE, SHOP)]
        return [release for release in found if release.active]
