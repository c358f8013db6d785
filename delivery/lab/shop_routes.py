"""The routes a user of each mesh could have written for the shop, with fields that a release must leave alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from delivery.cluster.kinds import (
    DESTINATION_RULE,
    HTTP_ROUTE,
    LINKERD_HTTP_ROUTE,
    TRAFFIC_SPLIT,
    VIRTUAL_SERVICE,
    Kind,
)
from delivery.lab.prometheus import Dialect
from delivery.lab.shop import HOST, LABELS, NAME, NAMESPACE, PORT
from mesh_adapters.adapter import RouteAdapter, TrafficSplit
from mesh_adapters.gateway.routes import HTTP, LINKERD, GatewayRoutes
from mesh_adapters.istio.routes import IstioRoutes
from mesh_adapters.linkerd.traffic_split import TrafficSplits

Object = dict[str, Any]
SUBSET = "shop"
_STATIC = "/static"


class MeshName(StrEnum):
    """The meshes the lab can stand for."""

    ISTIO = "istio"
    ISTIO_SUBSET = "istio-subset"
    LINKERD = "linkerd"
    LINKERD_SMI = "linkerd-smi"
    GATEWAY_API = "gateway-api"


@dataclass(frozen=True, slots=True)
class ShopRoutes:
    """What stands in the shop's namespace beside Deployment and Service, `objects[0]` being the route that is split.

    `provider` is the policy's name of the mesh. `subsets` are the user's own where the mesh splits by subsets.
    """

    provider: str
    adapter: RouteAdapter
    objects: tuple[tuple[Kind, Object], ...]
    subsets: tuple[str, ...] | None = None

    @property
    def kind(self) -> Kind:
        return self.objects[0][0]

    @property
    def metrics(self) -> Dialect:
        """Whose names the requests are counted under: those a policy takes for this provider unless it says else."""
        return "linkerd" if self.provider == "linkerd" else "istio"

    @property
    def split(self) -> TrafficSplit:
        """The split whose weight is read back from the route."""
        return TrafficSplit(NAMESPACE, NAME, f"{NAME}-stable", f"{NAME}-canary", 0.0, subsets=self.subsets)


def shop_routes(mesh: MeshName) -> ShopRoutes:
    """The routes of the shop in this mesh."""
    if mesh is MeshName.ISTIO_SUBSET:
        both = ((VIRTUAL_SERVICE, _virtual_service(SUBSET)), (DESTINATION_RULE, _destination_rule()))
        return ShopRoutes("istio", IstioRoutes(), both, subsets=(SUBSET,))
    if mesh is MeshName.LINKERD:
        return ShopRoutes("linkerd", GatewayRoutes(LINKERD), ((LINKERD_HTTP_ROUTE, _http_route()),))
    if mesh is MeshName.LINKERD_SMI:
        return ShopRoutes("linkerd", TrafficSplits(), ((TRAFFIC_SPLIT, _traffic_split()),))
    if mesh is MeshName.GATEWAY_API:
        return ShopRoutes("gateway-api", GatewayRoutes(HTTP), ((HTTP_ROUTE, _http_route()),))
    return ShopRoutes("istio", IstioRoutes(), ((VIRTUAL_SERVICE, _virtual_service()),))


def _named(spec: Object) -> Object:
    annotations = {"shop.example/owner": "the team that owns the shop"}
    return {"metadata": {"name": NAME, "namespace": NAMESPACE, "annotations": annotations}, "spec": spec}


def _virtual_service(subset: str | None = None) -> Object:
    """A second route, timeouts, a header; short and long names of the one host."""

    def to(host: str) -> list[Object]:
        chosen = {} if subset is None else {"subset": subset}
        return [{"destination": {"host": host, "port": {"number": PORT}, **chosen}}]

    static = {"name": "static", "match": [{"uri": {"prefix": _STATIC}}], "route": to(NAME), "timeout": "3s"}
    primary = {
        "name": "primary",
        "route": to(HOST),
        "timeout": "10s",
        "headers": {"request": {"set": {"x-shop": "primary"}}},
    }
    return _named({"hosts": [NAME], "http": [static, primary]})


def _destination_rule() -> Object:
    policy = {"loadBalancer": {"simple": "ROUND_ROBIN"}}
    return _named({"host": NAME, "trafficPolicy": policy, "subsets": [{"name": SUBSET, "labels": LABELS}]})


def _http_route() -> Object:
    """As the Gateway API and Linkerd both have it: a second rule, timeouts, filters of rules."""
    backends = [{"name": NAME, "port": PORT}]

    def marked(name: str) -> list[Object]:
        modifier = {"set": [{"name": "x-shop", "value": name}]}
        return [{"type": "RequestHeaderModifier", "requestHeaderModifier": modifier}]

    static = {
        "matches": [{"path": {"type": "PathPrefix", "value": _STATIC}}],
        "filters": marked("static"),
        "backendRefs": backends,
        "timeouts": {"request": "3s"},
    }
    primary = {"filters": marked("primary"), "backendRefs": backends, "timeouts": {"request": "10s"}}
    parents = [{"group": "", "kind": "Service", "name": NAME, "port": PORT}]
    return _named({"parentRefs": parents, "rules": [static, primary]})


def _traffic_split() -> Object:
    return _named({"service": NAME, "backends": [{"service": NAME, "weight": 1}]})
