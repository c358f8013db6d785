"""Every state the pods of an app go through, in the order the API server tells."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from delivery.cluster.client import Cluster, WatchEvent
from delivery.cluster.kinds import POD
from delivery.errors import Unavailable


@dataclass(frozen=True, slots=True)
class State:
    """Pods that are not terminating, and those of them that are ready; by image."""

    total: int
    ready: int
    images: frozenset[str]


class Observer:
    """Watches while its context lasts; `states` are what it saw."""

    def __init__(self, cluster: Cluster, namespace: str, app: str = "app") -> None:
        listing = cluster.list(POD, namespace, labels={"app": app})
        self._pods = {each["metadata"]["name"]: each for each in listing.items}
        self._watch = cluster.watch(POD, namespace, resource_version=listing.resource_version, labels={"app": app})
        self.states: list[State] = [self._state()]
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Observer:
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
            self._pods.pop(name, None)
        else:
            self._pods[name] = event.object
        self.states.append(self._state())

    def _state(self) -> State:
        staying = [each for each in self._pods.values() if not each["metadata"].get("deletionTimestamp")]
        ready = [each for each in staying if _is_ready(each)]
        return State(len(staying), len(ready), frozenset(each["spec"]["containers"][0]["image"] for each in staying))


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
