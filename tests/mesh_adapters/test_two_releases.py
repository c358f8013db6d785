"""Two releases that share a route: neither touches what the other has written, in whatever order they pass."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from typing import Any

import pytest

from mesh_adapters.adapter import RouteAdapter, RouteTaken, Treatment, UnsupportedRoute
from mesh_adapters.gateway.routes import LINKERD, GatewayRoutes
from mesh_adapters.istio.routes import IstioRoutes
from tests.mesh_adapters.shared_routes import (
    KINDS,
    MATCHED,
    MIRRORED,
    STICKY,
    Object,
    destinations,
    names,
    of,
    rules_of,
    virtual_service,
)

CASES = [
    pytest.param(adapter, route, treatment, id=f"{name}-{said}")
    for name, (adapter, route) in KINDS.items()
    for said, treatment in (("match", MATCHED), ("sticky", STICKY), ("mirror", MIRRORED))
    if (name, said) != ("Linkerd's HTTPRoute", "mirror")
]


@pytest.mark.parametrize(("adapter", "route", "treatment"), CASES)
def test_neither_touches_what_the_other_has_written(adapter: RouteAdapter, route: Object, treatment: Treatment) -> None:
    web, cart = of("web", 5, treatment), of("cart", 5, treatment)
    saved = {web.apex: adapter.save(route, web)}
    both = adapter.plan(route, web, saved=saved["web"])
    saved["cart"] = adapter.save(both, cart)
    both = adapter.plan(both, cart, saved=saved["cart"])
    for split in (web, cart, web, cart):
        assert adapter.save(both, split, saved=saved[split.apex]) == saved[split.apex]
        assert adapter.plan(both, split, saved=saved[split.apex]) == both
        assert adapter.read(both, split) == 5


@pytest.mark.parametrize(("adapter", "route", "treatment"), CASES)
def test_either_may_end_first(adapter: RouteAdapter, route: Object, treatment: Treatment) -> None:
    for order in (("web", "cart"), ("cart", "web")):
        saved: dict[str, Any] = {}
        live = route
        for service in ("web", "cart"):
            saved[service] = adapter.save(live, of(service, 0, treatment))
            live = adapter.plan(live, of(service, 5, treatment), saved=saved[service])
        for service in order:
            live = adapter.restore(live, saved[service], of(service, 0, treatment))
        assert json.dumps(live) == json.dumps(route)


@pytest.mark.parametrize(("adapter", "route", "treatment"), CASES)
def test_any_interleaving_settles(adapter: RouteAdapter, route: Object, treatment: Treatment) -> None:
    """Both steps in random turns; then one pass of each changes nothing, and what is left is the user's."""
    draw = random.Random(7)
    live, weights = route, {"web": 0.0, "cart": 0.0}
    saved = {service: adapter.save(route, of(service, 0, treatment)) for service in weights}
    for _ in range(60):
        service = draw.choice(("web", "cart"))
        weights[service] = draw.choice((0.0, 1.0, 20.0, 50.0, 100.0))
        live = adapter.plan(live, of(service, weights[service], treatment), saved=saved[service])
    for service in ("web", "cart", "web", "cart"):
        assert adapter.plan(live, of(service, weights[service], treatment), saved=saved[service]) == live
    for service in ("cart", "web"):
        live = adapter.restore(live, saved[service], of(service, 0, treatment))
    assert live == route


@pytest.mark.parametrize(("adapter", "route"), KINDS.values(), ids=KINDS.keys())
def test_three_copies_have_one_order(adapter: RouteAdapter, route: Object) -> None:
    """Even after the user has put a rule behind them, where it comes before copies that are as specific."""
    route = deepcopy(route)
    third = json.loads(json.dumps(rules_of(route)[0]).replace("cart", "blog"))
    rules_of(route).append(third)
    live, services = route, ("web", "blog", "cart")
    saved = {service: adapter.save(route, of(service, 0, MATCHED)) for service in services}
    for service in services:
        live = adapter.plan(live, of(service, 5, MATCHED), saved=saved[service])
    rules_of(live).append(json.loads(json.dumps(third).replace("blog", "help")))
    for _ in range(2):
        for service in services:
            live = adapter.plan(live, of(service, 5, MATCHED), saved=saved[service])
    for service in services:
        assert adapter.plan(live, of(service, 5, MATCHED), saved=saved[service]) == live
    copies = [names(rule)[0] for rule in rules_of(live) if len(names(rule)) == 1]
    assert copies == (
        ["cart-canary", "web-canary", "blog-canary", "help"]
        if isinstance(adapter, IstioRoutes)
        else ["help", "blog-canary", "cart-canary", "web-canary"]
    )


def one_rule(route: Object) -> Object:
    """The route with both Services as destinations of one rule."""
    route = deepcopy(route)
    first, second = rules_of(route)
    destinations(first).append(destinations(second)[0])
    for entry in destinations(first):
        entry["weight"] = 50
    rules_of(route).pop()
    return route


@pytest.mark.parametrize(("adapter", "route"), KINDS.values(), ids=KINDS.keys())
def test_a_rule_that_another_release_has_split_gets_no_copy(adapter: RouteAdapter, route: Object) -> None:
    """The copy would go on sending traffic where that release has withdrawn it."""
    both = adapter.plan(one_rule(route), of("cart", 5))
    with pytest.raises(UnsupportedRoute, match=r"shop/edge: spec\.\S+\[0\]\.\S+ is split .* of \S*cart as well"):
        adapter.plan(both, of("web", 5, MATCHED))
    assert adapter.read(adapter.plan(both, of("web", 5)), of("cart", 0)) == 5


@pytest.mark.parametrize(("adapter", "route"), KINDS.values(), ids=KINDS.keys())
def test_a_service_in_the_copy_of_another_release_waits(adapter: RouteAdapter, route: Object) -> None:
    copied = adapter.plan(one_rule(route), of("web", 5, MATCHED))
    for refused in (adapter.save, adapter.plan):
        with pytest.raises(RouteTaken, match=r"shop/edge: spec\.\S+, .* added, sends traffic to Service shop/cart"):
            refused(copied, of("cart", 5))


def test_mirrors_of_two_releases_in_one_rule_have_one_order() -> None:
    for adapter, route in list(KINDS.values())[:3]:
        live = one_rule(route)
        saved = {service: adapter.save(live, of(service, 0, MIRRORED)) for service in ("web", "cart")}
        original = live
        for service in ("web", "cart", "web"):
            live = adapter.plan(live, of(service, 5, MIRRORED), saved=saved[service])
        for service in ("web", "cart"):
            assert adapter.plan(live, of(service, 5, MIRRORED), saved=saved[service]) == live
            live = adapter.restore(live, saved[service], of(service, 5, MIRRORED))
        assert live["spec"] == original["spec"]


def test_services_of_two_namespaces_with_one_name_are_two() -> None:
    adapter, route = IstioRoutes(), virtual_service("web", "web.other")
    from_other = of("web", 5, MATCHED)
    other = type(from_other)("other", "web", "web-stable", "web-canary", 5, MATCHED)
    live = adapter.plan(adapter.plan(route, of("web", 5, MATCHED)), other)
    assert len(rules_of(live)) == 4
    assert adapter.plan(live, of("web", 5, MATCHED)) == live
    assert adapter.plan(live, other) == live


def test_a_users_own_pair_of_services_by_such_names_is_left_alone() -> None:
    """Without a copy of any release in the route, a rule for `shop-canary` alone is just a rule."""
    adapter, route = GatewayRoutes(LINKERD), KINDS["Linkerd's HTTPRoute"][1]
    own = deepcopy(route)
    rules_of(own).append({"backendRefs": [{"name": "shop-canary", "port": 80}, {"name": "web", "port": 80}]})
    saved = adapter.save(own, of("web", 0, MATCHED))
    live = adapter.plan(own, of("web", 5, MATCHED), saved=saved)
    assert names(rules_of(live)[2]) == ["shop-canary", "web-stable", "web-canary"]
    assert adapter.restore(live, saved, of("web", 0, MATCHED)) == own
