"""A copy never takes a request from a rule of the user's that its original loses to."""

from __future__ import annotations

from typing import Any

import pytest

from mesh_adapters.adapter import Condition, Treatment, UnsupportedRoute
from mesh_adapters.gateway.routes import GRPC, HTTP, LINKERD, Flavour, GatewayRoutes
from tests.mesh_adapters.shared_routes import Object, of, rules_of

ONE = Treatment(match=((Condition("header", "a", "exact", "1"),),))
TWO = Treatment(match=((Condition("header", "a", "exact", "1"), Condition("header", "b", "exact", "1")),))
QUERY = Treatment(match=((Condition("query", "v", "exact", "2"), Condition("query", "w", "present")),))
HEADER, HEADERS = {"headers": [{"name": "t", "value": "x"}]}, {"headers": [{"name": n, "value": "x"} for n in "tu"]}
ROOT = {"path": {"type": "PathPrefix", "value": "/"}}


def route(other: Object | None, own: Object | None = None) -> Object:
    rules: list[Object] = [
        {**({"matches": [other]} if other is not None else {}), "backendRefs": [{"name": "other", "port": 80}]},
        {**({"matches": [own]} if own is not None else {}), "backendRefs": [{"name": "web", "port": 80}]},
    ]
    return {"metadata": {"name": "edge", "namespace": "shop"}, "spec": {"rules": rules}}


IN_THE_WAY: dict[str, tuple[Object, Object | None, Treatment]] = {
    "one header, against two": ({**ROOT, **HEADER}, None, TWO),
    "no path": (HEADER, None, TWO),
    "a path without its type": ({"path": {"value": "/"}, **HEADER}, None, TWO),
    "an empty path": ({"path": {}, **HEADER}, None, TWO),
    "own match without a path": ({"path": {"value": "/"}, **HEADERS}, HEADER, TWO),
    "a path and a method": (
        {"path": {"value": "/api"}, "method": "GET", **HEADER},
        {"path": {"type": "PathPrefix", "value": "/api"}, "method": "GET"},
        TWO,
    ),
    "parameters": ({**ROOT, "queryParams": [{"name": "t", "value": "x"}]}, None, QUERY),
    "parameters, against a header": ({**ROOT, "queryParams": [{"name": n, "value": "x"} for n in "tu"]}, None, ONE),
}


@pytest.mark.parametrize("flavour", [HTTP, LINKERD], ids=lambda flavour: flavour.noun)
@pytest.mark.parametrize(("other", "own", "treatment"), IN_THE_WAY.values(), ids=IN_THE_WAY.keys())
def test_a_rule_in_the_way_is_named(flavour: Flavour, other: Object, own: Object | None, treatment: Treatment) -> None:
    with pytest.raises(
        UnsupportedRoute, match=r"shop/edge: a request that spec\.rules\[0\] takes now .* makes spec\.rules\[1\] more"
    ):
        GatewayRoutes(flavour).plan(route(other, own), of("web", 5, treatment))


BESIDE: dict[str, tuple[Object | None, Object | None, Treatment]] = {
    "as specific as the original": (HEADER, HEADER, TWO),
    "less specific": (None, HEADER, TWO),
    "as specific as the copy": (HEADERS, None, TWO),
    "more specific than the copy": (HEADERS, None, ONE),
    "a longer path": ({"path": {"value": "/api"}, **HEADER}, None, TWO),
    "a shorter path": (HEADER, {"path": {"value": "/api"}}, TWO),
    "an exact path": ({"path": {"type": "Exact", "value": "/"}, **HEADER}, None, TWO),
    "a method": ({"method": "GET", **HEADER}, None, TWO),
    "no method": (HEADER, {"method": "GET"}, TWO),
}


@pytest.mark.parametrize(("other", "own", "treatment"), BESIDE.values(), ids=BESIDE.keys())
def test_a_rule_beside_is_no_hindrance(other: Object | None, own: Object | None, treatment: Treatment) -> None:
    planned = GatewayRoutes(HTTP).plan(route(other, own), of("web", 5, treatment))
    assert len(rules_of(planned)) == 3


def test_methods_of_grpc_are_compared_with_their_defaults() -> None:
    method: dict[str, Any] = {"service": "shop.Api", "method": "Get"}
    given = route({"method": {"type": "Exact", **method}, **HEADER}, {"method": method})
    with pytest.raises(UnsupportedRoute, match="takes now would go to the canary"):
        GatewayRoutes(GRPC).plan(given, of("web", 5, TWO))
    other = route({"method": {"type": "RegularExpression", **method}, **HEADER}, {"method": method})
    assert len(rules_of(GatewayRoutes(GRPC).plan(other, of("web", 5, TWO)))) == 3


def test_withdrawing_needs_no_precedence() -> None:
    given = route(*IN_THE_WAY["no path"][:2])
    assert len(rules_of(GatewayRoutes(HTTP).plan(given, of("web", 0, TWO)))) == 2
