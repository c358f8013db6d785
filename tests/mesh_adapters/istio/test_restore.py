"""Invariant: what the user has in a VirtualService survives a release byte for byte."""

import json
from collections.abc import Callable
from copy import deepcopy

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mesh_adapters.adapter import TrafficSplit
from mesh_adapters.istio.routes import IstioRoutes
from tests.mesh_adapters.istio.virtual_services import (
    Object,
    canary_weights,
    http,
    http_rules,
    rule,
    split,
    to,
    virtual_services,
)

ISTIO = IstioRoutes()
Edit = Callable[[Object], None]


def released(route: Object, *weights: float) -> Object:
    for weight in weights:
        route = ISTIO.plan(route, split(weight))
    return route


@settings(max_examples=80, deadline=None, derandomize=True)
@given(route=virtual_services(), weights=st.lists(canary_weights, min_size=1, max_size=4))
def test_any_release_leaves_any_virtual_service_as_it_was(route: Object, weights: list[float]) -> None:
    saved = json.loads(json.dumps(ISTIO.save(route, split(weights[0]))))
    planned = released(route, *weights)
    assert json.dumps(ISTIO.restore(planned, saved, split(0))) == json.dumps(route)
    assert "web-canary" in json.dumps(planned)


def _annotate(route: Object) -> None:
    route["metadata"]["annotations"] = {"note": "theirs"}


def _retime(route: Object) -> None:
    route["spec"]["http"][0]["timeout"] = "9s"


def _rename(route: Object) -> None:
    route["spec"]["http"][0]["name"] = "renamed"


def _reverse(route: Object) -> None:
    route["spec"]["http"].reverse()


def _drop_last(route: Object) -> None:
    if len(route["spec"]["http"]) > 1:
        route["spec"]["http"].pop()


def _insert_redirect(route: Object) -> None:
    route["spec"]["http"].insert(0, {"match": [{"uri": {"exact": "/"}}], "redirect": {"uri": "/home"}})


def _insert_other(route: Object) -> None:
    route["spec"]["http"].insert(0, rule(to("cart"), match=[{"uri": {"exact": "/cart"}}]))


EDITS: list[Edit] = [_annotate, _retime, _rename, _reverse, _drop_last, _insert_redirect, _insert_other]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    route=virtual_services(),
    weights=st.tuples(canary_weights, canary_weights),
    edits=st.lists(st.sampled_from(EDITS), min_size=1, max_size=3),
)
def test_edits_elsewhere_survive(route: Object, weights: tuple[float, float], edits: list[Edit]) -> None:
    saved = ISTIO.save(route, split(weights[0]))
    planned = released(route, weights[0])
    for edit in edits:
        edit(planned)
        edit(route)
    assume(ISTIO.find([route], "shop", "web"))
    planned = released(planned, weights[1])
    assert json.dumps(ISTIO.restore(planned, saved, split(0))) == json.dumps(route)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(route=virtual_services(), added=http_rules(9), weight=canary_weights)
def test_a_rule_added_during_the_release_is_split_too_and_given_back(
    route: Object, added: Object, weight: float
) -> None:
    saved = ISTIO.save(route, split(weight))
    planned = released(route, weight)
    planned["spec"]["http"].append(deepcopy(added))
    saved = ISTIO.save(planned, split(weight), saved=saved)
    planned = released(planned, weight)
    route["spec"]["http"].append(added)
    assert planned == released(route, weight)
    assert json.dumps(ISTIO.restore(planned, saved, split(0))) == json.dumps(route)


def test_an_added_rule_that_was_not_recorded_is_given_back_with_the_same_meaning() -> None:
    saved = ISTIO.save(http(rule(to("web"))), split(5))
    planned = http(rule(to("web"), timeout="1s"), rule(to("web", weight=30), to("cart", weight=30)))
    restored = ISTIO.restore(released(planned, 5), saved, split(5))
    assert restored["spec"]["http"] == [
        rule(to("web"), timeout="1s"),
        rule(to("web", weight=50), to("cart", weight=50)),
    ]


def test_the_users_new_weights_among_his_own_destinations_are_kept() -> None:
    saved = ISTIO.save(http(rule(to("web", weight=3), to("cart", weight=1))), split(5))
    rewritten = http(rule(to("web", weight=1), to("cart", weight=1)))
    saved = ISTIO.save(rewritten, split(5), saved=saved)  # as ever before a plan
    assert ISTIO.restore(released(rewritten, 10), saved, split(10)) == rewritten


def test_weights_that_somebody_edits_in_a_split_list_are_put_right_and_not_given_back() -> None:
    original = http(rule(to("web", weight=3), to("cart", weight=1), name="main"))
    saved, planned = ISTIO.save(original, split(20)), released(original, 20)
    edited = deepcopy(planned)
    edited["spec"]["http"][0]["route"][2]["weight"] += 7
    assert ISTIO.read(edited, split(0)) == 20
    assert ISTIO.plan(edited, split(20), saved=saved) == planned
    assert ISTIO.save(edited, split(0), saved=saved) == saved
    assert ISTIO.restore(edited, saved, split(0)) == original


def test_destinations_in_another_order_are_still_the_users_own() -> None:
    original = http(rule(to("web", weight=3), to("cart", weight=1)))
    saved = ISTIO.save(original, split(5))
    planned = released(original, 5)
    planned["spec"]["http"][0]["route"].reverse()
    restored = ISTIO.restore(released(planned, 20), saved, split(20))
    assert restored["spec"]["http"] == [rule(to("cart", weight=1), to("web", weight=3))]


def test_no_destination_of_ours_is_left_when_one_arm_was_taken_out() -> None:
    original = http(rule(to("web")))
    saved = ISTIO.save(original, split(5))
    for kept in (0, 1):
        planned = released(original, 5)
        planned["spec"]["http"][0]["route"] = [planned["spec"]["http"][0]["route"][kept]]
        assert ISTIO.restore(planned, saved, split(5)) == original


def test_a_header_set_on_one_arm_only_leaves_nothing_of_ours() -> None:
    original = http(rule(to("web")))
    saved = ISTIO.save(original, split(20))
    planned = released(original, 20)
    planned["spec"]["http"][0]["route"][1]["headers"] = {"request": {"set": {"x": "1"}}}
    restored = ISTIO.restore(planned, saved, split(20))
    headers = {"request": {"set": {"x": "1"}}}
    assert restored["spec"]["http"] == [rule(to("web", weight=80), to("web", weight=20, headers=headers))]


def test_two_releases_in_one_virtual_service_do_not_touch_each_other() -> None:
    cart = TrafficSplit("shop", "cart", "cart-stable", "cart-canary", 20)
    original = http(rule(to("web", weight=7)), rule(to("cart", weight=7)))
    web_saved = ISTIO.save(original, split(5))
    both = released(original, 5)
    cart_saved = ISTIO.save(both, cart)
    both = ISTIO.plan(both, cart)
    assert (ISTIO.read(both, split(0)), ISTIO.read(both, cart)) == (5, 20)
    without_web = ISTIO.restore(both, web_saved, split(5))
    assert ISTIO.read(without_web, cart) == 20
    assert json.dumps(ISTIO.restore(without_web, cart_saved, cart)) == json.dumps(original)


def test_two_releases_in_one_rule_leave_its_proportions() -> None:
    cart = TrafficSplit("shop", "cart", "cart-stable", "cart-canary", 20)
    original = http(rule(to("web", weight=1), to("cart", weight=3)))
    web_saved = ISTIO.save(original, split(5))
    both = released(original, 5)
    cart_saved = ISTIO.save(both, cart)
    both = ISTIO.plan(released(ISTIO.plan(both, cart), 50), cart)
    restored = ISTIO.restore(ISTIO.restore(both, web_saved, split(5)), cart_saved, cart)
    assert restored["spec"]["http"] == [rule(to("web", weight=25), to("cart", weight=75))]
