"""Which object routes a Service, and what Envoy has where none does."""

from __future__ import annotations

from typing import Any

from delivery.cluster.kinds import GRPC_ROUTE, HTTP_ROUTE, LINKERD_HTTP_ROUTE
from delivery.lab.mesh.naming import CLUSTER_HEADER
from delivery.lab.mesh.references import References
from delivery.lab.mesh.translate import routes, upstreams
from tests.lab.mesh.objects import (
    APEX,
    CANARY,
    SERVICES,
    STABLE,
    backend,
    of_apex,
    route,
    service,
    shares,
    to,
    traffic_split,
    virtual_service,
)


def test_without_a_route_a_service_is_reached_as_it_is() -> None:
    table = routes(upstreams(SERVICES), [])
    [plain] = next(host["routes"] for host in table["virtual_hosts"] if host["name"] == CANARY)
    assert shares(plain) == {CANARY: 1}
    assert plain["response_headers_to_add"][0]["header"]["key"] == CLUSTER_HEADER


def test_the_first_port_answers_to_the_names_without_a_port() -> None:
    two = service("two", ports=[{"name": "a", "port": 80}, {"name": "b", "port": 81}])
    table = routes(upstreams([two]))
    domains = {host["name"].split("|")[1]: host["domains"] for host in table["virtual_hosts"]}
    assert {"two.shop", "two.shop:80"} <= set(domains["80"])
    assert domains["81"] == ["two.shop:81", "two.shop.svc:81", "two.shop.svc.cluster.local:81"]


def test_of_several_objects_the_first_kind_counts() -> None:
    virtual = [virtual_service([{"route": [to("web-canary")]}])]
    gateway: dict[Any, Any] = {
        GRPC_ROUTE: [route([{"backendRefs": [backend("web-stable")]}])],
        HTTP_ROUTE: [route([{"backendRefs": [backend("web")]}])],
        LINKERD_HTTP_ROUTE: [route([{"backendRefs": [backend("web-canary")]}])],
    }
    split = traffic_split({"web-stable": 1})
    seen = []
    while True:
        known, references = upstreams(SERVICES), References.among(SERVICES)
        [found] = of_apex(routes(known, virtual, gateway, [split], references))
        seen.append(next(iter(shares(found))))
        if virtual:
            virtual = []
        elif gateway:
            gateway.pop(next(iter(gateway)))
        else:
            break
    assert seen == [CANARY, STABLE, APEX, CANARY, STABLE]
