"""What is known of the Releases that have not ended."""

from __future__ import annotations

from delivery.cluster.kinds import DESTINATION_RULE, HTTP_ROUTE, VIRTUAL_SERVICE
from delivery.reconcile.active_releases import ActiveReleases
from delivery.resources.release import Phase, Release, SubsetsRecord
from tests.decision.given import release

FIRST, SECOND = ("shop", "web-1"), ("shop", "web-2")


def editing(active: ActiveReleases, name: str = "web") -> list[Release]:
    return active.editing(VIRTUAL_SERVICE, "shop", name)


def test_a_release_is_found_by_the_route_that_it_splits() -> None:
    active, own = ActiveReleases(), release()
    assert active.heard(FIRST, own) is None
    assert active.all() == editing(active) == [own]
    assert editing(active, "other") == []
    assert active.editing(HTTP_ROUTE, "shop", "web") == []
    assert active.editing(VIRTUAL_SERVICE, "bank", "web") == []


def test_it_is_found_by_what_it_edits_now() -> None:
    active = ActiveReleases()
    [route] = release().status.routes
    moved = release(routes=(route.model_copy(update={"name": "other"}),))
    active.heard(FIRST, release(Phase.PENDING, weight=None))
    assert editing(active) == []
    active.heard(FIRST, release())
    active.heard(FIRST, moved)
    assert editing(active) == []
    assert editing(active, "other") == [moved]


def test_it_is_found_by_the_destination_rule_of_its_subsets() -> None:
    subsets = SubsetsRecord(namespace="shop", name="web-rule")
    active, own = ActiveReleases(), release(subsets=subsets)
    active.heard(FIRST, own)
    assert active.editing(DESTINATION_RULE, "shop", "web-rule") == [own]


def test_of_two_on_one_route_each_goes_by_itself() -> None:
    active, first, second = ActiveReleases(), release(name="web-1"), release(name="web-2")
    active.heard(FIRST, first)
    active.heard(SECOND, second)
    assert editing(active) == [first, second]
    assert active.heard(FIRST, None) is first
    assert editing(active) == [second]
    ended = release(Phase.SUCCEEDED, name="web-2")
    assert active.heard(SECOND, ended) is second
    assert active.heard(SECOND, ended) is None
    assert editing(active) == active.all() == []
