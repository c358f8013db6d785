"""One controller process that takes turns: the real informers, observation and reconciler, without threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from delivery.clock import Clock
from delivery.cluster.client import Cluster
from delivery.cluster.informer import Informer
from delivery.cluster.kinds import RELEASE
from delivery.cluster.reader import Live, Once, Reader
from delivery.errors import HeadgateError
from delivery.reconcile.apply import Applier
from delivery.reconcile.events import Events
from delivery.reconcile.gather import Gatherer
from delivery.reconcile.leadership import SoleTerm
from delivery.reconcile.observation import Observation
from delivery.reconcile.parsed import Releases
from delivery.reconcile.reconciler import Reconciler
from delivery.reconcile.records import Records
from delivery.reconcile.route_finding import route_kinds
from delivery.reconcile.routes import Routes
from delivery.reconcile.term import Term
from delivery.reconcile.watching import Watching
from delivery.resources.release import Release, release_from_object
from delivery.telemetry.collector import Collector
from delivery.telemetry.lanes import InlineLanes
from delivery.telemetry.prometheus import MetricsSource
from mesh_adapters.meshes import meshes
from tests.scenarios.universe import SHOP, WEB, Universe

SETTLE_S = 0.25
AGAIN_S = 0.25


@dataclass(slots=True)
class Hearing:
    """How a process hears of changes: from the store itself, at once."""

    universe: Universe
    seen: int = -1

    @property
    def memory(self) -> Reader:
        return self.universe.reader

    def changed(self) -> bool:
        """Whether there is news since this was asked last."""
        before, self.seen = self.seen, self.universe.reader.revision
        return before != self.seen

    def active_releases(self) -> list[Release]:
        found = [release_from_object(obj) for obj in self.universe.reader.list(RELEASE, SHOP)]
        return [release for release in found if release.active]


class Watched:
    """The same by the controller's own informers, through a client that may be failing."""

    def __init__(self, universe: Universe, cluster: Cluster) -> None:
        self._universe = universe
        self._clock = universe.clock
        self._woken = False
        self._parsed = Releases()
        self._watching = Watching(
            cluster,
            SHOP,
            route_kinds(meshes()),
            self._parsed,
            wake=lambda _: self._wake(),
            wake_refused=self._wake,
            on_release=lambda _name, _release: self._wake(),
            on_policy=lambda _kind, _policy: None,
        )
        self._due: dict[Informer, float] = {}

    @property
    def memory(self) -> Reader:
        return self._watching.memory

    def changed(self) -> bool:
        """Gives every informer that is due and has something to hear a turn; whether one of them woke anybody."""
        for informer in self._watching.informers:
            news = self._universe.changed_at.get((informer.kind.group, informer.kind.plural), 0) > informer.heard
            if (news or not informer.synced) and self._clock.now() >= self._due.get(informer, 0.0):
                self._due[informer] = self._clock.now() + informer.round()
        woken, self._woken = self._woken, False
        return woken

    def active_releases(self) -> list[Release]:
        return self._watching.active_releases()

    def _wake(self) -> None:
        self._woken = True


class Process:
    """What the runner's threads do, done in turns. All it knows is lost with the object, as with a process."""

    def __init__(
        self,
        universe: Universe,
        cluster: Cluster,
        *,
        source: MetricsSource | None = None,
        hearing: Hearing | Watched | None = None,
        term: Term | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or universe.clock
        self._term = term or SoleTerm()
        self._hearing = hearing or Hearing(universe)
        routes, parsed = Routes(cluster, meshes()), Releases()
        records = Records(cluster, self._clock, parsed)
        events = Events(cluster, self._clock)
        # Its time is not the world's: what is asked is answered before time goes on.
        prometheus = source or universe.traffic.prometheus
        collector = Collector(prometheus, settle=SETTLE_S, lanes=InlineLanes())
        wake: Callable[[Release], None] = lambda _: self.wake()  # noqa: E731 (a listener)
        self._observation = Observation(collector, self._clock, self._hearing.active_releases, wake, SETTLE_S)
        self._reconciler = Reconciler(
            Gatherer(self._hearing.memory, routes, parsed),
            lambda: Gatherer(Once(Live(cluster)), routes, parsed, self._hearing.memory),
            records,
            Applier(cluster, routes, records, events),
            self._clock,
            self._observation.known,
        )
        self._due = 0.0

    def wake(self) -> None:
        self._due = 0.0

    def turn(self, *, looks: bool = True) -> None:
        """A look at Prometheus where one is due, and passes while one follows another at once. `looks=False`: the
        passes that a worker may get to before the first answer is there."""
        if looks:
            self._observation.look()
        for _ in range(20):
            if not self._hearing.changed() and self._clock.now() < self._due:
                return
            self._pass()

    def _pass(self) -> None:
        try:
            again = self._reconciler.reconcile(SHOP, WEB, self._term).again_after
        except HeadgateError:
            again = AGAIN_S
        self._due = float("inf") if again is None else self._clock.now() + again
