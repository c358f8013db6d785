"""The meshes' own CustomResourceDefinitions: both control planes take and refuse the same routes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import VIRTUAL_SERVICE
from delivery.lab.control_plane import install_crds
from tests.conftest import Kubectl
from tests.contract.control_plane.wire import Wire

ISTIO, GATEWAY = "networking.istio.io", "gateway.networking.k8s.io"
LINKERD, SMI = "policy.linkerd.io", "split.smi-spec.io"

# group/version, plural, kind
KINDS = {
    "VirtualService": (f"{ISTIO}/v1", "virtualservices", "VirtualService"),
    "DestinationRule": (f"{ISTIO}/v1", "destinationrules", "DestinationRule"),
    "TrafficSplit": (f"{SMI}/v1alpha2", "trafficsplits", "TrafficSplit"),
    "HTTPRoute": (f"{GATEWAY}/v1", "httproutes", "HTTPRoute"),
    "GRPCRoute": (f"{GATEWAY}/v1", "grpcroutes", "GRPCRoute"),
    "Gateway": (f"{GATEWAY}/v1", "gateways", "Gateway"),
    "LinkerdRoute": (f"{LINKERD}/v1beta3", "httproutes", "HTTPRoute"),
}


@pytest.fixture(scope="module")
def installed(cluster: Cluster) -> list[str]:
    named = os.environ.get("HEADGATE_TEST_CRDS")
    if not named:
        pytest.skip("HEADGATE_TEST_CRDS is not set: no CRDs of the meshes to load")
    return install_crds(cluster, sorted(Path(named).glob("*.yaml")))


def _path(kind: str, namespace: str, name: str = "") -> str:
    version, plural, _ = KINDS[kind]
    return f"/apis/{version}/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


def _object(kind: str, spec: Any, name: str = "web") -> Any:
    version, _, written = KINDS[kind]
    return {"apiVersion": version, "kind": written, "metadata": {"name": name}, "spec": spec}


def _split(*weights: Any) -> Any:
    hosts = ("web", "web-canary")
    route = [{"destination": {"host": host}, "weight": weight} for host, weight in zip(hosts, weights, strict=False)]
    return {"hosts": ["web"], "http": [{"route": route}]}


def _backends(*weights: Any) -> Any:
    names = ("web", "web-canary")
    backends = [{"name": name, "port": 80, "weight": weight} for name, weight in zip(names, weights, strict=False)]
    return {"parentRefs": [{"name": "web", "kind": "Service", "group": ""}], "rules": [{"backendRefs": backends}]}


def _without_port(spec: Any, port: Any) -> Any:
    spec["rules"][0]["backendRefs"][0]["port"] = port
    return spec


ACCEPTED: list[tuple[str, Any]] = [
    ("VirtualService", _split(95, 5)),
    (
        "VirtualService",
        {
            "hosts": ["web", "web.example"],
            "gateways": ["mesh", "public/edge"],
            "http": [
                {
                    "name": "by-header",
                    "match": [{"headers": {"x-user": {"exact": "me"}}, "uri": {"prefix": "/api"}}],
                    "timeout": "2s",
                    "retries": {"attempts": 3, "perTryTimeout": "500ms", "retryOn": "5xx"},
                    "route": [{"destination": {"host": "web", "subset": "v1", "port": {"number": 80}}}],
                },
                {
                    "fault": {"abort": {"httpStatus": 503, "percentage": {"value": 0.5}}},
                    "route": [{"destination": {"host": "web"}, "weight": 100}],
                },
                {"redirect": {"uri": "/new", "redirectCode": 301}},
            ],
        },
    ),
    ("DestinationRule", {"host": "web", "subsets": [{"name": "v1", "labels": {"version": "v1"}}]}),
    (
        "DestinationRule",
        {"host": "web", "trafficPolicy": {"loadBalancer": {"simple": "LEAST_REQUEST"}, "tls": {"mode": "DISABLE"}}},
    ),
    ("TrafficSplit", {"service": "web", "backends": [{"service": "a", "weight": 900}, {"service": "b", "weight": 1}]}),
    ("HTTPRoute", _backends(95, 5)),
    (
        "HTTPRoute",
        {
            "parentRefs": [{"name": "edge"}],
            "hostnames": ["web.example"],
            "rules": [
                {
                    "matches": [{"path": {"type": "Exact", "value": "/a"}, "method": "GET"}],
                    "filters": [
                        {
                            "type": "RequestHeaderModifier",
                            "requestHeaderModifier": {"set": [{"name": "x-a", "value": "b"}]},
                        }
                    ],
                    "backendRefs": [{"name": "web", "port": 80}],
                }
            ],
        },
    ),
    ("GRPCRoute", _backends(50, 50)),
    (
        "Gateway",
        {"gatewayClassName": "mesh", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
    ),
    ("LinkerdRoute", _backends(1, 0)),
]

REFUSED: list[tuple[str, Any, tuple[str, str]]] = [
    ("VirtualService", _split("95", 5), ("FieldValueInvalid", "spec.http.route.weight")),
    ("VirtualService", {"hosts": "web"}, ("FieldValueInvalid", "spec.hosts")),
    (
        "VirtualService",
        {"hosts": ["web"], "http": [{"route": [{"weight": 5}]}]},
        ("FieldValueRequired", "spec.http.route.destination"),
    ),
    ("DestinationRule", {"subsets": []}, ("FieldValueRequired", "spec.host")),
    (
        "DestinationRule",
        {"host": "web", "trafficPolicy": {"tls": {"mode": "SOMETIMES"}}},
        ("FieldValueNotSupported", "spec.trafficPolicy.tls.mode"),
    ),
    ("TrafficSplit", {"backends": []}, ("FieldValueRequired", "spec.service")),
    (
        "TrafficSplit",
        {"service": "web", "backends": [{"service": "a"}]},
        ("FieldValueRequired", "spec.backends.weight"),
    ),
    ("HTTPRoute", _backends(-1, 5), ("FieldValueInvalid", "spec.rules.backendRefs.weight")),
    ("HTTPRoute", _backends(2_000_000, 5), ("FieldValueInvalid", "spec.rules.backendRefs.weight")),
    ("HTTPRoute", _without_port(_backends(1, 1), 0), ("FieldValueInvalid", "spec.rules.backendRefs.port")),
    ("HTTPRoute", {"hostnames": ["Not A Host"]}, ("FieldValueInvalid", "spec.hostnames")),
    (
        "HTTPRoute",
        {"rules": [{"matches": [{"method": "LOOK"}]}]},
        ("FieldValueNotSupported", "spec.rules.matches.method"),
    ),
    ("GRPCRoute", _backends("x", 5), ("FieldValueInvalid", "spec.rules.backendRefs.weight")),
    ("Gateway", {"listeners": []}, ("FieldValueRequired", "spec.gatewayClassName")),
    (
        "LinkerdRoute",
        {"parentRefs": [{"kind": "Service"}], "rules": []},
        ("FieldValueRequired", "spec.parentRefs.name"),
    ),
]


def test_all_are_served(wire: Wire, installed: list[str]) -> None:
    for version, plural, kind in KINDS.values():
        entries = {entry["name"]: entry for entry in wire.get(f"/apis/{version}").ok()["resources"]}
        assert entries[plural]["kind"] == kind


@pytest.mark.parametrize(("kind", "spec"), ACCEPTED, ids=[f"{i}-{case[0]}" for i, case in enumerate(ACCEPTED)])
def test_accepted(wire: Wire, installed: list[str], namespace: str, kind: str, spec: Any) -> None:
    created = wire.create(_path(kind, namespace), _object(kind, spec)).ok()
    assert _written_part(created["spec"], spec) == spec
    assert created["metadata"]["generation"] == 1


def _written_part(found: Any, written: Any) -> Any:
    """What of `found` the client wrote itself: the server may add defaults beside it."""
    if isinstance(written, dict):
        return {key: _written_part(found[key], value) for key, value in written.items()}
    if isinstance(written, list):
        assert len(found) == len(written)
        return [_written_part(*pair) for pair in zip(found, written, strict=True)]
    return found


@pytest.mark.parametrize(("kind", "spec", "cause"), REFUSED, ids=[f"{i}-{case[0]}" for i, case in enumerate(REFUSED)])
def test_refused(
    wire: Wire, installed: list[str], namespace: str, kind: str, spec: Any, cause: tuple[str, str]
) -> None:
    answer = wire.create(_path(kind, namespace), _object(kind, spec))
    assert cause in answer.field_causes()
    assert answer.body["details"]["name"] == "web"


def test_defaults_of_the_gateway_api(wire: Wire, installed: list[str], namespace: str) -> None:
    spec = {"rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}
    created = wire.create(_path("HTTPRoute", namespace), _object("HTTPRoute", spec)).ok()
    (rule,) = created["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]
    assert rule["backendRefs"] == [{"name": "web", "port": 80, "kind": "Service", "weight": 1}]


def test_unknown_fields_of_a_route_are_pruned(wire: Wire, installed: list[str], namespace: str) -> None:
    spec = {**_split(95, 5), "mystery": 1}
    created = wire.create(_path("VirtualService", namespace), _object("VirtualService", spec)).ok()
    assert created["spec"] == _split(95, 5)


def test_a_route_reads_the_same_in_every_version(wire: Wire, installed: list[str], namespace: str) -> None:
    wire.create(_path("VirtualService", namespace), _object("VirtualService", _split(95, 5))).ok()
    for version in ("v1alpha3", "v1beta1", "v1"):
        found = wire.get(f"/apis/{ISTIO}/{version}/namespaces/{namespace}/virtualservices/web").ok()
        assert (found["apiVersion"], found["spec"]) == (f"{ISTIO}/{version}", _split(95, 5))


def test_our_client_moves_weight(cluster: Cluster, installed: list[str], namespace: str) -> None:
    body = {"metadata": {"name": "web", "namespace": namespace}, "spec": _split(100, 0)}
    created = cluster.create(VIRTUAL_SERVICE, body)
    version = created["metadata"]["resourceVersion"]
    patch = {"metadata": {"resourceVersion": version}, "spec": _split(75, 25)}
    moved = cluster.patch(VIRTUAL_SERVICE, "web", namespace, patch)
    assert (moved["spec"], moved["metadata"]["generation"]) == (_split(75, 25), 2)


def test_kubectl_knows_the_short_names(wire: Wire, installed: list[str], namespace: str, kubectl: Kubectl) -> None:
    wire.create(_path("VirtualService", namespace), _object("VirtualService", _split(95, 5))).ok()
    split = {"service": "web", "backends": [{"service": "a", "weight": 1}]}
    wire.create(_path("TrafficSplit", namespace), _object("TrafficSplit", split)).ok()
    rows = [line.split() for line in kubectl("get", "vs").splitlines()]
    assert rows[0] == ["NAME", "GATEWAYS", "HOSTS", "AGE"]
    assert rows[1][:2] == ["web", '["web"]']
    assert kubectl("get", "ts", "-o", "name") == "trafficsplit.split.smi-spec.io/web\n"
