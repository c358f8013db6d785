"""The controllers together: informers wake the loops, each loop works off its own kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from delivery.clock import Clock, WallClock
from delivery.cluster.client import Cluster, Object
from delivery.cluster.informer import Informer, OnChange
from delivery.cluster.kinds import DEPLOYMENT, ENDPOINT_SLICE, ENDPOINTS, POD, REPLICA_SET, SERVICE, Kind
from delivery.lab.neighbours.collector import Collector
from delivery.lab.neighbours.gather import Planning, deployment_plan, replica_set_plan, service_plan
from delivery.lab.neighbours.loop import Loop, Name
from delivery.lab.neighbours.ownership import controller_uid
from delivery.lab.neighbours.selectors import holds_all, labels_of, matches
from delivery.lab.neighbours.views import Memory, Server

SYNC_TIMEOUT_S = 60.0
SERVICE_NAME = "kubernetes.io/service-name"
Heard = Callable[[Name, Sequence[Object]], None]


class Neighbours:
    """Controllers of Deployments, ReplicaSets and endpoints, and with `collect_garbage` of what is owned by nothing."""

    def __init__(self, cluster: Cluster, *, collect_garbage: bool = False, clock: Clock | None = None) -> None:
        self._cluster = cluster
        self._clock = clock or WallClock()
        heard: dict[Kind, Heard] = {
            POD: self._on_pod,
            REPLICA_SET: self._on_replica_set,
            DEPLOYMENT: lambda key, _seen: self._deployments.wake(key),
            SERVICE: lambda key, _seen: self._services.wake(key),
            ENDPOINTS: lambda key, _seen: self._services.wake(key),
            ENDPOINT_SLICE: self._on_slice,
        }
        self._informers = {kind: Informer(cluster, kind, on_change=self._remembering(on)) for kind, on in heard.items()}
        self._deployments = self._loop("deployments", deployment_plan)
        self._replica_sets = self._loop("replicasets", replica_set_plan)
        self._services = self._loop("endpoints", service_plan)
        self._collector = Collector(cluster) if collect_garbage else None

    def start(self) -> None:
        """Returns once everything there is was heard of. Raises Unavailable when the API server does not answer."""
        for informer in self._informers.values():
            informer.start()
        for informer in self._informers.values():
            informer.wait_synced(SYNC_TIMEOUT_S)
        for loop in self._loops:
            loop.start()
        if self._collector:
            self._collector.start()

    def stop(self) -> None:
        """Ends all threads; the pass under way is finished."""
        if self._collector:
            self._collector.stop()
        for informer in self._informers.values():
            informer.stop()
        for loop in self._loops:
            loop.stop()

    @property
    def _loops(self) -> tuple[Loop, ...]:
        return self._deployments, self._replica_sets, self._services

    def _loop(self, name: str, planning: Planning) -> Loop:
        memory, server = Memory(self._informers), Server(self._cluster)
        return Loop(
            name,
            self._cluster,
            glance=lambda key: planning(memory, self._clock, key),
            decide=lambda key: planning(server, self._clock, key),
        )

    # -- what a change wakes --------------------------------------------------------------------------------

    def _remembering(self, heard: Heard) -> OnChange:
        """Calls `heard` with the object before and after: what an object left matters as much as what it joined."""
        last: dict[tuple[str | None, str], Object] = {}

        def on_change(name: tuple[str | None, str], obj: Object | None) -> None:
            seen = [each for each in (last.pop(name, None), obj) if each is not None]
            if obj is not None:
                last[name] = obj
            heard((name[0] or "", name[1]), seen)

        return on_change

    def _on_replica_set(self, key: Name, seen: Sequence[Object]) -> None:
        self._replica_sets.wake(key)
        for each in seen:
            self._wake_owner(self._deployments, DEPLOYMENT, key[0], each)

    def _on_pod(self, key: Name, seen: Sequence[Object]) -> None:
        namespace, name = key
        for each in seen:
            self._wake_owner(self._replica_sets, REPLICA_SET, namespace, each)
            self._wake_services(namespace, each)
            if self._informers[POD].get(name, namespace) is None:
                self._wake_recreating(namespace, each)

    def _on_slice(self, key: Name, seen: Sequence[Object]) -> None:
        for each in seen:
            service = labels_of(each).get(SERVICE_NAME)
            if service:
                self._services.wake((key[0], service))

    def _wake_owner(self, loop: Loop, kind: Kind, namespace: str, dependent: Object) -> None:
        uid = controller_uid(dependent)
        for owner in self._informers[kind].list(namespace):
            if uid == owner["metadata"]["uid"] or (uid is None and self._selects(owner, dependent)):
                loop.wake((namespace, owner["metadata"]["name"]))

    def _selects(self, owner: Object, dependent: Object) -> bool:
        with suppress(ValueError):  # the owner's own pass says what is wrong with its selector
            return matches(owner["spec"]["selector"], labels_of(dependent))
        return False

    def _wake_services(self, namespace: str, pod: Object) -> None:
        for service in self._informers[SERVICE].list(namespace):
            selector = service["spec"].get("selector")
            if selector and holds_all(selector, labels_of(pod)):
                self._services.wake((namespace, service["metadata"]["name"]))

    def _wake_recreating(self, namespace: str, pod: Object) -> None:
        """A Deployment that waits for the last old pod to go has nothing else to wake it."""
        for replica_set in self._informers[REPLICA_SET].list(namespace):
            if replica_set["metadata"]["uid"] == controller_uid(pod):
                self._wake_owner(self._deployments, DEPLOYMENT, namespace, replica_set)
