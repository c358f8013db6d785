"""Every state that the objects of an app go through, in the order the API server tells."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, TypeVar

from delivery.cluster.client import Cluster, WatchEvent
from delivery.cluster.kinds import POD, REPLICA_SET, Kind
from delivery.errors import Unavailable

Object = dict[str, Any]
Measured = TypeVar("Measured")


@dataclass(frozen=True, slots=True)
class PodState:
    """Pods that are not terminating, those of them that are ready, and the images they run."""

    total: int
    ready: int
    images: frozenset[str]


class Observer(Generic[Measured]):
    """Watches while its context lasts; `states` are what `measure` said after every event."""

    def __init__(
        self, cluster: Cluster, kind: Kind, namespace: str, measure: Callable[[Collection[Object]], Measured]
    ) -> None:
        listing = cluster.list(kind, namespace, labels={"app": "app"})
        self._objects = {each["metadata"]["name"]: each for each in listing.items}
        version = listing.resource_version
        self._watch = cluster.watch(kind, namespace, resource_version=version, labels={"app": "app"})
        self._measure = measure
        self.states: list[Measured] = [measure(self._objects.values())]
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Observer[Measured]:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.close()
        self._thread.join(5)

    def _run(self) -> None:
        try:
            for event in self._watch:
                self._take(event)
        except Unavailable:
            return  # closed while it read

    def _take(self, event: WatchEvent) -> None:
        if event.type == "BOOKMARK":
            return
        name = event.object["metadata"]["name"]
        if event.type == "DELETED":
            self._objects.pop(name, None)
        else:
            self._objects[name] = event.object
        self.states.append(self._measure(self._objects.values()))


def observe_pods(cluster: Cluster, namespace: str) -> Observer[PodState]:
    """The pods labelled `app: app`."""
    return Observer(cluster, POD, namespace, _pod_state)


def observe_sizes(cluster: Cluster, namespace: str) -> Observer[int]:
    """The pods that the ReplicaSets labelled `app: app` ask for together.

    This is what maxSurge bounds. The pods themselves may be one more for a moment: one ReplicaSet may create its new
    pod before another has deleted the pod that it was told to give up.
    """
    return Observer(cluster, REPLICA_SET, namespace, lambda found: sum(each["spec"]["replicas"] for each in found))


def _pod_state(pods: Collection[Object]) -> PodState:
    staying = [each for each in pods if not each["metadata"].get("deletionTimestamp")]
    ready = sum(_is_ready(each) for each in staying)
    return PodState(len(staying), ready, frozenset(each["spec"]["containers"][0]["image"] for each in staying))


def _is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
