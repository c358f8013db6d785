"""Which routes a mesh follows, and what it calls its metrics, by the name a policy gives it."""

from collections.abc import Mapping
from dataclasses import dataclass

from mesh_adapters.adapter import CLUSTER_DOMAIN, RouteAdapter, RouteRef
from mesh_adapters.gateway.routes import GRPC, HTTP, LINKERD, GatewayRoutes
from mesh_adapters.gateway.series import ENVOY
from mesh_adapters.istio.routes import IstioRoutes
from mesh_adapters.istio.series import ISTIO
from mesh_adapters.istio.series import series as istio_series
from mesh_adapters.linkerd.series import LINKERD as LINKERD_SERIES
from mesh_adapters.linkerd.traffic_split import TrafficSplits
from mesh_adapters.series import Series

SOURCES: Mapping[str, Series] = {
    "istio": ISTIO,
    "istio-source": istio_series("source"),
    "istio-waypoint": istio_series("waypoint"),
    "linkerd": LINKERD_SERIES,
    "envoy": ENVOY,
}
"""What requests may be counted by, as a policy calls it."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """One provider. A route that is missing is made by the first of `makers` whose kind the cluster serves; `told_by`
    are the groups of API that only this mesh brings to a cluster; fully qualified hosts end in `cluster_domain`."""

    name: str
    adapters: tuple[RouteAdapter, ...]
    makers: tuple[RouteAdapter, ...]
    series: Series
    told_by: tuple[str, ...] = ()
    cluster_domain: str = CLUSTER_DOMAIN


def meshes(cluster_domain: str = CLUSTER_DOMAIN) -> Mapping[str, Mesh]:
    """Every provider by name, in the order in which `auto` takes one for a Service without a route."""
    istio, http, grpc = IstioRoutes(cluster_domain), GatewayRoutes(HTTP), GatewayRoutes(GRPC)
    linkerd, smi = GatewayRoutes(LINKERD), TrafficSplits()
    smi_group, policy_group = smi.ref.group, linkerd.ref.group
    found = (
        Mesh("istio", (istio,), (istio,), ISTIO, (istio.ref.group,), cluster_domain),
        Mesh("linkerd", (http, grpc, linkerd, smi), (http, linkerd, smi), LINKERD_SERIES, (policy_group, smi_group)),
        Mesh("gateway-api", (http, grpc), (http,), ISTIO, (http.ref.group,)),
    )
    return {mesh.name: mesh for mesh in found}


def series_of(metrics: str, mesh: str) -> Series:
    """What to ask Prometheus for: by the source a policy names, with `auto` by the release's own mesh."""
    return SOURCES.get(mesh if metrics == "auto" else metrics, ISTIO)


def every_adapter(cluster_domain: str = CLUSTER_DOMAIN) -> tuple[RouteAdapter, ...]:
    """One adapter for each kind of route."""
    by_kind: dict[RouteRef, RouteAdapter] = {}
    for mesh in meshes(cluster_domain).values():
        for adapter in mesh.adapters:
            by_kind.setdefault(adapter.ref, adapter)
    return tuple(by_kind.values())
