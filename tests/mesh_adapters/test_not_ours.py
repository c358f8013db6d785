"""What looks like a treatment's and is the user's: refused before the first edit, never taken away."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from mesh_adapters.adapter import RouteAdapter, RouteTaken
from mesh_adapters.gateway.routes import GatewayRoutes
from mesh_adapters.istio.routes import IstioRoutes
from tests.mesh_adapters.shared_routes import KINDS, MATCHED, Object, gateway_route, of, rules_of, virtual_service

NAMED = [KINDS[name] for name in ("VirtualService", "HTTPRoute", "GRPCRoute")]


@pytest.mark.parametrize("name", ["headgate-canary", "headgate-canary-0", "headgate-canary-x", "headgate"])
@pytest.mark.parametrize(("adapter", "route"), NAMED)
def test_a_rule_with_a_name_like_ours_is_the_users(adapter: RouteAdapter, route: Object, name: str) -> None:
    route = deepcopy(route)
    rules_of(route)[1]["name"] = name
    saved = adapter.save(route, of("web", 0))
    planned = adapter.plan(route, of("web", 5), saved=saved)
    assert len(rules_of(planned)) == 2
    assert adapter.restore(planned, saved, of("web", 0)) == route


@pytest.mark.parametrize(("adapter", "route"), NAMED)
def test_a_rule_with_our_very_name_is_refused(adapter: RouteAdapter, route: Object) -> None:
    for name in ("headgate-canary.shop.web-canary", "headgate-canary.shop.web-canary.0"):
        route = deepcopy(route)
        rules_of(route)[0]["name"] = name
        with pytest.raises(RouteTaken, match=r"shop/edge: spec\.(http|rules)\[0\]\.name begins with 'headgate-canary"):
            adapter.save(route, of("web", 0))


@pytest.mark.parametrize(("adapter", "route"), KINDS.values(), ids=KINDS.keys())
def test_a_rule_for_the_canary_alone_is_refused_whatever_it_matches(adapter: RouteAdapter, route: Object) -> None:
    copied = adapter.plan(route, of("web", 5, MATCHED))
    own = deepcopy(route)
    [copy] = [rule for rule in rules_of(copied) if "x-early" in str(rule)]
    copy = {key: value for key, value in copy.items() if key != "name"}
    rules_of(own).insert(0, copy)
    with pytest.raises(RouteTaken, match="already sends traffic to web-stable or web-canary"):
        adapter.save(own, of("web", 0, MATCHED))


MIRRORS: list[tuple[RouteAdapter, Object, str, Any, str]] = [
    (
        IstioRoutes(),
        virtual_service("web"),
        "mirrors",
        [{"destination": {"host": "x"}}, {"destination": {"host": "web-canary"}}],
        r"spec\.http\[0\]\.mirrors\[1\]",
    ),
    (
        GatewayRoutes(),
        gateway_route("web"),
        "filters",
        [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "web-canary", "port": 80}}}],
        r"spec\.rules\[0\]\.filters\[0\]",
    ),
]


@pytest.mark.parametrize(("adapter", "route", "field", "value", "told"), MIRRORS)
def test_a_mirror_of_the_users_to_the_canary_is_refused(
    adapter: RouteAdapter, route: Object, field: str, value: Any, told: str
) -> None:
    rules_of(route)[0][field] = value
    with pytest.raises(RouteTaken, match=rf"shop/edge: {told} already sends copies of requests to web-canary"):
        adapter.save(route, of("web", 0))
