"""The controller: informers wake keys, workers take them through passes, one thread looks at Prometheus."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from pydantic import ValidationError

from delivery.clock import Clock
from delivery.cluster.client import Cluster, Object
from delivery.cluster.informer import Informer
from delivery.cluster.kinds import (
    CLUSTER_DELIVERY_POLICY,
    DELIVERY_POLICY,
    DEPLOYMENT,
    RELEASE,
    SERVICE,
    VIRTUAL_SERVICE,
    Kind,
)
from delivery.errors import AlreadyExists, Conflict, HeadgateError, Retry
from delivery.reconcile import triggers
from delivery.reconcile.apply import Applier
from delivery.reconcile.events import Events
from delivery.reconcile.gather import Gatherer
from delivery.reconcile.observation import Observation
from delivery.reconcile.policies import PolicyChecker
from delivery.reconcile.queue import WorkQueue
from delivery.reconcile.reconciler import Reconciler
from delivery.reconcile.routes import Routes
from delivery.resources.release import Release, release_from_object
from delivery.settings import Settings
from delivery.telemetry.collector import Collector
from mesh_adapters.adapter import RouteAdapter

log = structlog.get_logger()
SYNC_TIMEOUT_S = 30.0


class Controller:
    """Everything that runs in one controller process."""

    def __init__(
        self, settings: Settings, cluster: Cluster, adapter: RouteAdapter, collector: Collector, clock: Clock
    ) -> None:
        self._settings = settings
        self._cluster = cluster
        self._queue: WorkQueue[triggers.Key] = WorkQueue()
        events = Events(cluster, clock)
        routes = Routes(cluster, adapter)
        self._policies = PolicyChecker(cluster, events, clock)
        self._observation = Observation(collector, clock, self._active_releases, self._wake, settings.settle_s)
        self._reconciler = Reconciler(
            cluster, Gatherer(cluster, routes), Applier(cluster, routes, events), clock, self._observation.reading
        )
        self._deployments = self._informer(DEPLOYMENT, self._on_deployment)
        self._releases = self._informer(RELEASE, self._on_release)
        self._others = [
            self._informer(DELIVERY_POLICY, self._on_policy(DELIVERY_POLICY)),
            self._informer(CLUSTER_DELIVERY_POLICY, self._on_policy(CLUSTER_DELIVERY_POLICY)),
            self._informer(SERVICE, self._on_neighbour),
        ]
        self._routes_informer = Informer(cluster, VIRTUAL_SERVICE, on_change=self._on_route)
        self._workers = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            for number in range(settings.workers)
        ]

    def start(self) -> None:
        """Lists everything once, then works on changes. Raises Unavailable when the lists do not come."""
        needed = [self._deployments, self._releases, *self._others]
        if self._cluster.serves(VIRTUAL_SERVICE):
            needed.append(self._routes_informer)
        for informer in self._informers():
            informer.start()
        for informer in needed:
            informer.wait_synced(SYNC_TIMEOUT_S)
        self._observation.start()
        for worker in self._workers:
            worker.start()
        log.info("controller started", api=self._cluster.host, prometheus=self._settings.prometheus_url)

    def stop(self) -> None:
        """Ends after the passes at work; what they were about to do is done by the next controller."""
        self._queue.close()
        self._observation.stop()
        for worker in self._workers:
            worker.join(10)
        for informer in self._informers():
            informer.stop()

    def _informers(self) -> tuple[Informer, ...]:
        # Routes too where no mesh is installed yet: that informer finds them once it is.
        return self._deployments, self._releases, *self._others, self._routes_informer

    # -- waking --

    def _informer(self, kind: Kind, on_change: Callable[[tuple[str | None, str], Object | None], None]) -> Informer:
        namespace = self._settings.namespace if kind.namespaced else None
        return Informer(self._cluster, kind, namespace, on_change=on_change)

    def _on_deployment(self, key: tuple[str | None, str], deployment: Object | None) -> None:
        if deployment is None:
            self._queue.add((key[0] or "", key[1].removesuffix("-canary")))
            self._queue.add((key[0] or "", key[1]))
            return
        woken = triggers.from_deployment(deployment)
        if woken:
            self._queue.add(woken)

    def _on_release(self, _key: tuple[str | None, str], release: Object | None) -> None:
        self._observation.stir()
        if release is not None:
            self._queue.add(triggers.from_release(release))

    def _on_policy(self, kind: Kind) -> Callable[[tuple[str | None, str], Object | None], None]:
        def changed(key: tuple[str | None, str], policy: Object | None) -> None:
            if policy is not None:
                self._check_policy(kind, policy)
            for woken in triggers.from_policy(key[1], key[0], self._deployments.list()):
                self._queue.add(woken)

        return changed

    def _on_neighbour(self, key: tuple[str | None, str], _object: Object | None) -> None:
        for woken in triggers.from_neighbour(key[0], self._deployments.list()):
            self._queue.add(woken)

    def _on_route(self, _key: tuple[str | None, str], _object: Object | None) -> None:
        # A route may live in another namespace than the Service it names.
        self._on_neighbour((self._settings.namespace, ""), None)

    def _check_policy(self, kind: Kind, policy: Object) -> None:
        try:
            self._policies.check(kind, policy)
        except HeadgateError as problem:
            log.warning("policy not checked", policy=policy["metadata"]["name"], problem=str(problem))

    def _wake(self, release: Release) -> None:
        self._queue.add((release.namespace, release.spec.deployment))

    def _active_releases(self) -> list[Release]:
        return [release for obj in self._releases.list() if (release := _readable(obj)) is not None and release.active]

    # -- working --

    def _work(self) -> None:
        while (key := self._queue.get()) is not None:
            try:
                again = self._reconciler.reconcile(*key)
            except Exception as problem:
                self._failed(key, problem)
            else:
                self._queue.forget(key)
                if again is not None:
                    self._queue.add(key, again)
            finally:
                self._queue.done(key)

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


def _readable(obj: Object) -> Release | None:
    try:
        return release_from_object(obj)
    except ValidationError:
        return None  # its own pass says so
