"""The cluster of the benchmark: many annotated Deployments, pods that get ready, and when what was first seen."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from delivery.cluster.client import Cluster
from delivery.cluster.informer import Informer
from delivery.cluster.kinds import (
    DELIVERY_POLICY,
    DEPLOYMENT,
    NAMESPACE,
    NODE,
    POD,
    RELEASE,
    SERVICE,
    VIRTUAL_SERVICE,
)
from delivery.errors import AlreadyExists, Conflict, NotFound, Unavailable
from delivery.resources.annotations import DEPLOYMENT as OF_DEPLOYMENT
from delivery.resources.annotations import POLICY as BY_POLICY

Name = tuple[str | None, str]
Object = dict[str, Any]

NODE_NAME = "node-1"
LISTED_WITHIN_S = 300.0  # ten thousand pods, and many who list them
STAGES = ("Release created", "Services created", "canary Deployment created", "route split")
RELEASED, SERVICES, CANARY, SPLIT = STAGES
POLICY = {
    "strategy": {"canary": {"steps": [5, 50]}},
    "analysis": {"interval": "10s", "metrics": [{"kind": "errorRate"}]},
}


def names(deployments: int, namespaces: int) -> list[tuple[str, str]]:
    """(namespace, name) of each Deployment, spread evenly."""
    return [(f"team-{number % namespaces:02}", f"app-{number:04}") for number in range(deployments)]


def template(name: str, version: str) -> Object:
    container = {"name": "app", "image": f"registry.example/{name}:{version}", "ports": [{"containerPort": 8080}]}
    # Kubernetes' own endpoint controller leaves out a pod that is on no node.
    return {"metadata": {"labels": {"app": name}}, "spec": {"nodeName": NODE_NAME, "containers": [container]}}


def fill(cluster: Cluster, found: list[tuple[str, str]], policy: Object = POLICY) -> None:
    """Namespaces, each with a policy, and in them the Deployments with their Services and VirtualServices."""
    for namespace in sorted({namespace for namespace, _ in found}):
        cluster.create(NAMESPACE, {"metadata": {"name": namespace}})
        named = {"metadata": {"name": "standard", "namespace": namespace}, "spec": policy}
        cluster.create(DELIVERY_POLICY, named)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda pair: _create(cluster, *pair), found))


def _create(cluster: Cluster, namespace: str, name: str) -> None:
    meta = {"name": name, "namespace": namespace}
    ports = [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]
    cluster.create(SERVICE, {"metadata": meta, "spec": {"selector": {"app": name}, "ports": ports}})
    route = {"route": [{"destination": {"host": name, "port": {"number": 80}}}]}
    cluster.create(VIRTUAL_SERVICE, {"metadata": meta, "spec": {"hosts": [name], "http": [route]}})
    annotated = meta | {"annotations": {BY_POLICY: "standard"}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template(name, "1")}
    cluster.create(DEPLOYMENT, {"metadata": annotated, "spec": spec})


class Kubelet:
    """Every pod runs and is ready as soon as it exists, and is gone as soon as it is told to go."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._numbers = itertools.count(1)

    def on_pod(self, name: Name, pod: Object | None) -> None:
        if pod is None:
            return
        with suppress(NotFound, Conflict):  # it went meanwhile
            if pod["metadata"].get("deletionTimestamp"):
                self._cluster.delete(POD, name[1], name[0], uid=pod["metadata"]["uid"], grace_period_s=0)
            elif not (pod.get("status") or {}).get("podIP"):
                self._run(name, pod["metadata"]["uid"])

    def _run(self, name: Name, uid: str) -> None:
        number, now = next(self._numbers), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        ip = f"10.{1 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}"
        conditions = [
            {"type": word, "status": "True", "lastTransitionTime": now} for word in ("Ready", "ContainersReady")
        ]
        status = {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "conditions": conditions}
        self._cluster.patch(POD, name[1], name[0], {"metadata": {"uid": uid}, "status": status}, subresource="status")


class Sightings:
    """When (monotonic seconds) each stage of a Deployment's release was first seen by watches of our own."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str], float] = {}
        self._services: dict[tuple[str, str], set[str]] = {}
        self._lock = threading.Lock()

    def of(self, namespace: str, name: str) -> dict[str, float]:
        with self._lock:
            return {stage: at for (where, who, stage), at in self._seen.items() if (where, who) == (namespace, name)}

    def on_release(self, name: Name, obj: Object | None) -> None:
        if obj is not None:
            self._see(name[0], obj["spec"]["deployment"], RELEASED)

    def on_service(self, name: Name, obj: Object | None) -> None:
        owner = ((obj or {}).get("metadata", {}).get("labels") or {}).get(OF_DEPLOYMENT)
        if owner:
            known = self._services.setdefault((str(name[0]), owner), set())
            known.add(name[1])
            if len(known) == 2:  # the one of stable and the one of the canary
                self._see(name[0], owner, SERVICES)

    def on_route(self, name: Name, obj: Object | None) -> None:
        if obj is not None and any(len(rule["route"]) > 1 for rule in obj["spec"]["http"]):
            self._see(name[0], name[1], SPLIT)

    def on_deployment(self, name: Name, obj: Object | None) -> None:
        if obj is not None and name[1].endswith("-canary"):
            self._see(name[0], name[1].removesuffix("-canary"), CANARY)

    def _see(self, namespace: str | None, name: str, stage: str) -> None:
        with self._lock:
            self._seen.setdefault((str(namespace), name, stage), time.monotonic())


@contextmanager
def watched(cluster: Cluster, sightings: Sightings) -> Iterator[Informer]:
    """The kubelet and the watches run while the context lasts; gives the informer of Deployments."""
    if cluster.serves(NODE):  # the real endpoint controller looks a pod's node up
        with suppress(AlreadyExists):
            cluster.create(NODE, {"metadata": {"name": NODE_NAME}})
    deployments = Informer(cluster, DEPLOYMENT, on_change=sightings.on_deployment)
    informers = [
        deployments,
        Informer(cluster, POD, on_change=Kubelet(cluster).on_pod),
        Informer(cluster, RELEASE, on_change=sightings.on_release),
        Informer(cluster, SERVICE, on_change=sightings.on_service),
        Informer(cluster, VIRTUAL_SERVICE, on_change=sightings.on_route),
    ]
    with ExitStack() as stack:
        for informer in informers:
            informer.start()
            stack.callback(informer.stop)
        for informer in informers:
            informer.wait_synced(LISTED_WITHIN_S)
        yield deployments


def wait_until(held: Callable[[], bool], what: str, within_s: float, every_s: float = 0.05) -> None:
    """Looks again and again. Raises Unavailable that says `what` when it does not come true in time."""
    deadline = time.monotonic() + within_s
    while not held():
        if time.monotonic() > deadline:
            raise Unavailable(f"{what}: not so after {within_s:.0f} s")
        time.sleep(every_s)
