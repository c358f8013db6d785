"""The controller: informers wake keys, workers take them through passes, one thread looks at Prometheus."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

import structlog

from delivery.clock import Clock
from delivery.cluster.client import Cluster, Object
from delivery.cluster.kinds import Kind
from delivery.cluster.reader import Live, Once
from delivery.errors import AlreadyExists, Conflict, HeadgateError, Retry
from delivery.reconcile import triggers
from delivery.reconcile.active_releases import Name
from delivery.reconcile.apply import Applier
from delivery.reconcile.events import Events
from delivery.reconcile.gather import Gatherer
from delivery.reconcile.leadership import Leadership, SoleLeadership, Timing, new_identity, prompt
from delivery.reconcile.observation import Observation
from delivery.reconcile.parsed import Releases
from delivery.reconcile.policies import DryRun, PolicyChecker
from delivery.reconcile.queue import WorkQueue
from delivery.reconcile.reconciler import Outcome, Reconciler
from delivery.reconcile.records import Records
from delivery.reconcile.route_finding import route_kinds
from delivery.reconcile.routes import Routes
from delivery.reconcile.watching import OnRelease, Watching
from delivery.resources.release import Release
from delivery.settings import Settings
from delivery.telemetry.collector import Collector
from delivery.telemetry.reasons import without_credentials
from mesh_adapters.meshes import Mesh

log = structlog.get_logger()
POLICIES_AGAIN_S = 30.0  # after which one whose queries nobody answered is tried again


class Controller:
    """Everything that runs in one controller process."""

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        meshes: Mapping[str, Mesh],
        collector: Collector,
        clock: Clock,
        on_release: Sequence[OnRelease] = (),
        on_more_led: Sequence[Callable[[], None]] = (),
    ) -> None:
        self._on_release = tuple(on_release)
        self._on_more_led = tuple(on_more_led)
        self._settings = settings
        self._cluster = cluster
        self._queue: WorkQueue[triggers.Key] = WorkQueue()
        self._leadership = _leadership(settings, cluster, self._on_gained)
        self._refused: set[triggers.Key] = set()
        self._stopped = False
        self._policies_due = threading.Event()
        events, routes, parsed = Events(cluster, clock), Routes(cluster, meshes), Releases()
        records = Records(cluster, clock, parsed)
        self._observation = Observation(collector, clock, self._own_releases, self._wake, settings.settle_s)
        self._watching = Watching(
            cluster,
            settings.namespace,
            route_kinds(meshes),
            parsed,
            wake=self._queue.add,
            wake_refused=self._wake_refused,
            on_release=self._release_changed,
            on_policy=lambda _kind, _policy: self._policies_due.set(),
        )
        dry_run: DryRun = lambda metrics: collector.dry_run(metrics, clock.now())  # noqa: E731
        self._policies = PolicyChecker(cluster, events, clock, dry_run)
        self._reconciler = Reconciler(
            Gatherer(self._watching.memory, routes, parsed),
            lambda: Gatherer(Once(Live(cluster)), routes, parsed, self._watching.memory),
            records,
            Applier(cluster, routes, records, events),
            clock,
            self._observation.known,
        )
        cluster.tell(self._watching.memory.wrote)
        self._workers = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            for number in range(settings.workers)
        ]
        self._workers.append(threading.Thread(target=self._check_policies, name="policies", daemon=True))

    def start(self) -> None:
        """Lists everything once, then works on changes. Raises Unavailable when the lists do not come."""
        self._watching.start()
        self._observation.start()
        for worker in self._workers:
            worker.start()
        self._leadership.start()
        prometheus = without_credentials(self._settings.prometheus_url)
        log.info("controller started", api=self._cluster.host, prometheus=prometheus)

    def stop(self) -> None:
        """Ends after the passes at work; what they were about to do is done by the next controller."""
        self._stopped = True
        self._policies_due.set()
        self._queue.close()
        self._observation.stop()
        for worker in self._workers:
            worker.join(10)
        self._leadership.stop()  # last: who takes over at once must not meet a pass of ours
        self._watching.stop()

    @property
    def waiting(self) -> int:
        """Deployments that wait for a pass now."""
        return self._queue.waiting

    def leads(self, namespace: str, deployment: str) -> bool:
        """Whether this process may write for that Deployment now."""
        return self._leadership.term(namespace, deployment) is not None

    # -- waking --

    def _release_changed(self, name: Name, release: Release | None) -> None:
        self._observation.stir()
        for listener in self._on_release:
            listener(name, release)

    def _wake(self, release: Release) -> None:
        self._queue.add((release.namespace, release.spec.deployment))

    def _wake_refused(self) -> None:
        for key in tuple(self._refused):
            self._queue.add(key)

    def _check_policy(self, kind: Kind, policy: Object) -> bool:
        """False where it is to be checked again."""
        meta = policy["metadata"]
        if self._leadership.term(meta.get("namespace") or "", meta["name"]) is None:
            return True
        try:
            return self._policies.check(kind, policy)
        except HeadgateError as problem:
            log.warning("policy not checked", policy=meta["name"], problem=str(problem))
        except Exception:  # one policy of a shape nobody foresaw must not end the thread
            log.exception("policy not checked by a defect", policy=meta["name"])
        return True

    def _own_releases(self) -> list[Release]:
        held, shard = set(self._leadership.held()), self._leadership.shard
        return [
            each for each in self._watching.active_releases() if shard(each.namespace, each.spec.deployment) in held
        ]

    def _on_gained(self, shard: int) -> None:
        """Everything that is now ours gets a pass: what the last leader left undone is found by looking."""
        for key in self._watching.concerned():
            if self._leadership.shard(*key) == shard:
                self._queue.add(key)
        self._policies_due.set()  # writes: a renewal of the Lease must not wait for them
        self._observation.stir()
        for listener in self._on_more_led:
            listener()

    def _check_policies(self) -> None:
        settled = True
        while not self._stopped:
            self._policies_due.wait(None if settled else POLICIES_AGAIN_S)
            self._policies_due.clear()
            if not self._stopped:
                checked = [self._check_policy(kind, policy) for kind, policy in self._watching.policies()]
                settled = all(checked)

    # -- working --

    def _work(self) -> None:
        while (key := self._queue.get()) is not None:
            try:
                outcome = self._pass(key)
            except Exception as problem:
                self._failed(key, problem)
            else:
                self._queue.forget(key)
                (self._refused.add if outcome.refused else self._refused.discard)(key)
                if outcome.again_after is not None:
                    self._queue.add(key, outcome.again_after)
            finally:
                self._queue.done(key)

    def _pass(self, key: triggers.Key) -> Outcome:
        term = self._leadership.term(*key)
        return Outcome() if term is None else self._reconciler.reconcile(*key, term)

    def _failed(self, key: triggers.Key, problem: Exception) -> None:
        name = "/".join(key)
        if isinstance(problem, Conflict | AlreadyExists):
            self._queue.retry(key)
            log.info("somebody else wrote first; gathering again", deployment=name, problem=str(problem))
        elif isinstance(problem, HeadgateError):
            wait = self._queue.retry(key, problem.after if isinstance(problem, Retry) else None)
            log.warning("pass failed", deployment=name, problem=str(problem), again_in_s=round(wait, 1))
        else:
            wait = self._queue.retry(key)
            log.error("pass failed by a defect", deployment=name, again_in_s=round(wait, 1), exc_info=problem)


def _leadership(settings: Settings, cluster: Cluster, on_gained: Callable[[int], None]) -> Leadership | SoleLeadership:
    if settings.lease_namespace is None:
        return SoleLeadership(on_gained=on_gained, on_lost=_nothing)
    timing = Timing()
    return Leadership(
        prompt(cluster, timing),
        identity=new_identity(),
        namespace=settings.lease_namespace,
        shards=settings.shards,
        timing=timing,
        on_gained=on_gained,
        on_lost=_nothing,
    )


def _nothing(_shard: int) -> None:
    """A term that is over refuses every write by itself."""
