from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings

from mesh_adapters.adapter import NoMatchingRoute, RouteSelector, SplitDisagrees, TrafficSplit, UnsupportedRoute
from mesh_adapters.istio.routes import IstioRoutes
from tests.mesh_adapters.istio.virtual_services import Object, canary_weights, http, rule, split, to, virtual_services

ISTIO = IstioRoutes()


def planned(
    route: Object, weight: float, selectors: Sequence[RouteSelector] = ()
) -> list[list[tuple[str, int | None]]]:
    rules = ISTIO.plan(route, split(weight), selectors)["spec"]["http"]
    return [[(each["destination"]["host"], each.get("weight")) for each in found["route"]] for found in rules]


@pytest.mark.parametrize(
    ("weight", "stable", "canary"),
    [(0, 100, 0), (5, 95, 5), (0.1, 999, 1), (33.3333, 666667, 333333), (99.5, 5, 995), (100, 0, 100)],
)
def test_a_single_destination_becomes_a_pair_with_exact_weights(weight: float, stable: int, canary: int) -> None:
    assert planned(http(rule(to("web"))), weight) == [[("web-stable", stable), ("web-canary", canary)]]


@pytest.mark.parametrize("given", [0, 1, 100, 7])
def test_the_weight_of_a_single_destination_means_nothing(given: int) -> None:
    assert planned(http(rule(to("web", weight=given))), 5) == [[("web-stable", 95), ("web-canary", 5)]]


def test_the_users_own_split_keeps_its_proportion() -> None:
    route = http(rule(to("web", weight=90), to("legacy", weight=10)))
    assert planned(route, 5) == [[("web-stable", 855), ("web-canary", 45), ("legacy", 100)]]
    assert planned(route, 50) == [[("web-stable", 45), ("web-canary", 45), ("legacy", 10)]]


def test_shares_that_are_no_decimal_fraction_stay_exact() -> None:
    route = http(rule(to("web", weight=1), to("a", weight=1), to("b", weight=1)))
    assert planned(route, 0.1) == [[("web-stable", 999), ("web-canary", 1), ("a", 1000), ("b", 1000)]]


def test_a_missing_weight_among_several_is_none() -> None:
    route = http(rule(to("web"), to("legacy", weight=10)))
    assert planned(route, 50) == [[("web-stable", 0), ("web-canary", 0), ("legacy", 100)]]


@pytest.mark.parametrize(
    ("host", "stable"),
    [
        ("web", "web-stable"),
        ("web.shop", "web-stable.shop"),
        ("web.shop.svc", "web-stable.shop.svc"),
        ("web.shop.svc.cluster.local", "web-stable.shop.svc.cluster.local"),
    ],
)
def test_the_style_of_the_host_is_kept(host: str, stable: str) -> None:
    assert planned(http(rule(to(host))), 5)[0][0] == (stable, 95)


def test_everything_else_of_the_destination_goes_to_both_arms() -> None:
    headers = {"request": {"set": {"x": "1"}}}
    route = http(rule({"headers": headers, "destination": {"port": {"number": 81}, "host": "web"}}))
    assert ISTIO.plan(route, split(5))["spec"]["http"][0]["route"] == [
        {"headers": headers, "destination": {"port": {"number": 81}, "host": "web-stable"}, "weight": 95},
        {"headers": headers, "destination": {"port": {"number": 81}, "host": "web-canary"}, "weight": 5},
    ]


def test_l4_rules_are_split_as_well() -> None:
    route: Object = {
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "tls": [{"match": [{"sniHosts": ["web"]}], "route": [to("web")]}],
            "tcp": [{"route": [to("web", weight=1), to("db", weight=1)]}],
        },
    }
    spec = ISTIO.plan(route, split(20))["spec"]
    assert spec["tls"][0]["route"] == [to("web-stable", weight=80), to("web-canary", weight=20)]
    assert spec["tcp"][0]["route"] == [
        to("web-stable", weight=40),
        to("web-canary", weight=10),
        to("db", weight=50),
    ]


def test_what_is_not_a_destination_stays() -> None:
    others: Object = {
        "mirror": {"host": "web"},
        "mirrors": [{"destination": {"host": "web"}}],
        "fault": {"abort": {"httpStatus": 503, "percentage": {"value": 0.1}}},
        "corsPolicy": {"allowCredentials": True},
        "retries": {"attempts": 3},
        "timeout": "1s",
    }
    after: list[dict[str, Any]] = [
        {"redirect": {"authority": "web"}},
        {"delegate": {"name": "web"}},
        {"directResponse": {"status": 503}},
    ]
    result = ISTIO.plan(http(rule(to("web"), **others), *after), split(5))["spec"]["http"]
    assert {key: value for key, value in result[0].items() if key != "route"} == others
    assert result[1:] == after


@settings(max_examples=60, deadline=None, derandomize=True)
@given(route=virtual_services(), weight=canary_weights)
def test_every_destination_keeps_exactly_its_share(route: Object, weight: float) -> None:
    result = ISTIO.plan(route, split(weight))
    for kind in ("http", "tls", "tcp"):
        for before, after in zip(route["spec"].get(kind, []), result["spec"].get(kind, []), strict=True):
            assert _by_service(after, weight) == _by_service(before, weight)
            assert {k: v for k, v in after.items() if k != "route"} == {k: v for k, v in before.items() if k != "route"}


def _by_service(found: Object, weight: float) -> dict[str, Fraction]:
    """The share of each Service, the apex's divided as asked."""
    entries = found.get("route", [])
    weights = [1] if len(entries) == 1 else [entry.get("weight", 0) for entry in entries]
    assert all(each >= 0 for each in weights)
    assert sum(weights) < 2**31
    canary = Fraction(round(weight * 10_000), 1_000_000)
    total: dict[str, Fraction] = {}
    for entry, each in zip(entries, weights, strict=True):
        name, dot, rest = entry["destination"]["host"].partition(".")
        arms = {name: Fraction(1)}
        if name == "web" and rest in ("", "shop", "shop.svc", "shop.svc.cluster.local"):
            arms = {"web-stable": 1 - canary, "web-canary": canary}
        for arm, part in arms.items():
            total[arm + dot + rest] = total.get(arm + dot + rest, Fraction(0)) + part * each / sum(weights)
    return total


SELECT_A = (RouteSelector("web", "shop", ("a",)),)


def test_only_the_selected_rules_are_split() -> None:
    route = http(rule(to("web"), name="a"), rule(to("web"), name="b"))
    assert planned(route, 5, SELECT_A) == [[("web-stable", 95), ("web-canary", 5)], [("web", None)]]
    result = ISTIO.plan(route, split(5), SELECT_A)
    assert ISTIO.read(result, split(5), SELECT_A) == 5
    with pytest.raises(SplitDisagrees, match=r"5 % in spec.http\[0\].route, not split in spec.http\[1\].route"):
        ISTIO.read(result, split(5))


def test_only_the_selected_rules_are_recorded_and_given_back() -> None:
    route = http(rule(to("web"), name="a"), rule(to("web"), name="b"))
    saved = ISTIO.save(route, split(5), SELECT_A)
    assert [each["name"] for each in saved["rules"]] == ["a"]
    assert ISTIO.restore(ISTIO.plan(route, split(5), SELECT_A), saved, split(5)) == route


def test_a_rule_renamed_during_the_release_can_still_be_withdrawn() -> None:
    result = ISTIO.plan(http(rule(to("web"), name="a")), split(5), SELECT_A)
    result["spec"]["http"][0]["name"] = "renamed"
    assert ISTIO.read(ISTIO.plan(result, split(0), SELECT_A), split(0), SELECT_A) == 0


def test_a_route_without_the_apex_is_refused() -> None:
    with pytest.raises(NoMatchingRoute, match=r"VirtualService shop/web .* Service shop/web: add one"):
        ISTIO.plan(http(rule(to("cart"))), split(5))


def test_a_subset_of_the_apex_is_refused() -> None:
    route = http(rule({"destination": {"host": "web", "subset": "v1"}}))
    with pytest.raises(UnsupportedRoute, match=r"shop/web: spec.http\[0\].route\[0\].destination.subset is 'v1'"):
        ISTIO.plan(route, split(5))


def test_a_subset_of_the_apex_that_is_not_selected_is_left_alone() -> None:
    subset = rule({"destination": {"host": "web", "subset": "v1"}}, name="b")
    result = ISTIO.plan(http(rule(to("web"), name="a"), subset), split(5), SELECT_A)
    assert result["spec"]["http"][1] == subset


def test_a_subset_added_during_the_release_does_not_stop_the_rollback() -> None:
    result = ISTIO.plan(http(rule(to("web"))), split(5))
    subset = rule({"destination": {"host": "web", "subset": "v1"}})
    result["spec"]["http"].append(subset)
    assert planned(result, 0)[0] == [("web-stable", 100), ("web-canary", 0)]
    assert ISTIO.plan(result, split(0))["spec"]["http"][1] == subset


def test_weights_that_are_all_zero_are_refused() -> None:
    route = http(rule(to("web"), to("cart", weight=0)))
    with pytest.raises(UnsupportedRoute, match=r"every weight in spec.http\[0\].route is 0 or missing"):
        ISTIO.plan(route, split(5))


def test_weights_too_large_to_divide_are_refused_before_anything_is_touched() -> None:
    route = http(rule(to("web", weight=1_999_999_999), to("cart", weight=1)))
    for refused in (ISTIO.save, ISTIO.plan):
        with pytest.raises(UnsupportedRoute, match=r"exactly 0.1 %.*use smaller weights"):
            refused(route, split(0.1))
    assert planned(route, 0) == [[("web-stable", 1_999_999_999), ("web-canary", 0), ("cart", 1)]]


def test_withdrawing_works_whatever_somebody_made_of_the_weights() -> None:
    result = ISTIO.plan(http(rule(to("web"), to("cart", weight=1))), split(5))
    for entry, weight in zip(result["spec"]["http"][0]["route"], (2**31 - 1, 2**31 - 1, 2**31 - 2), strict=True):
        entry["weight"] = weight
    assert ISTIO.read(ISTIO.plan(result, split(0)), split(0)) == 0


def test_a_pair_whose_weights_were_set_to_zero_is_split_again() -> None:
    result = http(rule(to("web-stable", weight=0), to("web-canary", weight=0)))
    assert planned(result, 5) == [[("web-stable", 95), ("web-canary", 5)]]


def test_a_share_that_somebody_changed_is_read_as_it_is() -> None:
    result = ISTIO.plan(http(rule(to("web", weight=90), to("cart", weight=10))), split(5))
    result["spec"]["http"][0]["route"][1]["weight"] = 855
    assert ISTIO.read(result, split(5)) == 50


def test_rules_that_disagree_are_reported_and_a_new_plan_ends_it() -> None:
    result = ISTIO.plan(http(rule(to("web")), rule(to("web"))), split(5))
    result["spec"]["http"][1]["route"][1]["weight"] = 95
    with pytest.raises(SplitDisagrees, match=r"shop/web: .*5 % in spec.http\[0\].route, 50 % in spec.http\[1\]"):
        ISTIO.read(result, split(5))
    assert ISTIO.read(ISTIO.plan(result, split(5)), split(5)) == 5


def test_a_pair_without_traffic_says_nothing_about_the_share() -> None:
    route = http(rule(to("web")), rule(to("web", weight=0), to("cart", weight=1)))
    assert ISTIO.read(ISTIO.plan(route, split(5)), split(5)) == 5


@pytest.mark.parametrize("weight", [-1, 100.1, float("nan")])
def test_a_weight_that_is_no_percentage_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="0 to 100"):
        split(weight)


def test_the_three_services_differ() -> None:
    with pytest.raises(ValueError, match="three Services"):
        TrafficSplit("shop", "web", "web", "web-canary", 5)
