"""Services and DestinationRules become clusters, EndpointSlices their endpoints."""

from __future__ import annotations

from typing import Any

from delivery.lab.mesh.upstreams import assignment, upstreams
from delivery.resources.annotations import TRACK
from tests.lab.mesh.objects import APEX, CANARY, SERVICES, STABLE, Json, service

SUBSETS: list[Json] = [
    {"name": "stable", "labels": {"pod-template-hash": "abc"}},
    {"name": "canary", "labels": {TRACK: "canary"}},
    {"name": "all"},
]


def destination_rule(subsets: list[Json], host: str = "web", namespace: str = "shop", name: str = "web") -> Json:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"host": host, "subsets": subsets}}


def of_subset(name: str) -> str:
    return f"outbound|80|{name}|web.shop.svc.cluster.local"


def endpoint(address: str, pod: str, *, ready: bool = True) -> Json:
    return {"addresses": [address], "conditions": {"ready": ready}, "targetRef": {"kind": "Pod", "name": pod}}


def slice_of(name: str, endpoints: list[Any], ports: list[Json] | None = None) -> Json:
    return {
        "metadata": {"namespace": "shop", "labels": {"kubernetes.io/service-name": name}},
        "ports": ports or [{"name": "http", "port": 8080}],
        "endpoints": endpoints,
    }


def sockets(answer: Json) -> list[tuple[str, int]]:
    found = [entry["endpoint"]["address"]["socket_address"] for entry in answer["endpoints"][0]["lb_endpoints"]]
    return [(socket["address"], socket["port_value"]) for socket in found]


def test_every_port_of_a_service_with_a_selector_is_a_cluster() -> None:
    two = service("two", ports=[{"name": "a", "port": 80}, {"name": "b", "port": 81}])
    headless = {"metadata": {"name": "none", "namespace": "shop"}, "spec": {"ports": [{"port": 80}]}}
    assert set(upstreams([two, headless])) == {
        "outbound|80||two.shop.svc.cluster.local",
        "outbound|81||two.shop.svc.cluster.local",
    }


def test_the_workload_is_the_deployment_the_service_selects() -> None:
    found = upstreams(SERVICES)
    assert [found[name].workload for name in (APEX, STABLE, CANARY)] == ["web", "web", "web-canary"]


def test_a_subset_is_a_cluster_that_reports_the_workload_of_its_pods() -> None:
    found = upstreams(SERVICES, [destination_rule(SUBSETS, host="web.shop.svc.cluster.local")])
    stats = {name: found[of_subset(name)].stat_name for name in ("stable", "canary", "all")}
    assert stats == {"stable": "shop~web~web~80", "canary": "shop~web~web-canary~80", "all": "shop~web~web~80"}
    assert of_subset("stable").replace("web.shop", "web-stable.shop") not in found


def test_the_services_own_namespace_says_which_subsets_there_are() -> None:
    near = destination_rule([{"name": "v1", "labels": {"v": "1"}}])
    second = destination_rule([{"name": "v1", "labels": {"v": "9"}}, {"name": "v2"}], name="younger")
    far = destination_rule([{"name": "v3"}], host="web.shop.svc.cluster.local", namespace="mesh")
    assert of_subset("v3") in upstreams(SERVICES, [far])
    found = upstreams(SERVICES, [far, second, near])
    assert of_subset("v3") not in found
    assert found[of_subset("v1")].labels == (("v", "1"),)
    assert of_subset("v2") in found


def test_only_ready_endpoints_of_the_ports_own_number_on_their_loopback_twins() -> None:
    two = service("web", ports=[{"name": "http", "port": 80}, {"name": "admin", "port": 81}])
    endpoints = [
        {"addresses": ["10.7.0.2"], "conditions": {"ready": True}},
        {"addresses": ["10.7.0.3"], "conditions": {"ready": False}},
        {"addresses": ["10.7.0.4"]},
    ]
    ports = [{"name": "admin", "port": 9090}, {"name": "http", "port": 8080}]
    answer = assignment(upstreams([two])[APEX], [slice_of("web", endpoints, ports)])
    assert sockets(answer) == [("127.7.0.2", 8080), ("127.7.0.4", 8080)]


def test_a_subset_has_the_ready_pods_that_carry_all_of_its_labels() -> None:
    found = upstreams(SERVICES, [destination_rule(SUBSETS)])
    pods = {
        ("shop", "old"): {"app": "web", "pod-template-hash": "abc"},
        ("shop", "new"): {"app": "web", "pod-template-hash": "def", TRACK: "canary"},
        ("shop", "late"): {"app": "web", TRACK: "canary"},
    }
    slices = [
        slice_of("web", [endpoint("10.7.0.2", "old"), endpoint("10.7.0.3", "new")]),
        slice_of("web", [endpoint("10.7.0.4", "late", ready=False), endpoint("10.7.0.5", "unknown")]),
        slice_of("web-canary", [endpoint("10.7.0.9", "new")]),
    ]
    assert sockets(assignment(found[of_subset("stable")], slices, pods)) == [("127.7.0.2", 8080)]
    assert sockets(assignment(found[of_subset("canary")], slices, pods)) == [("127.7.0.3", 8080)]
    assert [address for address, _ in sockets(assignment(found[of_subset("all")], slices, pods))] == [
        "127.7.0.2",
        "127.7.0.3",
        "127.7.0.5",
    ]
