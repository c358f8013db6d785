"""Copies that somebody has edited in mid-release: put right while it runs, and gone afterwards."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest

from mesh_adapters.adapter import RouteAdapter, SplitDisagrees
from mesh_adapters.gateway.routes import HTTP, LINKERD, GatewayRoutes
from tests.mesh_adapters.shared_routes import KINDS, MATCHED, Object, destinations, gateway_route, of, rules_of

Edit = Callable[[Object], None]


def another_value(copy: Object) -> None:
    """Of the header that chooses."""
    [block] = copy.get("match") or copy["matches"]
    if "match" in copy:
        block["headers"]["x-early"] = {"exact": "no"}
    else:
        block["headers"][0]["value"] = "no"


def no_condition(copy: Object) -> None:
    [block] = copy.get("match") or copy["matches"]
    del block["headers"]


def timeout(copy: Object) -> None:
    copy["timeout"] = "1s"


def no_name(copy: Object) -> None:
    copy.pop("name", None)


def no_name_and_another_value(copy: Object) -> None:
    no_name(copy)
    another_value(copy)


EDITS = (another_value, no_condition, timeout, no_name, no_name_and_another_value)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
@pytest.mark.parametrize(("adapter", "route"), KINDS.values(), ids=KINDS.keys())
def test_an_edited_copy_is_put_right_and_given_no_place(adapter: RouteAdapter, route: Object, edit: Edit) -> None:
    saved = adapter.save(route, of("web", 0, MATCHED))
    planned = adapter.plan(route, of("web", 5, MATCHED), saved=saved)
    edited = deepcopy(planned)
    [copy] = [rule for rule in rules_of(edited) if "x-early" in str(rule)]
    edit(copy)
    right = adapter.plan(edited, of("web", 5, MATCHED), saved=saved)
    assert [{**rule, "name": ""} for rule in rules_of(right)] == [{**rule, "name": ""} for rule in rules_of(planned)]
    assert adapter.plan(right, of("web", 5, MATCHED), saved=saved) == right
    assert adapter.save(edited, of("web", 0, MATCHED), saved=saved) == saved
    withdrawn = adapter.plan(edited, of("web", 0, MATCHED), saved=saved)
    assert withdrawn == adapter.plan(route, of("web", 0), saved=saved)
    assert adapter.restore(edited, saved, of("web", 5, MATCHED)) == route


def test_a_copy_edited_beyond_recognition_is_no_share_to_read() -> None:
    """The record is what tells it from a rule; without it there is no single weight, so the route is planned anew."""
    adapter, route = KINDS["Linkerd's HTTPRoute"]
    edited = deepcopy(adapter.plan(route, of("web", 5, MATCHED)))
    another_value(rules_of(edited)[-1])
    with pytest.raises(SplitDisagrees):
        adapter.read(edited, of("web", 5, MATCHED))


def test_a_rule_of_the_users_that_lost_its_stable_arm_is_no_copy() -> None:
    adapter, route = GatewayRoutes(LINKERD), gateway_route("web", "web")
    rules_of(route)[0]["matches"][0]["headers"] = [{"name": "x-a", "value": "1"}]
    saved = adapter.save(route, of("web", 0, MATCHED))
    planned = adapter.plan(route, of("web", 5, MATCHED), saved=saved)
    edited = deepcopy(planned)
    del destinations(rules_of(edited)[0])[0]
    assert adapter.plan(edited, of("web", 5, MATCHED), saved=saved) == planned
    assert adapter.restore(edited, saved, of("web", 5, MATCHED)) == route


def test_a_server_that_drops_the_names_of_rules_is_written_to_once() -> None:
    """As one whose CRD is older than they are."""
    adapter, route = GatewayRoutes(HTTP), gateway_route("cart", "web")
    saved = adapter.save(route, of("web", 0, MATCHED))
    live = route
    for weight in (0, 5, 20, 100, 5):
        live = adapter.plan(live, of("web", weight, MATCHED), saved=saved)
        for rule in rules_of(live):
            rule.pop("name", None)
        assert adapter.plan(live, of("web", weight, MATCHED), saved=saved) == live
        assert adapter.read(live, of("web", 0, MATCHED)) == weight
    assert adapter.restore(live, saved, of("web", 0, MATCHED)) == route
