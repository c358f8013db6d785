"""What a VirtualService does for the canary beside its weight, word for word."""

from __future__ import annotations

from typing import Any

import pytest

from mesh_adapters.adapter import Condition, Fault, Stickiness, TrafficSplit, Treatment, UnsupportedRoute
from mesh_adapters.istio.routes import IstioRoutes
from tests.mesh_adapters.istio.virtual_services import Object, http, rule, to
from tests.mesh_adapters.shared_routes import of, rules_of

ISTIO = IstioRoutes()
EARLY = (Condition("header", "X-Early", "exact", "yes"),)


def matched(*conditions: Condition, fault: Fault | None = None) -> Treatment:
    return Treatment(match=(conditions,), fault=fault)


def planned(route: Object, treatment: Treatment) -> list[Object]:
    return rules_of(ISTIO.plan(route, of("web", 5, treatment)))


def test_the_copy_stands_before_its_rule_and_is_like_it() -> None:
    own = rule(to("web"), name="main", match=[{"uri": {"prefix": "/"}}], timeout="1s", retries={"attempts": 2})
    first, copy, second = planned(http(rule(to("cart"), match=[{"uri": {"prefix": "/c"}}]), own), matched(*EARLY))
    assert first["route"] == [to("cart")]
    assert copy == {
        "name": "headgate-canary.shop.web-canary.main",
        "match": [{"uri": {"prefix": "/"}, "headers": {"x-early": {"exact": "yes"}}}],
        "route": [to("web-canary")],
        "timeout": "1s",
        "retries": {"attempts": 2},
    }
    assert {key: value for key, value in second.items() if key != "route"} == {
        key: value for key, value in own.items() if key != "route"
    }


def test_query_parameters_are_matched() -> None:
    treatment = matched(
        Condition("query", "v", "exact", "2"),
        Condition("query", "w", "prefix", "a+"),
        Condition("query", "x", "regex", "[0-9]+"),
        Condition("query", "debug", "present"),
    )
    [copy, _] = planned(http(rule(to("web"), match=[{"queryParams": {"own": {"exact": "1"}}}])), treatment)
    assert copy["match"] == [
        {
            "queryParams": {
                "own": {"exact": "1"},
                "v": {"exact": "2"},
                "w": {"regex": r"a\+.*"},
                "x": {"regex": "[0-9]+"},
                "debug": {"regex": ".*"},
            }
        }
    ]


def test_each_alternative_is_added_to_each_match() -> None:
    treatment = Treatment(match=(EARLY, (Condition("cookie", "beta", "present"),)))
    [copy, _] = planned(http(rule(to("web"), match=[{"port": 80}, {"port": 81}])), treatment)
    assert [(block["port"], list(block["headers"])) for block in copy["match"]] == [
        (80, ["x-early"]),
        (81, ["x-early"]),
        (80, ["cookie"]),
        (81, ["cookie"]),
    ]


@pytest.mark.parametrize(
    ("fault", "written"),
    [
        (Fault(20, delay_s=0.3), {"delay": {"percentage": {"value": 20}, "fixedDelay": "0.3s"}}),
        (Fault(0.5, abort_status=503), {"abort": {"percentage": {"value": 0.5}, "httpStatus": 503}}),
        (
            Fault(100, delay_s=2, abort_status=429),
            {
                "delay": {"percentage": {"value": 100}, "fixedDelay": "2s"},
                "abort": {"percentage": {"value": 100}, "httpStatus": 429},
            },
        ),
    ],
)
def test_a_fault_is_for_the_chosen_requests_alone(fault: Fault, written: Object) -> None:
    route = http(rule(to("web")), rule(to("cart")))
    treatment = matched(*EARLY, fault=fault)
    copy, own, other = planned(route, treatment)
    assert copy["fault"] == written
    assert "fault" not in own
    assert "fault" not in other
    saved = ISTIO.save(route, of("web", 0, treatment))
    assert ISTIO.restore(ISTIO.plan(route, of("web", 5, treatment)), saved, of("web", 0, treatment)) == route


def test_a_fault_beside_the_users_own_is_refused() -> None:
    route = http(rule(to("web"), fault={"abort": {"httpStatus": 500, "percentage": {"value": 1}}}))
    with pytest.raises(UnsupportedRoute, match=r"shop/web: spec\.http\[0\]\.fault is set already"):
        planned(route, matched(*EARLY, fault=Fault(5, delay_s=1)))
    assert planned(route, matched(*EARLY))[0]["fault"] == route["spec"]["http"][0]["fault"]


MIRROR = Treatment(mirror_percent=12.5)


def test_the_mirror_stands_behind_the_users_own() -> None:
    own = {"destination": {"host": "audit"}, "percentage": {"value": 100}}
    [found] = planned(http(rule(to("web"), mirrors=[own])), MIRROR)
    assert found["mirrors"] == [own, {"destination": {"host": "web-canary"}, "percentage": {"value": 12.5}}]


@pytest.mark.parametrize(
    ("own", "field"), [({"mirror": {"host": "audit"}}, "mirror"), ({"mirrors": []}, "mirrors")], ids=["mirror", "empty"]
)
def test_the_users_own_mirror_that_leaves_no_place_is_refused(own: Any, field: str) -> None:
    route = http(rule(to("web"), **own))
    with pytest.raises(UnsupportedRoute, match=rf"shop/web: spec\.http\[0\]\.{field} leaves no place for a mirror"):
        planned(route, MIRROR)
    assert planned(route, matched(*EARLY))


def test_a_condition_of_the_rules_own_on_the_same_thing_is_refused() -> None:
    route = http(rule(to("web"), match=[{"headers": {"x-early": {"exact": "no"}}}]))
    with pytest.raises(UnsupportedRoute, match=r"spec\.http\[0\]\.match\[0\]\.headers has a condition on 'x-early'"):
        planned(route, matched(*EARLY))


def test_layer_4_has_no_treatment() -> None:
    route: Object = {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"tcp": [{"route": [to("web")]}]}}
    with pytest.raises(UnsupportedRoute, match=r"need rules in spec\.http, and none of those sends traffic to"):
        planned_tcp(route)


def planned_tcp(route: Object) -> Object:
    return ISTIO.plan(route, of("web", 5, matched(*EARLY)))


def test_the_arms_of_subsets_are_treated_alike() -> None:
    everything = Treatment((EARLY,), 10.0, Stickiness("seen", 60), Fault(5, abort_status=500))
    split = TrafficSplit("shop", "web", "web-stable", "web-canary", 5, everything, ("v1",))
    own = {"destination": {"host": "web", "subset": "v1"}}
    copy, found = rules_of(ISTIO.plan(http(rule(own)), split))
    assert copy["route"] == [{"destination": {"host": "web", "subset": "web-canary-v1"}}]
    assert found["mirrors"][0]["destination"] == {"host": "web", "subset": "web-canary-v1"}
    assert found["route"][1]["headers"]["response"]["add"]["Set-Cookie"].startswith("seen=web-canary;")
