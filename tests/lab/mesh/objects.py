"""Small objects of the cluster, as tests of the mesh's translation need them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from delivery.cluster.kinds import Kind
from delivery.lab.envoy import find_envoy
from delivery.lab.mesh.filters import http_filters
from delivery.lab.mesh.references import References
from delivery.lab.mesh.translate import cluster, routes, upstreams
from delivery.resources.annotations import TRACK, ownership_labels

Json = dict[str, Any]

APEX = "outbound|80||web.shop.svc.cluster.local"
STABLE = "outbound|80||web-stable.shop.svc.cluster.local"
CANARY = "outbound|80||web-canary.shop.svc.cluster.local"
_MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def service(
    name: str,
    narrowed_by: dict[str, str] | None = None,
    *,
    ours: bool = False,
    ports: list[Json] | None = None,
    namespace: str = "shop",
) -> Json:
    labels = ownership_labels("web") if ours else {}
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"selector": {"app": "web", **(narrowed_by or {})}, "ports": ports or [{"name": "http", "port": 80}]},
    }


SERVICES = [
    service("web"),
    service("web-stable", {"pod-template-hash": "abc"}, ours=True),
    service("web-canary", {TRACK: "canary"}, ours=True),
]


def virtual_service(
    http: list[Json], namespace: str = "shop", hosts: tuple[str, ...] = ("web",), name: str = "web", **spec: Any
) -> Json:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"hosts": list(hosts), "http": http, **spec}}


def to(host: str, weight: int | None = None, *, subset: str | None = None, **more: Any) -> Json:
    destination = {"host": host, **({} if subset is None else {"subset": subset})}
    return {"destination": destination, **({} if weight is None else {"weight": weight}), **more}


def route(
    rules: list[Json], name: str = "web", namespace: str = "shop", parent: Json | None = None, **metadata: Any
) -> Json:
    """A route of the Gateway API whose parent is the Service web."""
    parents = [{"group": "", "kind": "Service", "name": "web", **(parent or {})}]
    meta = {"name": name, "namespace": namespace, "generation": 1, **metadata}
    return {"metadata": meta, "spec": {"parentRefs": parents, "rules": rules}}


def backend(name: str, weight: int | None = None, **more: Any) -> Json:
    return {"name": name, "port": 80, **({} if weight is None else {"weight": weight}), **more}


def traffic_split(backends: Json, service: str = "web", name: str = "web") -> Json:
    entries = [{"service": service, "weight": weight} for service, weight in backends.items()]
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": {"service": service, "backends": entries}}


def of_web(virtual_services: list[Json], destination_rules: list[Json] | None = None) -> list[Json]:
    """The routes Envoy gets for the apex Service."""
    return of_apex(routes(upstreams(SERVICES, destination_rules or []), virtual_services))


def of_gateway(kind: Kind, found: list[Json], grants: list[Json] | None = None, *others: Json) -> list[Json]:
    services = [*SERVICES, *others]
    references = References.among(services, grants or [])
    return of_apex(routes(upstreams(services), [], {kind: found}, [], references))


def of_apex(table: Json) -> list[Json]:
    [found] = [host["routes"] for host in table["virtual_hosts"] if host["name"] == APEX]
    return list(found)


def shares(route: Json) -> dict[str, int]:
    return {entry["name"]: entry["weight"] for entry in route["route"]["weighted_clusters"]["clusters"]}


def require_accepted(table: Json, services: list[Json], folder: Path, rules: list[Json] | None = None) -> None:
    """Envoy itself reads the table, with the clusters of `services` and the lab's filters, and finds nothing wrong."""
    known = upstreams(services, rules or [])
    config = {key: value for key, value in table.items() if key != "@type"}
    manager = {
        "@type": _MANAGER,
        "stat_prefix": "t",
        "route_config": {**config, "validate_clusters": False},  # as of routes that come while Envoy runs
        "http_filters": http_filters(),
    }
    none = folder / "none.json"
    none.write_text(json.dumps({"version_info": "0", "resources": []}))
    clusters = [
        {key: value for key, value in cluster(upstream, str(none)).items() if key != "@type"}
        for upstream in known.values()
    ]
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    filters = [{"name": "manager", "typed_config": manager}]
    listener = {"name": "l", "address": address, "filter_chains": [{"filters": filters}]}
    bootstrap = {
        "node": {"id": "test", "cluster": "test"},
        "static_resources": {"clusters": clusters, "listeners": [listener]},
    }
    (folder / "envoy.json").write_text(json.dumps(bootstrap))
    command = [find_envoy(), "--mode", "validate", "-c", str(folder / "envoy.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
