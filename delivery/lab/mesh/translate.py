"""Pure translation: Services, EndpointSlices and VirtualServices to Envoy's clusters, endpoints and routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from delivery.lab.addresses import listen_address
from delivery.lab.mesh.naming import CLUSTER_HEADER, Upstream
from delivery.resources.annotations import DEPLOYMENT, MANAGED_BY, MANAGER, TRACK
from delivery.resources.duration import parse_duration
from mesh_adapters.istio.hosts import ServiceHosts

Object = Mapping[str, Any]
SERVICE_NAME = "kubernetes.io/service-name"
_TYPE = "type.googleapis.com/envoy.config"


def upstreams(services: Iterable[Object]) -> dict[str, Upstream]:
    """Every port of every Service with a selector, by cluster name."""
    found = {}
    for service in services:
        if not service["spec"].get("selector"):
            continue
        for position, port in enumerate(service["spec"].get("ports") or ()):
            meta, number, name = service["metadata"], int(port["port"]), port.get("name") or ""
            upstream = Upstream(meta["namespace"], meta["name"], number, _workload(service), name, position == 0)
            found[upstream.cluster] = upstream
    return found


def cluster(upstream: Upstream, endpoints_file: str) -> dict[str, Any]:
    """Envoy's cluster of an upstream, its endpoints in a file of their own."""
    return {
        "@type": f"{_TYPE}.cluster.v3.Cluster",
        "name": upstream.cluster,
        "alt_stat_name": upstream.stat_name,
        "type": "EDS",
        "connect_timeout": "1s",
        "eds_cluster_config": {
            "service_name": upstream.cluster,
            "eds_config": {"resource_api_version": "V3", "path_config_source": {"path": endpoints_file}},
        },
    }


def assignment(upstream: Upstream, slices: Iterable[Object]) -> dict[str, Any]:
    """The ready endpoints of an upstream."""
    addresses = sorted(
        (listen_address(address), int(port["port"]))
        for endpoint_slice in slices
        if _belongs(endpoint_slice, upstream)
        for port in endpoint_slice.get("ports") or ()
        if (port.get("name") or "") == upstream.port_name
        for endpoint in endpoint_slice.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready", True)
        for address in endpoint["addresses"]
    )
    endpoints = [
        {"endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}}}
        for address, port in addresses
    ]
    return {
        "@type": f"{_TYPE}.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": upstream.cluster,
        "endpoints": [{"lb_endpoints": endpoints}],
    }


def routes(known: Mapping[str, Upstream], virtual_services: Sequence[Object]) -> dict[str, Any]:
    """The route configuration: one virtual host a Service, by its VirtualService where one carries it."""
    hosts = []
    for upstream in sorted(known.values(), key=lambda upstream: upstream.cluster):
        carrier = next((vs for vs in virtual_services if _carries(vs, upstream)), None)
        rules = (carrier["spec"].get("http") or ()) if carrier else ()
        translated = [_route(rule, match, carrier, known) for rule in rules if carrier for match in _matches(rule)]
        hosts.append(
            {
                "name": upstream.cluster,
                "domains": _domains(upstream),
                "routes": translated or [_plain(upstream)],
            }
        )
    return {"@type": f"{_TYPE}.route.v3.RouteConfiguration", "name": "mesh", "virtual_hosts": hosts}


def _workload(service: Object) -> str:
    meta = service["metadata"]
    labels = meta.get("labels") or {}
    if labels.get(MANAGED_BY) == MANAGER and DEPLOYMENT in labels:
        suffix = "-canary" if TRACK in service["spec"]["selector"] else ""
        return f"{labels[DEPLOYMENT]}{suffix}"
    return str(meta["name"])


def _belongs(endpoint_slice: Object, upstream: Upstream) -> bool:
    meta = endpoint_slice["metadata"]
    named = (meta.get("labels") or {}).get(SERVICE_NAME)
    return bool(meta["namespace"] == upstream.namespace and named == upstream.service)


def _carries(virtual_service: Object, upstream: Upstream) -> bool:
    names = ServiceHosts(virtual_service["metadata"]["namespace"], upstream.namespace, "cluster.local")
    return any(names.covers(host, upstream.service) for host in virtual_service["spec"].get("hosts") or ())


def _domains(upstream: Upstream) -> list[str]:
    name, namespace, port = upstream.service, upstream.namespace, upstream.port
    spellings = [f"{name}.{namespace}", f"{name}.{namespace}.svc", upstream.host]
    with_port = [f"{spelling}:{port}" for spelling in spellings]
    return [*spellings, *with_port] if upstream.first else with_port


def _matches(rule: Object) -> list[dict[str, Any]]:
    conditions: Sequence[Object] = rule.get("match") or ({},)
    return [_match(condition) for condition in conditions]


def _match(match: Object) -> dict[str, Any]:
    uri = match.get("uri") or {}
    path: dict[str, Any] = {"prefix": uri.get("prefix", "/")}
    if "exact" in uri:
        path = {"path": uri["exact"]}
    if "regex" in uri:
        path = {"safe_regex": {"regex": uri["regex"]}}
    headers = [_header(name, condition) for name, condition in (match.get("headers") or {}).items()]
    return {**path, **({"headers": headers} if headers else {})}


def _header(name: str, condition: Object) -> dict[str, Any]:
    for kind, value in condition.items():
        pattern = {"safe_regex": {"regex": value}} if kind == "regex" else {kind: value}
        return {"name": name, "string_match": pattern}
    return {"name": name, "present_match": True}


def _route(
    rule: Object, match: dict[str, Any], carrier: Object | None, known: Mapping[str, Upstream]
) -> dict[str, Any]:
    namespace = carrier["metadata"]["namespace"] if carrier else ""
    alone = len(rule.get("route") or ()) == 1
    shares = [
        (name, 100 if alone else int(entry.get("weight", 0)))
        for entry in rule.get("route") or ()
        if (name := _destination(entry["destination"], namespace, known)) is not None
    ]
    weighted = [{"name": name, "weight": weight} for name, weight in shares if weight > 0]
    if not weighted:
        return {"match": match, "direct_response": {"status": 503}}
    action: dict[str, Any] = {"weighted_clusters": {"clusters": weighted}}
    if rule.get("timeout"):
        action["timeout"] = f"{parse_duration(rule['timeout']):g}s"  # Envoy reads seconds only
    return {"match": match, "route": action, "response_headers_to_add": [_CLUSTER_IN_ANSWER]}


def _plain(upstream: Upstream) -> dict[str, Any]:
    return {
        "match": {"prefix": "/"},
        "route": {"cluster": upstream.cluster},
        "response_headers_to_add": [_CLUSTER_IN_ANSWER],
    }


def _destination(destination: Object, namespace: str, known: Mapping[str, Upstream]) -> str | None:
    port = (destination.get("port") or {}).get("number")
    for name, upstream in known.items():
        hosts = ServiceHosts(namespace, upstream.namespace, "cluster.local")
        if hosts.covers(destination["host"], upstream.service) and port in (None, upstream.port):
            return name
    return None


_CLUSTER_IN_ANSWER = {"header": {"key": CLUSTER_HEADER, "value": "%UPSTREAM_CLUSTER_RAW%"}}
