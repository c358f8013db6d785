"""Routes of each kind with a rule for Service `web` and one for Service `cart`, and the splits of both."""

from __future__ import annotations

from typing import Any

from mesh_adapters.adapter import Condition, RouteAdapter, Stickiness, TrafficSplit, Treatment
from mesh_adapters.gateway.routes import GRPC, HTTP, LINKERD, GatewayRoutes
from mesh_adapters.istio.routes import IstioRoutes

Object = dict[str, Any]
MATCHED = Treatment(match=((Condition("header", "x-early", "exact", "yes"),),))
STICKY = Treatment(sticky=Stickiness("seen", 60))
MIRRORED = Treatment(mirror_percent=10.0)
NONE = Treatment()


def of(service: str, weight: float, treatment: Treatment = NONE) -> TrafficSplit:
    return TrafficSplit("shop", service, f"{service}-stable", f"{service}-canary", weight, treatment)


def virtual_service(*services: str) -> Object:
    http = [
        {"match": [{"uri": {"prefix": f"/{service}"}}], "route": [{"destination": {"host": service}}]}
        for service in services
    ]
    return {"metadata": {"name": "edge", "namespace": "shop"}, "spec": {"hosts": ["a.example.com"], "http": http}}


def gateway_route(*services: str) -> Object:
    rules = [
        {
            "matches": [{"path": {"type": "PathPrefix", "value": f"/{service}"}}],
            "backendRefs": [{"name": service, "port": 80}],
        }
        for service in services
    ]
    return {"metadata": {"name": "edge", "namespace": "shop"}, "spec": {"parentRefs": [{"name": "gw"}], "rules": rules}}


KINDS: dict[str, tuple[RouteAdapter, Object]] = {
    "VirtualService": (IstioRoutes(), virtual_service("cart", "web")),
    "HTTPRoute": (GatewayRoutes(HTTP), gateway_route("cart", "web")),
    "GRPCRoute": (GatewayRoutes(GRPC), gateway_route("cart", "web")),
    "Linkerd's HTTPRoute": (GatewayRoutes(LINKERD), gateway_route("cart", "web")),
}


def rules_of(route: Object) -> list[Object]:
    spec = route["spec"]
    found: list[Object] = spec["http"] if "http" in spec else spec["rules"]
    return found


def destinations(rule: Object) -> list[Object]:
    found: list[Object] = rule["route"] if "route" in rule else rule["backendRefs"]
    return found


def names(rule: Object) -> list[str]:
    """The Services that a rule sends traffic to."""
    return [each["name"] if "name" in each else each["destination"]["host"] for each in destinations(rule)]
