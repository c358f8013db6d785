"""What an HTTPRoute does for the canary beside its weight, word for word."""

from __future__ import annotations

from copy import deepcopy

import pytest

from mesh_adapters.adapter import Condition, Fault, Stickiness, Treatment, UnsupportedRoute
from mesh_adapters.gateway.routes import GRPC, HTTP, LINKERD, GatewayRoutes
from tests.mesh_adapters.shared_routes import MIRRORED, gateway_route, of, rules_of

ADAPTER, ROUTE = GatewayRoutes(HTTP), gateway_route("web")
CANARY_REF = {"name": "web-canary", "port": 80}


def matched(*conditions: Condition) -> Treatment:
    return Treatment(match=(conditions,))


def test_conditions_are_added_to_the_rules_own() -> None:
    treatment = matched(
        Condition("header", "x-early", "exact", "yes"),
        Condition("header", "x-region", "prefix", "eu."),
        Condition("query", "v", "exact", "2"),
        Condition("query", "w", "prefix", "a+"),
        Condition("query", "debug", "present"),
    )
    _, copy = rules_of(ADAPTER.plan(ROUTE, of("web", 5, treatment)))
    assert copy == {
        "name": "headgate-canary.shop.web-canary.0",
        "matches": [
            {
                "path": {"type": "PathPrefix", "value": "/web"},
                "headers": [
                    {"type": "Exact", "name": "x-early", "value": "yes"},
                    {"type": "RegularExpression", "name": "x-region", "value": r"eu\..*"},
                ],
                "queryParams": [
                    {"type": "Exact", "name": "v", "value": "2"},
                    {"type": "RegularExpression", "name": "w", "value": r"a\+.*"},
                    {"type": "RegularExpression", "name": "debug", "value": ".*"},
                ],
            }
        ],
        "backendRefs": [{**CANARY_REF, "weight": 1}],
    }


def test_a_condition_of_the_rules_own_on_the_same_thing_is_refused() -> None:
    for part, condition in (
        ("headers", Condition("header", "X-Early", "exact", "1")),
        ("queryParams", Condition("query", "x-early", "exact", "1")),
    ):
        route = deepcopy(ROUTE)
        rules_of(route)[0]["matches"][0][part] = [{"name": "x-early", "value": "no"}]
        with pytest.raises(UnsupportedRoute, match=rf"spec\.rules\[0\]\.matches\[0\]\.{part} has a condition on"):
            ADAPTER.plan(route, of("web", 5, matched(condition)))


def test_parameters_are_another_thing_in_another_case() -> None:
    route = deepcopy(ROUTE)
    rules_of(route)[0]["matches"][0]["queryParams"] = [{"name": "V", "value": "1"}]
    _, copy = rules_of(ADAPTER.plan(route, of("web", 5, matched(Condition("query", "v", "exact", "2")))))
    assert [each["name"] for each in copy["matches"][0]["queryParams"]] == ["V", "v"]


@pytest.mark.parametrize(
    ("percent", "share"),
    [(10, {"percent": 10}), (12.5, {"fraction": {"numerator": 125_000, "denominator": 1_000_000}})],
)
def test_the_mirror_is_a_filter_behind_the_users(percent: float, share: object) -> None:
    route = deepcopy(ROUTE)
    own = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x"]}}
    rules_of(route)[0]["filters"] = [own]
    [rule] = rules_of(ADAPTER.plan(route, of("web", 5, Treatment(mirror_percent=percent))))
    assert rule["filters"] == [
        own,
        {"type": "RequestMirror", "requestMirror": {"backendRef": CANARY_REF, **dict(share)}},  # type: ignore[call-overload]
    ]


def test_the_cookie_is_a_filter_of_the_canarys_backend() -> None:
    sticky = Treatment(sticky=Stickiness("seen", 60))
    rule, copy = rules_of(ADAPTER.plan(ROUTE, of("web", 5, sticky)))
    stable, canary = rule["backendRefs"]
    assert "filters" not in stable
    cookie = {"name": "Set-Cookie", "value": "seen=web-canary; Max-Age=60; Path=/"}
    assert canary["filters"] == [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [cookie]}}]
    [header] = copy["matches"][0]["headers"]
    assert header["value"] == r"(?:.*; ?)?seen=(?:web\-canary)(?:;.*)?"


REFUSED = {
    "a fault": (HTTP, Treatment(fault=Fault(5, abort_status=500)), "cannot inject a fault"),
    "a mirror of Linkerd's": (LINKERD, MIRRORED, "cannot mirror requests"),
    "parameters of gRPC": (GRPC, matched(Condition("query", "v", "present")), "knows no query parameters"),
}


@pytest.mark.parametrize(("flavour", "treatment", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_a_kind_cannot_do_is_refused(flavour: object, treatment: Treatment, words: str) -> None:
    with pytest.raises(UnsupportedRoute, match=words):
        GatewayRoutes(flavour).plan(ROUTE, of("web", 5, treatment))  # type: ignore[arg-type]


def test_more_rules_than_the_api_takes_are_refused() -> None:
    treatment = matched(Condition("header", "x-early", "exact", "yes"))
    assert len(rules_of(ADAPTER.plan(gateway_route(*["web"] * 8), of("web", 5, treatment)))) == 16
    with pytest.raises(UnsupportedRoute, match=r"spec\.rules would have 18 rules"):
        ADAPTER.plan(gateway_route(*["web"] * 9), of("web", 5, treatment))
