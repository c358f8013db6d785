"""What the mesh says of a route: nothing new where nothing is new, nobody else's entries touched."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.cluster.kinds import HTTP_ROUTE, LINKERD_HTTP_ROUTE, Kind
from delivery.lab.mesh.references import References
from delivery.lab.mesh.route_status import CONTROLLER, with_our_parents
from tests.lab.mesh.objects import SERVICES, Json, backend, route, service

NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
REFERENCES = References.among([*SERVICES, service("far", namespace="other")])


def told(found: Json, kind: Kind = HTTP_ROUTE, now: str = NOW) -> list[Json] | None:
    return with_our_parents(kind, found, REFERENCES, now)


def conditions(found: Json, kind: Kind = HTTP_ROUTE) -> dict[str, Json]:
    parents = told(found, kind)
    assert parents is not None
    [entry] = parents
    assert entry["controllerName"] == CONTROLLER
    assert entry["parentRef"] == found["spec"]["parentRefs"][0]
    return {condition["type"]: condition for condition in entry["conditions"]}


def test_a_route_that_is_followed() -> None:
    found = conditions(route([{"backendRefs": [backend("web-canary")]}], generation=7))
    assert found == {
        name: {
            "type": name,
            "status": "True",
            "reason": name,
            "message": "",
            "observedGeneration": 7,
            "lastTransitionTime": NOW,
        }
        for name in ("Accepted", "ResolvedRefs")
    }


def test_of_linkerds_own_kind_no_generation_is_told() -> None:
    found = conditions(route([{"backendRefs": [backend("web")]}]), LINKERD_HTTP_ROUTE)
    assert found["Accepted"]["status"] == "True"
    assert "observedGeneration" not in found["Accepted"]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (backend("nowhere"), "BackendNotFound"),
        (backend("far", namespace="other"), "RefNotPermitted"),
        (backend("web", kind="Backend", group="x"), "InvalidKind"),
        ({"name": "web"}, "UnsupportedValue"),
    ],
)
def test_a_reference_that_is_not_resolved(wrong: Json, reason: str) -> None:
    found = conditions(route([{"backendRefs": [backend("web")]}, {"backendRefs": [wrong]}]))
    assert (found["ResolvedRefs"]["status"], found["ResolvedRefs"]["reason"]) == ("False", reason)
    assert wrong["name"] in found["ResolvedRefs"]["message"]
    assert found["Accepted"]["status"] == "True"


def test_mirrors_are_references_too() -> None:
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": backend("nowhere")}}
    found = conditions(route([{"filters": [mirror], "backendRefs": [backend("web")]}]))
    assert found["ResolvedRefs"]["reason"] == "BackendNotFound"


def test_a_route_that_is_not_accepted() -> None:
    found = conditions(route([{"backendRefs": [backend("web")]}], parent={"name": "gone"}))
    assert (found["Accepted"]["status"], found["Accepted"]["reason"]) == ("False", "NoMatchingParent")
    found = conditions(route([{"filters": [{"type": "CORS"}], "backendRefs": [backend("web")]}]))
    assert (found["Accepted"]["status"], found["Accepted"]["reason"]) == ("False", "UnsupportedValue")


def test_nothing_is_written_where_nothing_changed() -> None:
    found = route([{"backendRefs": [backend("web")]}])
    assert with_status(found, told(found), generation=1) is None


def test_a_new_generation_is_told_of_and_keeps_the_time_of_what_holds_still() -> None:
    found = route([{"backendRefs": [backend("web")]}])
    parents = with_status(found, told(found), generation=2)
    assert parents is not None
    assert {condition["observedGeneration"] for condition in parents[0]["conditions"]} == {2}
    assert {condition["lastTransitionTime"] for condition in parents[0]["conditions"]} == {NOW}


def test_a_condition_that_turns_has_the_time_of_its_turn() -> None:
    found = route([{"backendRefs": [backend("nowhere")]}])
    before = told(found)
    found["spec"]["rules"][0]["backendRefs"] = [backend("web")]
    parents = with_status(found, before, generation=2)
    assert parents is not None
    assert [condition["lastTransitionTime"] for condition in parents[0]["conditions"]] == [NOW, LATER]


def test_entries_of_other_controllers_stay_and_ours_of_parents_that_are_gone_go() -> None:
    found = route([{"backendRefs": [backend("web")]}])
    other = {"controllerName": "other/mesh", "parentRef": {"name": "edge"}, "conditions": []}
    ours = {"controllerName": CONTROLLER, "parentRef": {"name": "gone"}, "conditions": []}
    parents = with_status(found, [ours, other], generation=1)
    assert parents is not None
    assert [entry["parentRef"]["name"] for entry in parents] == ["edge", "web"]


def test_a_route_for_a_gateway_is_not_ours_to_tell_of() -> None:
    assert told(route([], parent={"kind": "Gateway", "group": "gateway.networking.k8s.io"})) is None


def with_status(found: Json, parents: Any, generation: int) -> list[Json] | None:
    found["status"] = {"parents": parents}
    found["metadata"]["generation"] = generation
    return told(found, now=LATER)
