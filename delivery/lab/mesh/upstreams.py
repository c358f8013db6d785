"""What Envoy can send requests to: every port of every Service, every subset of a DestinationRule, their ready pods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from delivery.lab.addresses import listen_address
from delivery.lab.mesh.naming import Upstream
from delivery.resources.annotations import DEPLOYMENT, MANAGED_BY, MANAGER, TRACK
from mesh_adapters.istio.hosts import ServiceHosts

Object = Mapping[str, Any]
Labels = Mapping[str, str]
Pods = Mapping[tuple[str, str], Labels]
"""The labels of each pod, by namespace and name."""

SERVICE_NAME = "kubernetes.io/service-name"
CLUSTER_DOMAIN = "cluster.local"
_TYPE = "type.googleapis.com/envoy.config"


def upstreams(services: Iterable[Object], destination_rules: Sequence[Object] = ()) -> dict[str, Upstream]:
    """Every port of every Service with a selector, and the subsets of each, by cluster name."""
    found = {}
    for service in services:
        for upstream in _ports(service):
            found[upstream.cluster] = upstream
            for name, labels in _subsets(upstream, destination_rules).items():
                narrowed = upstream.narrowed(name, labels)
                found[narrowed.cluster] = narrowed
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


def assignment(upstream: Upstream, slices: Iterable[Object], pods: Pods | None = None) -> dict[str, Any]:
    """The ready endpoints of an upstream; of a subset those whose pod, found by the endpoint's targetRef, has its
    labels."""
    addresses = sorted(
        (listen_address(address), port)
        for endpoint, port in _ready(upstream, slices)
        if _carries(endpoint, upstream, pods or {})
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


def age(obj: Object) -> tuple[str, str, str]:
    """The order in which meshes prefer objects that want the same: the oldest, then the first by name."""
    meta = obj["metadata"]
    return str(meta.get("creationTimestamp") or ""), str(meta.get("namespace") or ""), str(meta["name"])


def _ports(service: Object) -> Iterator[Upstream]:
    if not service["spec"].get("selector"):
        return
    meta = service["metadata"]
    for position, port in enumerate(service["spec"].get("ports") or ()):
        number, name = int(port["port"]), port.get("name") or ""
        yield Upstream(meta["namespace"], meta["name"], number, _workload(service), name, position == 0)


def _workload(service: Object) -> str:
    meta = service["metadata"]
    labels = meta.get("labels") or {}
    if labels.get(MANAGED_BY) == MANAGER and DEPLOYMENT in labels:
        suffix = "-canary" if TRACK in service["spec"]["selector"] else ""
        return f"{labels[DEPLOYMENT]}{suffix}"
    return str(meta["name"])


def _subsets(upstream: Upstream, destination_rules: Sequence[Object]) -> dict[str, Labels]:
    """The subsets of the Service's host. Rules of the Service's own namespace hide those of others; of one namespace
    all count, and of two subsets with one name the older rule's."""
    naming = [rule for rule in sorted(destination_rules, key=age) if _names(rule, upstream)]
    near = [rule for rule in naming if rule["metadata"]["namespace"] == upstream.namespace]
    found: dict[str, Labels] = {}
    for rule in near or naming:
        for subset in rule["spec"].get("subsets") or ():
            found.setdefault(subset["name"], subset.get("labels") or {})
    return found


def _names(rule: Object, upstream: Upstream) -> bool:
    hosts = ServiceHosts(rule["metadata"]["namespace"], upstream.namespace, CLUSTER_DOMAIN)
    return hosts.covers(rule["spec"]["host"], upstream.service)


def _ready(upstream: Upstream, slices: Iterable[Object]) -> Iterator[tuple[Object, int]]:
    for endpoint_slice in slices:
        if not _belongs(endpoint_slice, upstream):
            continue
        for port in endpoint_slice.get("ports") or ():
            if (port.get("name") or "") != upstream.port_name:
                continue
            for endpoint in endpoint_slice.get("endpoints") or ():
                if (endpoint.get("conditions") or {}).get("ready", True):
                    yield endpoint, int(port["port"])


def _belongs(endpoint_slice: Object, upstream: Upstream) -> bool:
    meta = endpoint_slice["metadata"]
    named = (meta.get("labels") or {}).get(SERVICE_NAME)
    return bool(meta["namespace"] == upstream.namespace and named == upstream.service)


def _carries(endpoint: Object, upstream: Upstream, pods: Pods) -> bool:
    if not upstream.labels:
        return True
    target = endpoint.get("targetRef") or {}
    labels = pods.get((target.get("namespace") or upstream.namespace, target.get("name") or "")) or {}
    return all(labels.get(name) == value for name, value in upstream.labels)
