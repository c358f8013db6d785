import re
from typing import Any

import pytest

from mesh_adapters.adapter import (
    AmbiguousRoute,
    NoMatchingRoute,
    RouteError,
    RouteSelector,
    RouteTaken,
    UnsupportedRoute,
)
from mesh_adapters.istio.routes import IstioRoutes
from tests.mesh_adapters.istio.virtual_services import Object, rule, split, to

ISTIO = IstioRoutes()


def virtual_service(name: str, *rules: Object, namespace: str = "shop", **spec: Any) -> Object:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"hosts": [f"{name}.example.com"], "http": list(rules), **spec},
    }


def names(routes: list[Object]) -> list[str]:
    return [f"{route['metadata']['namespace']}/{route['metadata']['name']}" for route in routes]


def found(*routes: Object, selectors: tuple[RouteSelector, ...] = ()) -> list[str]:
    return names(ISTIO.find(routes, "shop", "web", selectors))


def test_every_virtual_service_that_carries_the_apex_is_found() -> None:
    assert found(
        virtual_service("a", rule(to("web"))),
        virtual_service("b", rule(to("cart"))),
        virtual_service("c", rule(to("cart")), rule(to("cart", weight=1), to("web.shop", weight=1))),
        virtual_service("d", rule(to("web.shop.svc.cluster.local")), namespace="infra"),
        virtual_service("e", rule(to("web")), namespace="infra"),
        virtual_service("f", tcp=[{"route": [to("web")]}]),
        virtual_service("g", tls=[{"route": [to("web")]}]),
    ) == ["shop/a", "shop/c", "infra/d", "shop/f", "shop/g"]


def test_a_mirror_a_redirect_or_a_host_alone_carries_nothing() -> None:
    assert (
        found(
            virtual_service("a", rule(to("cart"), mirror={"host": "web"})),
            virtual_service("b", {"redirect": {"authority": "web"}}),
            virtual_service("c", rule(to("cart")), hosts=["web"], gateways=["infra/public"]),
            virtual_service("d", rule(to("cart")), hosts=["web"], namespace="infra"),
            {"metadata": {"name": "empty", "namespace": "shop"}, "spec": {}},
        )
        == []
    )


def test_one_that_is_being_deleted_is_left_out() -> None:
    route = virtual_service("a", rule(to("web")))
    route["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z"
    assert found(route) == []


def test_arms_with_other_names_stand_for_the_apex_when_named() -> None:
    route = virtual_service("a", rule(to("web-primary", weight=9), to("web-next", weight=1)))
    assert names(ISTIO.find([route], "shop", "web", arms=("web-primary", "web-next"))) == ["shop/a"]
    assert found(route) == []


def test_selectors_choose_among_them() -> None:
    routes = [virtual_service(name, rule(to("web"), name="main")) for name in ("a", "b", "c")]
    chosen = (RouteSelector("c", "shop"), RouteSelector("a", "shop", ("main",)))
    assert found(*routes, selectors=chosen) == ["shop/a", "shop/c"]


def test_a_selector_means_one_namespace() -> None:
    routes = [virtual_service("a", rule(to("web.shop")), namespace=each) for each in ("infra", "shop")]
    assert found(*routes, selectors=(RouteSelector("a", "shop"),)) == ["shop/a"]


def test_a_split_route_is_found_whatever_was_added_to_it() -> None:
    route = ISTIO.plan(virtual_service("a", rule(to("web"))), split(5))
    route["spec"]["http"].append(rule({"destination": {"host": "web", "subset": "v1"}}))
    assert found(route) == found(route, selectors=(RouteSelector("a", "shop", ("gone",)),)) == ["shop/a"]


PAGE = virtual_service("page", rule(to("web"), name="main"), rule(to("cart"), name="cart"))
TWICE = virtual_service("page", rule(to("web"), name="main"), rule(to("web"), name="main"))
REFUSED: list[tuple[type[RouteError], Object, tuple[RouteSelector, ...], str]] = [
    (
        NoMatchingRoute,
        PAGE,
        (RouteSelector("page", "shop"), RouteSelector("blog", "shop", field="virtualServices[1]")),
        "VirtualService shop/blog, named in the policy's virtualServices[1], does not exist: create it",
    ),
    (
        NoMatchingRoute,
        PAGE,
        (RouteSelector("page", "shop", ("primary",)),),
        "shop/page has no rule with destinations and the name 'primary'; it has 'main', 'cart'",
    ),
    (
        NoMatchingRoute,
        PAGE,
        (RouteSelector("page", "shop", ("cart",)),),
        "shop/page: spec.http[1].route (rule 'cart') has no destination that is Service shop/web: choose another",
    ),
    (
        AmbiguousRoute,
        TWICE,
        (RouteSelector("page", "shop", ("main",)),),
        "shop/page: spec.http[0] and spec.http[1] both have the name 'main': give them different names",
    ),
    (
        RouteTaken,
        virtual_service("page", rule(to("cart")), hosts=["web.shop.svc.cluster.local"]),
        (),
        "shop/page: spec.hosts has 'web.shop.svc.cluster.local' for the mesh",
    ),
    (RouteTaken, virtual_service("web", rule(to("cart"))), (), "shop/web has the name that a VirtualService"),
]


@pytest.mark.parametrize(("error", "route", "selectors", "message"), REFUSED)
def test_what_cannot_be_meant_is_refused(
    error: type[RouteError], route: Object, selectors: tuple[RouteSelector, ...], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        ISTIO.find([route], "shop", "web", selectors)


def test_a_split_by_another_controller_is_not_taken_over() -> None:
    route = virtual_service("page", rule(to("web-stable", weight=100), to("web-canary", weight=0)))
    with pytest.raises(RouteTaken, match=r"shop/page: spec.http\[0\].route already sends traffic to"):
        ISTIO.save(route, split(5))


def test_a_subset_of_the_apex_is_found_and_cannot_be_split_by_services() -> None:
    route = virtual_service("page", rule({"destination": {"host": "web", "subset": "v1"}}))
    assert found(route) == ["shop/page"]
    with pytest.raises(UnsupportedRoute, match=r"shop/page: spec.http\[0\].route\[0\].destination.subset is 'v1'"):
        ISTIO.save(route, split(0))


def test_a_delegate_is_found_by_its_destinations_and_split_where_they_stand() -> None:
    root = virtual_service(
        "root", {"match": [{"uri": {"prefix": "/web"}}], "delegate": {"name": "web", "namespace": "d"}}
    )
    delegate: Object = {
        "metadata": {"name": "web", "namespace": "d"},
        "spec": {"http": [rule(to("web.shop.svc.cluster.local"), match=[{"uri": {"prefix": "/web/v1"}}])]},
    }
    assert found(root, delegate) == ["d/web"]
    saved = ISTIO.save(delegate, split(5))
    planned = ISTIO.plan(delegate, split(5), saved=saved)
    hosts = [each["destination"]["host"] for each in planned["spec"]["http"][0]["route"]]
    assert hosts == ["web-stable.shop.svc.cluster.local", "web-canary.shop.svc.cluster.local"]
    assert ISTIO.restore(planned, saved, split(5)) == delegate


def test_a_cluster_may_have_another_domain() -> None:
    route = virtual_service("a", rule(to("web.shop.svc.k8s.example")))
    assert found(route) == []
    adapter = IstioRoutes("k8s.example")
    assert names(adapter.find([route], "shop", "web")) == ["shop/a"]
    assert "web-canary.shop.svc.k8s.example" in str(adapter.plan(route, split(5)))
