"""Services, EndpointSlices and VirtualServices become what a real Envoy accepts and means the same."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from delivery.lab.envoy import find_envoy
from delivery.lab.mesh.naming import CLUSTER_HEADER
from delivery.lab.mesh.translate import assignment, cluster, routes, upstreams
from delivery.resources.annotations import TRACK, ownership_labels

APEX = "outbound|80||web.shop.svc.cluster.local"
STABLE = "outbound|80||web-stable.shop.svc.cluster.local"
CANARY = "outbound|80||web-canary.shop.svc.cluster.local"


def service(
    name: str,
    narrowed_by: dict[str, str] | None = None,
    *,
    ours: bool = False,
    ports: list[dict[str, Any]] | None = None,
) -> Any:
    labels = ownership_labels("web") if ours else {}
    return {
        "metadata": {"name": name, "namespace": "shop", "labels": labels},
        "spec": {"selector": {"app": "web", **(narrowed_by or {})}, "ports": ports or [{"name": "http", "port": 80}]},
    }


SERVICES = [
    service("web"),
    service("web-stable", {"pod-template-hash": "abc"}, ours=True),
    service("web-canary", {TRACK: "canary"}, ours=True),
]


def virtual_service(http: list[dict[str, Any]], namespace: str = "shop", hosts: tuple[str, ...] = ("web",)) -> Any:
    return {"metadata": {"name": "web", "namespace": namespace}, "spec": {"hosts": list(hosts), "http": http}}


def to(host: str, weight: int | None = None) -> dict[str, Any]:
    return {"destination": {"host": host}, **({} if weight is None else {"weight": weight})}


def of_web(http: list[dict[str, Any]], **named: Any) -> list[dict[str, Any]]:
    """The routes Envoy gets for the apex Service."""
    table = routes(upstreams(SERVICES), [virtual_service(http, **named)])
    return next(host["routes"] for host in table["virtual_hosts"] if host["name"] == APEX)


def shares(route: dict[str, Any]) -> dict[str, int]:
    return {entry["name"]: entry["weight"] for entry in route["route"]["weighted_clusters"]["clusters"]}


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


def test_weights_are_kept_in_proportion_and_zero_gets_nothing() -> None:
    [route] = of_web([{"route": [to("web-stable", 1999), to("web-canary", 1)]}])
    assert shares(route) == {STABLE: 1999, CANARY: 1}
    [route] = of_web([{"route": [to("web-stable", 100), to("web-canary", 0)]}])
    assert shares(route) == {STABLE: 100}


def test_a_single_destination_needs_no_weight() -> None:
    [route] = of_web([{"route": [to("web.shop.svc.cluster.local")]}])
    assert shares(route) == {APEX: 100}


def test_rules_keep_their_order_and_their_conditions() -> None:
    found = of_web(
        [
            {"match": [{"uri": {"exact": "/a"}}, {"uri": {"regex": "/b.*"}}], "route": [to("web-canary")]},
            {"match": [{"headers": {"x-beta": {"exact": "1"}, "x-any": {}}}], "route": [to("web-stable")]},
            {"route": [to("web")]},
        ]
    )
    assert [route["match"] for route in found] == [
        {"path": "/a"},
        {"safe_regex": {"regex": "/b.*"}},
        {
            "prefix": "/",
            "headers": [
                {"name": "x-beta", "string_match": {"exact": "1"}},
                {"name": "x-any", "present_match": True},
            ],
        },
        {"prefix": "/"},
    ]
    assert [next(iter(shares(route))) for route in found] == [CANARY, CANARY, STABLE, APEX]


def test_a_virtual_service_of_another_namespace_must_say_which_service_it_means() -> None:
    elsewhere = {"namespace": "edge", "hosts": ("web.shop.svc.cluster.local",)}
    [route] = of_web([{"route": [to("web-canary.shop.svc.cluster.local")]}], **elsewhere)
    assert shares(route) == {CANARY: 100}
    [route] = of_web([{"route": [to("web-canary")]}], **elsewhere)
    assert route["direct_response"] == {"status": 503}


def test_without_a_virtual_service_a_service_is_reached_as_it_is() -> None:
    table = routes(upstreams(SERVICES), [])
    [route] = next(host["routes"] for host in table["virtual_hosts"] if host["name"] == CANARY)
    assert route["route"] == {"cluster": CANARY}
    assert route["response_headers_to_add"][0]["header"]["key"] == CLUSTER_HEADER


def test_only_ready_endpoints_of_the_ports_own_number_on_their_loopback_twins() -> None:
    two = service("web", ports=[{"name": "http", "port": 80}, {"name": "admin", "port": 81}])
    found = upstreams([two])
    endpoint_slice = {
        "metadata": {"namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}},
        "ports": [{"name": "admin", "port": 9090}, {"name": "http", "port": 8080}],
        "endpoints": [
            {"addresses": ["10.7.0.2"], "conditions": {"ready": True}},
            {"addresses": ["10.7.0.3"], "conditions": {"ready": False}},
            {"addresses": ["10.7.0.4"]},
        ],
    }
    answer = assignment(found[APEX], [endpoint_slice])
    sockets = [
        (entry["endpoint"]["address"]["socket_address"]["address"], entry["endpoint"]["address"]["socket_address"])
        for entry in answer["endpoints"][0]["lb_endpoints"]
    ]
    assert [(address, socket["port_value"]) for address, socket in sockets] == [
        ("127.7.0.2", 8080),
        ("127.7.0.4", 8080),
    ]


def test_envoy_itself_accepts_what_is_translated(tmp_path: Path) -> None:
    services = [*SERVICES, service("two", ports=[{"name": "a", "port": 80}, {"name": "b", "port": 81}])]
    known = upstreams(services)
    rules: list[dict[str, Any]] = [
        {"match": [{"headers": {"x-any": {}, "x-re": {"regex": "a+"}}}], "route": [to("web")], "timeout": "500ms"},
        {"match": [{"uri": {"prefix": "/p"}}], "route": [to("web-stable", 9), to("web-canary", 1)], "timeout": "1m"},
        {"route": [to("nowhere")]},
    ]
    table = routes(known, [virtual_service(rules)])
    router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
    manager = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    filters = {
        "name": "manager",
        "typed_config": {
            "@type": manager,
            "stat_prefix": "t",
            "route_config": {key: value for key, value in table.items() if key != "@type"},
            "http_filters": [{"name": "router", "typed_config": {"@type": router}}],
        },
    }
    clusters = [
        {key: value for key, value in cluster(upstream, str(tmp_path / "none.json")).items() if key != "@type"}
        for upstream in known.values()
    ]
    (tmp_path / "none.json").write_text(json.dumps({"version_info": "0", "resources": []}))
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    bootstrap = {
        "node": {"id": "test", "cluster": "test"},
        "static_resources": {
            "clusters": clusters,
            "listeners": [{"name": "l", "address": address, "filter_chains": [{"filters": [filters]}]}],
        },
    }
    (tmp_path / "envoy.json").write_text(json.dumps(bootstrap))
    done = subprocess.run(
        [find_envoy(), "--mode", "validate", "-c", str(tmp_path / "envoy.json")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
