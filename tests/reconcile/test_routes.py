"""Routes through the API: what is read over several of them, what is remembered, and how it is given back."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.cluster.kinds import VIRTUAL_SERVICE
from delivery.errors import InvalidSpec, NotFound
from delivery.reconcile.routes import UNKNOWN_WEIGHT, Routes
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Phase, Release, RouteRecord
from mesh_adapters.istio.routes import IstioRoutes
from tests.decision.given import release
from tests.reconcile.memory_cluster import MemoryCluster

POLICY = DeliveryPolicySpec()


def virtual_service(name: str, host: str = "web", **spec: Any) -> dict[str, Any]:
    rules = [{"name": "primary", "timeout": "3s", "route": [{"destination": {"host": host}}]}]
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": {"hosts": [host], "http": rules, **spec}}


def with_routes(cluster: MemoryCluster) -> tuple[Routes, Release]:
    """Routes, and a Release whose record is what they say must be remembered."""
    routes = Routes(cluster.client, IstioRoutes())
    blank = release(Phase.PREPARING, weight=None, routes=())
    state = routes.state(blank, POLICY)
    assert state.problem is None
    return routes, recording(blank, state.records)


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
    assert routes.state(begun, POLICY).weight is None
    assert routes.set_weight(begun, POLICY, 12.5)
    assert routes.state(begun, POLICY).weight == 12.5
    assert not routes.set_weight(begun, POLICY, 12.5)  # what is already so is not written again
    assert routes.restore(begun)
    assert {name: spec_of(cluster, name) for name in before} == before
    assert not routes.restore(begun)


def test_routes_that_disagree_have_no_weight_anybody_could_wish_for() -> None:
    cluster = MemoryCluster()
    for name in ("web", "edge"):
        cluster.put(VIRTUAL_SERVICE, virtual_service(name))
    routes, begun = with_routes(cluster)
    routes.set_weight(begun, POLICY, 5)
    one = begun.model_copy(update={"status": begun.status.model_copy(update={"routes": begun.status.routes[:1]})})
    routes.set_weight(one, POLICY, 50)
    assert routes.state(begun, POLICY).weight == UNKNOWN_WEIGHT
    assert routes.set_weight(begun, POLICY, 0)
    assert routes.state(begun, POLICY).weight == 0


def test_rules_of_one_route_that_disagree_neither() -> None:
    cluster = MemoryCluster()
    double = virtual_service("web")
    double["spec"]["http"].append({**double["spec"]["http"][0], "name": "other"})
    cluster.put(VIRTUAL_SERVICE, double)
    routes, begun = with_routes(cluster)
    routes.set_weight(begun, POLICY, 5)
    edited = cluster.get(VIRTUAL_SERVICE, "web", "shop")
    edited["spec"]["http"][1]["route"] = [{"destination": {"host": "web-canary"}}]
    cluster.put(VIRTUAL_SERVICE, edited)
    assert routes.state(begun, POLICY).weight == UNKNOWN_WEIGHT


def test_a_service_without_a_route_gets_one_that_goes_again() -> None:
    cluster = MemoryCluster()
    routes, begun = with_routes(cluster)
    assert [(record.name, record.created) for record in begun.status.routes] == [("web", True)]
    assert routes.state(begun, POLICY).present
    assert routes.set_weight(begun, POLICY, 0)
    assert routes.state(begun, POLICY).weight == 0
    assert routes.restore(begun)
    assert cluster.writes == [("create", "VirtualService", "web"), ("delete", "VirtualService", "web")]
    assert not routes.restore(begun)


def test_a_users_route_that_is_gone_is_a_problem_until_the_canary_has_no_traffic() -> None:
    cluster = MemoryCluster()
    cluster.put(VIRTUAL_SERVICE, virtual_service("web"))
    routes, begun = with_routes(cluster)
    cluster.delete(VIRTUAL_SERVICE, "web", "shop")
    state = routes.state(begun, POLICY)
    assert (state.present, state.weight) == (False, None)
    assert state.problem == "VirtualService shop/web is gone; put it back"
    with pytest.raises(NotFound, match="VirtualService shop/web is gone"):
        routes.set_weight(begun, POLICY, 5)
    assert not routes.set_weight(begun, POLICY, 0)
    assert not routes.restore(begun)


def test_one_of_two_routes_gone_leaves_the_weight_of_the_other() -> None:
    cluster = MemoryCluster()
    for name in ("web", "edge"):
        cluster.put(VIRTUAL_SERVICE, virtual_service(name))
    routes, begun = with_routes(cluster)
    routes.set_weight(begun, POLICY, 5)
    cluster.delete(VIRTUAL_SERVICE, "edge", "shop")
    state = routes.state(begun, POLICY)
    assert (state.weight, state.present) == (5, False)
    assert state.problem is not None
    assert "shop/edge" in state.problem


def test_what_the_user_edits_meanwhile_is_what_is_given_back() -> None:
    cluster = MemoryCluster()
    cluster.put(VIRTUAL_SERVICE, virtual_service("web"))
    routes, begun = with_routes(cluster)
    routes.set_weight(begun, POLICY, 5)
    edited = cluster.get(VIRTUAL_SERVICE, "web", "shop")
    edited["spec"]["http"][0]["timeout"] = "9s"
    cluster.put(VIRTUAL_SERVICE, edited)
    begun = recording(begun, routes.state(begun, POLICY).records)
    routes.restore(begun)
    [rule] = spec_of(cluster, "web")["http"]
    assert rule == {"name": "primary", "timeout": "9s", "route": [{"destination": {"host": "web"}}]}


def test_a_cluster_without_the_mesh_is_told() -> None:
    routes = Routes(MemoryCluster(unserved={"VirtualService"}).client, IstioRoutes())
    with pytest.raises(InvalidSpec, match="Service shop/web: this cluster serves no VirtualService"):
        routes.preview("shop", "web", "web", POLICY)
