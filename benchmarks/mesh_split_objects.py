"""The objects by which each kind of route says the same: split `web`, choose by a header or a cookie, mirror, fail."""

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

Json = dict[str, Any]
NAMESPACE, APEX, STABLE, CANARY = "shop", "web", "web-stable", "web-canary"
VERSIONS = {STABLE: "1.0.0", CANARY: "1.1.0"}
PORT, CONTAINER_PORT = 80, 8080
HEADER, COOKIE = "x-canary", "track"
COOKIE_PATTERN = f"^(.*; ?)?{COOKIE}=canary(;.*)?$"
FAULT_STATUS = 418
PER_MILLE = 10  # weights are whole thousandths, so that a tenth of a percent is one


@dataclass(frozen=True, slots=True)
class Wish:
    """What the mesh is told: the canary's share in percent, and what is done beside it."""

    canary: float
    by_header: bool = False
    by_cookie: bool = False
    mirror: float | None = None
    fault: float | None = None

    @property
    def weights(self) -> dict[str, int]:
        canary = round(self.canary * PER_MILLE)
        return {STABLE: 1000 - canary, CANARY: canary}


@dataclass(frozen=True, slots=True)
class Way:
    """One kind of object and how it says a wish; `can` are the parts of a wish it has words for."""

    name: str
    kind: Kind
    spec: Callable[[Wish], Json]
    can: frozenset[str] = frozenset()


def _by_host(name: str, **more: Any) -> Json:
    return {"destination": {"host": name}, **more}


def _by_subset(name: str, **more: Any) -> Json:
    return {"destination": {"host": APEX, "subset": name}, **more}


def _virtual_service(destination: Callable[..., Json]) -> Callable[[Wish], Json]:
    def spec(wish: Wish) -> Json:
        chosen: list[Json] = []
        if wish.by_header:
            chosen.append({"headers": {HEADER: {"exact": "always"}}})
        if wish.by_cookie:
            chosen.append({"headers": {"cookie": {"regex": COOKIE_PATTERN}}})
        rest: Json = {"route": [destination(name, weight=weight) for name, weight in wish.weights.items()]}
        if wish.mirror is not None:
            rest |= {"mirror": destination(CANARY)["destination"], "mirrorPercentage": {"value": wish.mirror}}
        if wish.fault is not None:
            rest["fault"] = {"abort": {"httpStatus": FAULT_STATUS, "percentage": {"value": wish.fault}}}
        rules = [{"match": chosen, "route": [destination(CANARY)]}] if chosen else []
        return {"hosts": [APEX], "http": [*rules, rest]}

    return spec


def _backend(name: str, **more: Any) -> Json:
    return {"name": name, "port": PORT, **more}


def _gateway_route(wish: Wish) -> Json:
    """As the Gateway API and Linkerd both have it, but for the mirror, which only the former has."""
    chosen: list[Json] = []
    if wish.by_header:
        chosen.append({"headers": [{"name": HEADER, "value": "always"}]})
    if wish.by_cookie:
        chosen.append({"headers": [{"name": "cookie", "type": "RegularExpression", "value": COOKIE_PATTERN}]})
    rest: Json = {"backendRefs": [_backend(name, weight=weight) for name, weight in wish.weights.items()]}
    if wish.mirror is not None:
        fraction = {"numerator": round(wish.mirror * PER_MILLE), "denominator": 1000}
        copied = {"backendRef": _backend(CANARY), "fraction": fraction}
        rest["filters"] = [{"type": "RequestMirror", "requestMirror": copied}]
    rules = [{"matches": chosen, "backendRefs": [_backend(CANARY)]}] if chosen else []
    return {"parentRefs": [{"group": "", "kind": "Service", "name": APEX, "port": PORT}], "rules": [*rules, rest]}


def _milli_split(wish: Wish) -> Json:
    return {"service": APEX, "backends": [{"service": name, "weight": f"{w}m"} for name, w in wish.weights.items()]}


def _number_split(wish: Wish) -> Json:
    return {"service": APEX, "backends": [{"service": name, "weight": w / 10} for name, w in wish.weights.items()]}


_CHOOSES = frozenset({"header", "cookie"})
_ISTIO = _CHOOSES | {"mirror", "fault"}

WAYS = (
    Way("VirtualService by host", VIRTUAL_SERVICE, _virtual_service(_by_host), _ISTIO),
    Way("VirtualService by subset", VIRTUAL_SERVICE, _virtual_service(_by_subset), _ISTIO),
    Way("HTTPRoute", HTTP_ROUTE, _gateway_route, _CHOOSES | {"mirror"}),
    Way("GRPCRoute", GRPC_ROUTE, _gateway_route, _CHOOSES | {"mirror"}),
    Way("Linkerd's HTTPRoute", LINKERD_HTTP_ROUTE, _gateway_route, _CHOOSES),
    Way("TrafficSplit v1alpha1", replace(TRAFFIC_SPLIT, versions=("v1alpha1",)), _milli_split),
    Way("TrafficSplit v1alpha2", replace(TRAFFIC_SPLIT, versions=("v1alpha2",)), _number_split),
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
    subsets = [
        {"name": STABLE, "labels": {"version": VERSIONS[STABLE]}},
        {"name": CANARY, "labels": {TRACK: "canary"}},
    ]
    return {"metadata": {"name": APEX, "namespace": NAMESPACE}, "spec": {"host": APEX, "subsets": subsets}}


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
