"""The routes of every kind as a user would write them for `web`, and what the adapters make of them at a wish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from delivery.cluster.kinds import (
    GRPC_ROUTE,
    HTTP_ROUTE,
    LINKERD_HTTP_ROUTE,
    TRAFFIC_SPLIT,
    VIRTUAL_SERVICE,
    Kind,
)
from delivery.resources.annotations import TRACK
from mesh_adapters.adapter import Condition, RouteAdapter, TrafficSplit, Treatment
from mesh_adapters.gateway.routes import GRPC, HTTP, LINKERD, GatewayRoutes
from mesh_adapters.istio.routes import IstioRoutes
from mesh_adapters.istio.subsets import with_subsets
from mesh_adapters.linkerd.traffic_split import TrafficSplits

Json = dict[str, Any]
NAMESPACE, APEX, STABLE, CANARY = "shop", "web", "web-stable", "web-canary"
VERSIONS = {STABLE: "1.0.0", CANARY: "1.1.0"}
PORT, CONTAINER_PORT = 80, 8080
FAULT_STATUS = 418

NOTHING_BESIDE = Treatment()
BY_HEADER = (Condition("header", "x-canary", "exact", "always"),)
BY_COOKIE = (Condition("cookie", "track", "exact", "canary"),)
BY_QUERY = (Condition("query", "version", "prefix", "1.1"),)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the adapter is asked for: the canary's share in percent, and what is done beside it."""

    canary: float
    treatment: Treatment = NOTHING_BESIDE


@dataclass(frozen=True, slots=True)
class Way:
    """One kind of object, the spec that a user wrote, and who edits it; `can` are the parts of a treatment that the
    kind has words for. `subsets`: the split is by subsets of `web`."""

    name: str
    kind: Kind
    adapter: RouteAdapter
    users: Callable[[], Json]
    can: frozenset[str] = frozenset()
    subsets: bool = False

    def split(self, wish: Wish) -> TrafficSplit:
        own = () if self.subsets else None
        return TrafficSplit(NAMESPACE, APEX, STABLE, CANARY, wish.canary, wish.treatment, own)

    def route(self) -> Json:
        """As the user wrote it."""
        version = f"{self.kind.group}/{self.kind.versions[0]}"
        meta = {"name": APEX, "namespace": NAMESPACE}
        return {"apiVersion": version, "kind": self.kind.name, "metadata": meta, "spec": self.users()}

    def spec(self, wish: Wish) -> Json:
        """What the adapter makes of it."""
        found: Json = self.adapter.plan(self.route(), self.split(wish))["spec"]
        return found


def _virtual_service() -> Json:
    moved = {"match": [{"uri": {"prefix": "/old"}}], "redirect": {"uri": "/"}}
    own = {"name": "main", "route": [{"destination": {"host": APEX}}], "retries": {"attempts": 0}}
    return {"hosts": [APEX], "http": [moved, own]}


def _gateway_route() -> Json:
    """As the Gateway API and Linkerd both have it."""
    parent = {"group": "", "kind": "Service", "name": APEX, "port": PORT}
    return {"parentRefs": [parent], "rules": [{"backendRefs": [{"name": APEX, "port": PORT}]}]}


def _milli_split() -> Json:
    return {"service": APEX, "backends": [{"service": APEX, "weight": "1000m"}]}


def _number_split() -> Json:
    return {"service": APEX, "backends": [{"service": APEX, "weight": 100}]}


_CHOOSES = frozenset({"header", "cookie", "sticky"})
_ISTIO = _CHOOSES | {"query", "mirror", "fault"}

WAYS = (
    Way("VirtualService by host", VIRTUAL_SERVICE, IstioRoutes(), _virtual_service, _ISTIO),
    Way("VirtualService by subset", VIRTUAL_SERVICE, IstioRoutes(), _virtual_service, _ISTIO, subsets=True),
    Way("HTTPRoute", HTTP_ROUTE, GatewayRoutes(HTTP), _gateway_route, _CHOOSES | {"query", "mirror"}),
    Way("GRPCRoute", GRPC_ROUTE, GatewayRoutes(GRPC), _gateway_route, _CHOOSES | {"mirror"}),
    Way("Linkerd's HTTPRoute", LINKERD_HTTP_ROUTE, GatewayRoutes(LINKERD), _gateway_route, _CHOOSES | {"query"}),
    Way("TrafficSplit v1alpha1", replace(TRAFFIC_SPLIT, versions=("v1alpha1",)), TrafficSplits(), _milli_split),
    Way("TrafficSplit v1alpha2", replace(TRAFFIC_SPLIT, versions=("v1alpha2",)), TrafficSplits(), _number_split),
)


def services() -> list[Json]:
    selectors = {APEX: {}, STABLE: {"version": VERSIONS[STABLE]}, CANARY: {TRACK: "canary"}}
    ports = [{"name": "http", "port": PORT, "targetPort": CONTAINER_PORT}]
    return [
        {
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"selector": {"app": APEX, **narrowed_by}, "ports": ports},
        }
        for name, narrowed_by in selectors.items()
    ]


def deployments() -> list[Json]:
    tracks = {STABLE: {}, CANARY: {TRACK: "canary"}}
    return [_deployment(name, {"app": APEX, "version": VERSIONS[name], **tracks[name]}) for name in VERSIONS]


def destination_rule() -> Json:
    """The user's, with the arms as the adapter adds them."""
    own = {"metadata": {"name": APEX, "namespace": NAMESPACE}, "spec": {"host": APEX}}
    split = TrafficSplit(NAMESPACE, APEX, STABLE, CANARY, 0.0, subsets=())
    return with_subsets(own, split, {"version": VERSIONS[STABLE]}, {TRACK: "canary"})


def _deployment(name: str, labels: dict[str, str]) -> Json:
    container = {
        "name": "app",
        "image": f"registry.example/{NAMESPACE}/{APEX}:{VERSIONS[name]}",
        "ports": [{"name": "http", "containerPort": CONTAINER_PORT}],
        "env": [{"name": "LAB_LATENCY_MEDIAN_MS", "value": "0"}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": CONTAINER_PORT}, "periodSeconds": 1},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}
