"""How the rules of a VirtualService that its owner has edited during a release are known again.

`SPELLED` and `BARE` mean the same and are split alike, so only recognition can give each back as it was.
"""

import json
from copy import deepcopy

from mesh_adapters.istio.routes import IstioRoutes
from tests.mesh_adapters.istio.virtual_services import Object, http, rule, split, to

ISTIO = IstioRoutes()
SPELLED = to("web", weight=100)
BARE = to("web")


def given_back(saved_from: Object, edited: Object) -> Object:
    """What `edited`, as its owner would have it now, is after a release that began with `saved_from`."""
    saved = ISTIO.save(saved_from, split(5))
    return ISTIO.restore(ISTIO.plan(edited, split(5)), saved, split(5))


def assert_kept(saved_from: Object, edited: Object) -> None:
    assert json.dumps(given_back(saved_from, edited)) == json.dumps(edited)


def test_rules_alike_are_taken_in_order() -> None:
    assert_kept(http(rule(SPELLED), rule(BARE)), http(rule(SPELLED), rule(BARE)))
    assert_kept(http(rule(BARE), rule(SPELLED)), http(rule(BARE), rule(SPELLED)))


def test_moved_rules_are_known_by_what_surrounds_the_destinations() -> None:
    spelled, bare = rule(SPELLED, timeout="1s"), rule(BARE, timeout="2s")
    assert_kept(http(spelled, bare), http(bare, spelled))


def test_moved_and_edited_rules_are_known_by_their_names() -> None:
    assert_kept(
        http(rule(SPELLED, name="a"), rule(BARE, name="b")),
        http(rule(BARE, name="b", timeout="1s"), rule(SPELLED, name="a", timeout="1s")),
    )


def test_moved_and_edited_rules_without_names_are_known_by_what_they_match() -> None:
    a, b = [{"uri": {"prefix": "/a"}}], [{"uri": {"prefix": "/b"}}]
    assert_kept(
        http(rule(SPELLED, match=a), rule(BARE, match=b)),
        http(rule(BARE, match=b, timeout="1s"), rule(SPELLED, match=a, timeout="1s")),
    )


def test_a_rule_is_never_taken_for_one_of_another_protocol() -> None:
    both = http(rule(SPELLED))
    both["spec"]["tcp"] = [rule(BARE)]
    l4_only = deepcopy(both)
    del l4_only["spec"]["http"]
    assert_kept(both, l4_only)


def test_a_rule_whose_destinations_were_changed_takes_no_other_rules_place() -> None:
    saved_from = http(rule(SPELLED, name="a"), rule(BARE, to("cart", weight=1), name="b"))
    edited = http(rule(to("web", weight=50), to("cart", weight=50), name="a"), rule(SPELLED, name="a2"))
    assert_kept(saved_from, edited)


def test_a_destination_without_traffic_that_was_taken_out_stays_out() -> None:
    saved_from = http(rule(to("web", weight=100), to("cart", weight=0)))
    assert given_back(saved_from, http(rule(BARE)))["spec"]["http"] == [rule(BARE)]


def test_the_order_of_the_arms_does_not_matter() -> None:
    original = http(rule(to("web", weight=30), to("web", weight=20), to("cart", weight=50)))
    saved = ISTIO.save(original, split(5))
    planned = ISTIO.plan(original, split(5))
    entries = planned["spec"]["http"][0]["route"]
    for order in ([1, 0, 3, 2, 4], [0, 2, 1, 3, 4], [1, 3, 0, 2, 4]):
        planned["spec"]["http"][0]["route"] = [entries[at] for at in order]
        assert ISTIO.read(planned, split(0)) == 5
        assert json.dumps(ISTIO.restore(planned, saved, split(5))) == json.dumps(original)


def test_the_record_forgets_rules_that_are_gone() -> None:
    saved = ISTIO.save(http(rule(SPELLED, name="a"), rule(BARE, name="b")), split(5))
    again = ISTIO.save(ISTIO.plan(http(rule(BARE, name="b")), split(5)), split(5), saved=saved)
    assert [(each["name"], each["route"]) for each in again["rules"]] == [("b", [BARE])]


def test_the_record_forgets_destinations_that_were_changed() -> None:
    saved = ISTIO.save(http(rule(BARE)), split(5))
    changed = ISTIO.plan(http(rule(to("web", weight=1), to("cart", weight=1))), split(5))
    assert ISTIO.save(changed, split(5), saved=saved) == {"rules": []}


def test_the_record_follows_a_rule_through_its_edits() -> None:
    """Renamed and moved in turn, with a new record between: each step alone can be recognised."""
    saved = ISTIO.save(http(rule(SPELLED, name="a"), rule(BARE, name="b")), split(5))
    renamed = http(rule(SPELLED, name="c"), rule(BARE, name="b"))
    saved = ISTIO.save(ISTIO.plan(renamed, split(5)), split(5), saved=saved)
    moved = http(rule(BARE, name="b"), rule(SPELLED, name="c"))
    assert json.dumps(ISTIO.restore(ISTIO.plan(moved, split(5)), saved, split(5))) == json.dumps(moved)


def test_what_the_owner_puts_back_is_recorded_anew() -> None:
    saved = ISTIO.save(http(rule(SPELLED)), split(5))
    again = ISTIO.save(http(rule(BARE)), split(5), saved=saved)
    assert again["rules"][0]["route"] == [BARE]
