"""Pure translation: what is in the cluster to Envoy's clusters, endpoints and routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from delivery.lab.mesh.filters import Json, Share, forward
from delivery.lab.mesh.gateway_routes import ByKind, attached, gateway_routes
from delivery.lab.mesh.naming import Upstream
from delivery.lab.mesh.references import References
from delivery.lab.mesh.traffic_splits import split_of, split_routes
from delivery.lab.mesh.upstreams import Object, assignment, cluster, upstreams
from delivery.lab.mesh.virtual_services import carrier, virtual_service_routes

__all__ = ["assignment", "cluster", "routes", "upstreams"]

NOTHING = References(frozenset())


def routes(
    known: Mapping[str, Upstream],
    virtual_services: Sequence[Object] = (),
    gateway: ByKind | None = None,
    traffic_splits: Iterable[Object] = (),
    references: References = NOTHING,
) -> dict[str, Any]:
    """The route configuration, one virtual host a Service port. Where several objects are about one Service, a
    VirtualService counts before routes of the Gateway API, and those before a TrafficSplit."""
    splits = list(traffic_splits)
    hosts = []
    for upstream in sorted(known.values(), key=lambda upstream: upstream.cluster):
        if upstream.subset:
            continue
        carrying = carrier(virtual_services, upstream)
        found = attached(gateway or {}, upstream)
        split = split_of(splits, upstream)
        translated = [_plain(upstream)]
        if carrying:
            translated = virtual_service_routes(carrying, upstream, known)
        elif found:
            translated = gateway_routes(*found, references)
        elif split:
            translated = split_routes(split, upstream)
        hosts.append({"name": upstream.cluster, "domains": _domains(upstream), "routes": translated})
    return {"@type": _ROUTES, "name": "mesh", "virtual_hosts": hosts}


def _plain(upstream: Upstream) -> Json:
    return forward({"prefix": "/"}, [Share(upstream.cluster, 1)], without=503)


def _domains(upstream: Upstream) -> list[str]:
    name, namespace, port = upstream.service, upstream.namespace, upstream.port
    spellings = [f"{name}.{namespace}", f"{name}.{namespace}.svc", upstream.host]
    with_port = [f"{spelling}:{port}" for spelling in spellings]
    return [*spellings, *with_port] if upstream.first else with_port


_ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
