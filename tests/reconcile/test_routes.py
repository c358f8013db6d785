"""Routes through the API: what is read over several of them, what is remembered, and how it is given back."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.cluster.kinds import VIRTUAL_SERVICE
from delivery.decision.snapshot import RouteState
from delivery.errors import Conflict, NotFound
from delivery.reconcile.routes import UNKNOWN_WEIGHT, Routes
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Phase, Release, RouteRecord, Stage
from mesh_adapters.meshes import meshes
from tests.decision.given import release
from tests.reconcile.memory_cluster import MemoryCluster

POLICY = DeliveryPolicySpec()


def virtual_service(name: str, host: str = "web", **spec: Any) -> dict[str, Any]:
    rules = [{"name": "primary", "timeout": "3s", "route": [{"destination": {"host": host}}]}]
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": {"hosts": [host], "http": rules, **spec}}


def state(routes: Routes, cluster: MemoryCluster, found: Release, fence: str = "me/1") -> RouteState:
    return routes.state(cluster.reader, cluster.reader, found, POLICY, routes.recorded(cluster.reader, found), fence)


def split(routes: Routes, cluster: MemoryCluster, found: Release, weight: float, fence: str = "me/1") -> bool:
    return routes.set_weight(found, POLICY, routes.recorded(cluster.reader, found), weight, fence)


def with_routes(cluster: MemoryCluster) -> tuple[Routes, Release]:
    """Routes, and a Release whose record is what they say must be remembered."""
    routes = Routes(cluster.client, meshes())
    blank = release(Phase.PREPARING, Stage.ROUTE, weight=None, routes=())
    found = state(routes, cluster, blank)
    assert found.problem is None
    return routes, recording(blank, found.records)


def recording(blank: Release, records: tuple[dict[str, Any], ...]) -> Release:
    read = tuple(RouteRecord.model_validate(record) for record in records)
    return blank.model_copy(update={"status": blank.status.model_copy(update={"routes": read})})


def spec_of(cluster: MemoryCluster, name: str) -> Any:
    return cluster.get(VIRTUAL_SERVICE, name, "shop")["spec"]


def test_every_route_of_the_service_is_remembered_split_and_given_back() -> None:
    cluster = MemoryCluster()
    for name in ("web", "edge"):
        cluster.put(VIRTUAL_SERVICE, virtual_service(name))
    cluster.put(VIRTUAL_SERVICE, virtual_service("cart", "cart"))
    before = {name: spec_of(cluster, name) for name in ("web", "edge", "cart")}
    routes, begun = with_routes(cluster)
    assert sorted(record.name for record in begun.status.routes) == ["edge", "web"]
    assert state(routes, cluster, begun).weight is None
    assert split(routes, cluster, begun, 12.5)
    assert state(routes, cluster, begun).weight == 12.5
    assert not split(routes, cluster, begun, 12.5)  # what is already so is not written again
    assert routes.restore(begun, POLICY, routes.recorded(cluster.reader, begun))
    assert {name: spec_of(cluster, name) for name in before} == before
    assert not routes.restore(begun, POLICY, routes.recorded(cluster.reader, begun))


def test_routes_that_disagree_have_no_weight_anybody_could_wish_for() -> None:
    cluster = MemoryCluster()
    for name in ("web", "edge"):
        cluster.put(VIRTUAL_SERVICE, virtual_service(name))
    routes, begun = with_routes(cluster)
    split(routes, cluster, begun, 5)
    one = begun.model_copy(update={"status": begun.status.model_copy(update={"routes": begun.status.routes[:1]})})
    split(routes, cluster, one, 50)
    assert state(routes, cluster, begun).weight == UNKNOWN_WEIGHT
    assert split(routes, cluster, begun, 0)
    assert state(routes, cluster, begun).weight == 0


def test_rules_of_one_route_that_disagree_neither() -> None:
    cluster = MemoryCluster()
    double = virtual_service("web")
    double["spec"]["http"].append({**double["spec"]["http"][0], "name": "other"})
    cluster.put(VIRTUAL_SERVICE, double)
    routes, begun = with_routes(cluster)
    split(routes, cluster, begun, 5)
    edited = cluster.get(VIRTUAL_SERVICE, "web", "shop")
    edited["spec"]["http"][1]["route"] = [{"destination": {"host": "web-canary"}}]
    cluster.put(VIRTUAL_SERVICE, edited)
    assert state(routes, cluster, begun).weight == UNKNOWN_WEIGHT


def test_a_service_without_a_route_gets_one_that_goes_again() -> None:
    cluster = MemoryCluster()
    routes, begun = with_routes(cluster)
    assert [(record.name, record.created) for record in begun.status.routes] == [("web", True)]
    assert state(routes, cluster, begun).present
    assert split(routes, cluster, begun, 0)
    assert state(routes, cluster, begun).weight == 0
    assert routes.restore(begun, POLICY, routes.recorded(cluster.reader, begun))
    assert cluster.writes == [("create", "VirtualService", "web"), ("delete", "VirtualService", "web")]
    assert not routes.restore(begun, POLICY, routes.recorded(cluster.reader, begun))


def test_a_users_route_that_is_gone_is_a_problem_until_the_canary_has_no_traffic() -> None:
    cluster = MemoryCluster()
    cluster.put(VIRTUAL_SERVICE, virtual_service("web"))
    routes, begun = with_routes(cluster)
    cluster.delete(VIRTUAL_SERVICE, "web", "shop")
    found = state(routes, cluster, begun)
    assert (found.present, found.weight) == (False, None)
    assert found.problem == "VirtualService shop/web is gone; put it back"
    with pytest.raises(NotFound, match="VirtualService shop/web is gone"):
        split(routes, cluster, begun, 5)
    assert not split(routes, cluster, begun, 0)
    assert not routes.restore(begun, POLICY, routes.recorded(cluster.reader, begun))


def test_one_of_two_routes_gone_leaves_the_weight_of_the_other() -> None:
    cluster = MemoryCluster()
    for name in ("web", "edge"):
        cluster.put(VIRTUAL_SERVICE, virtual_service(name))
    routes, begun = with_routes(cluster)
    split(routes, cluster, begun, 5)
    cluster.delete(VIRTUAL_SERVICE, "edge", "shop")
    found = state(routes, cluster, begun)
    assert (found.weight, found.present) == (5, False)
    assert found.problem is not None
    assert "shop/edge" in found.problem


def test_what_the_user_edits_meanwhile_is_what_is_given_back() -> None:
    cluster = MemoryCluster()
    cluster.put(VIRTUAL_SERVICE, virtual_service("web"))
    routes, begun = with_routes(cluster)
    split(routes, cluster, begun, 5)
    edited = cluster.get(VIRTUAL_SERVICE, "web", "shop")
    edited["spec"]["http"][0]["timeout"] = "9s"
    cluster.put(VIRTUAL_SERVICE, edited)
    begun = recording(begun, state(routes, cluster, begun).records)
    routes.restore(begun, POLICY, routes.recorded(cluster.reader, begun))
    [rule] = spec_of(cluster, "web")["http"]
    assert rule == {"name": "primary", "timeout": "9s", "route": [{"destination": {"host": "web"}}]}


def test_a_split_route_tells_which_process_wrote_it_and_a_restored_one_does_not() -> None:
    cluster = MemoryCluster()
    cluster.put(VIRTUAL_SERVICE, virtual_service("web"))
    routes, begun = with_routes(cluster)
    split(routes, cluster, begun, 5)
    assert (state(routes, cluster, begun).fenced, state(routes, cluster, begun).marked) == (True, True)
    assert not state(routes, cluster, begun, "other/2").fenced
    routes.restore(begun, POLICY, routes.recorded(cluster.reader, begun))
    assert "annotations" not in cluster.get(VIRTUAL_SERVICE, "web", "shop")["metadata"]
    assert not state(routes, cluster, begun).marked


def test_who_read_before_another_fenced_cannot_write_any_more() -> None:
    cluster = MemoryCluster()
    cluster.put(VIRTUAL_SERVICE, virtual_service("web"))
    routes, begun = with_routes(cluster)
    split(routes, cluster, begun, 0)
    read_before = routes.recorded(cluster.reader, begun)
    assert routes.fence(begun, routes.recorded(cluster.reader, begun), "other/2")
    with pytest.raises(Conflict):
        routes.set_weight(begun, POLICY, read_before, 5, "me/1")
    assert state(routes, cluster, begun, "other/2").carries(0)
