"""Kubernetes' own controllers and a kubelet, taking turns: the lab's planning, with its passes one after another."""

from __future__ import annotations

import itertools
from contextlib import suppress
from datetime import UTC, datetime

from delivery.clock import Clock
from delivery.cluster.client import Cluster, Object
from delivery.cluster.kinds import (
    DEPLOYMENT,
    ENDPOINTS,
    HTTP_ROUTE,
    LINKERD_HTTP_ROUTE,
    POD,
    REPLICA_SET,
    SERVICE,
    Kind,
)
from delivery.errors import AlreadyExists, Conflict, NotFound
from delivery.lab.apiserver.routes import ApiServer
from delivery.lab.mesh.references import References
from delivery.lab.mesh.route_status import with_our_parents
from delivery.lab.neighbours.executor import apply
from delivery.lab.neighbours.gather import Planning, deployment_plan, replica_set_plan, service_plan
from tests.contract.neighbours.kubelet import READINESS
from tests.scenarios.store import StoreReader

PASSES = 30  # a round of these settles everything a test does at once
START_S = 0.5
NOW = "2023-11-14T22:13:20Z"  # of conditions; nobody looks at it


class Neighbourhood:
    """The controllers of Deployments, ReplicaSets and endpoints."""

    def __init__(self, server: ApiServer, cluster: Cluster, clock: Clock) -> None:
        self._reader = StoreReader(server)
        self._cluster = cluster
        self._clock = clock
        self._settled_at = -1
        self._wake_at = 0.0

    def turn(self) -> None:
        """Passes until nothing is left to do for now."""
        if self._reader.revision == self._settled_at and self._clock.now() < self._wake_at:
            return
        for _ in range(PASSES):
            before = self._reader.revision
            self._wake_at = float("inf")
            for kind, planning in ((DEPLOYMENT, deployment_plan), (REPLICA_SET, replica_set_plan)):
                self._each(kind, planning)
            self._services()
            if self._reader.revision == before:
                break
        self._settled_at = self._reader.revision

    def replica_sets(self) -> list[Object]:
        return self._reader.list(REPLICA_SET, "shop")

    def _each(self, kind: Kind, planning: Planning) -> None:
        for obj in self._reader.list(kind):
            self._pass(planning, (obj["metadata"]["namespace"], obj["metadata"]["name"]))

    def _services(self) -> None:
        found = [*self._reader.list(SERVICE, "shop"), *self._reader.list(ENDPOINTS, "shop")]
        for name in sorted({obj["metadata"]["name"] for obj in found}):
            self._pass(service_plan, ("shop", name))

    def _pass(self, planning: Planning, key: tuple[str, str]) -> None:
        plan = planning(self._reader, self._clock, key)
        if plan.wake_after_s is not None:
            self._wake_at = min(self._wake_at, self._clock.now() + plan.wake_after_s)
        with suppress(Conflict, AlreadyExists, NotFound):  # overtaken by its own last write: the next pass sees it
            apply(self._cluster, plan)


class MeshStatus:
    """The mesh's controller, of routes that have a status: tells what it makes of them."""

    def __init__(self, cluster: Cluster, reader: StoreReader, kind: Kind) -> None:
        self._cluster = cluster
        self._reader = reader
        self._kind = kind

    def turn(self) -> None:
        if self._kind not in (HTTP_ROUTE, LINKERD_HTTP_ROUTE):
            return
        references = References.among(self._reader.list(SERVICE))
        for route in self._reader.list(self._kind):
            parents = with_our_parents(self._kind, route, references, NOW)
            if parents is not None:
                body = {**route, "status": {**(route.get("status") or {}), "parents": parents}}
                with suppress(NotFound, Conflict):
                    self._cluster.replace(self._kind, body, subresource="status")


class Kubelet:
    """Starts pods, which are ready some time later, and ends those that are told to go."""

    def __init__(self, cluster: Cluster, reader: StoreReader, clock: Clock) -> None:
        self._cluster = cluster
        self._reader = reader
        self._clock = clock
        self._since: dict[str, float] = {}
        self._numbers = itertools.count(1)

    def turn(self) -> None:
        for pod in self._reader.list(POD):
            with suppress(NotFound, Conflict):
                self._care_for(pod)

    def lose(self, pod: Object) -> None:
        """The pod is gone without a word, as with its node."""
        meta = pod["metadata"]
        self._cluster.delete(POD, meta["name"], meta["namespace"], grace_period_s=0)

    def _care_for(self, pod: Object) -> None:
        meta = pod["metadata"]
        if meta.get("deletionTimestamp"):
            self._cluster.delete(POD, meta["name"], meta["namespace"], uid=meta["uid"], grace_period_s=0)
            return
        started = self._since.setdefault(meta["uid"], self._clock.now())
        never = (meta.get("annotations") or {}).get(READINESS) == "never"
        if not never and self._clock.now() - started >= START_S and not (pod.get("status") or {}).get("podIP"):
            self._report_ready(pod)

    def _report_ready(self, pod: Object) -> None:
        meta, number = pod["metadata"], next(self._numbers)
        now = datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        conditions = [
            {"type": kind, "status": "True", "lastTransitionTime": now} for kind in ("Ready", "ContainersReady")
        ]
        ip = f"10.1.{number // 250 % 250}.{number % 250 + 1}"
        status = {"phase": "Running", "conditions": conditions, "podIP": ip, "podIPs": [{"ip": ip}]}
        body = {"metadata": {"uid": meta["uid"]}, "status": status}
        self._cluster.patch(POD, meta["name"], meta["namespace"], body, subresource="status")
