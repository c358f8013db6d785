"""Routes of every kind through the API: found, remembered with their kind, split, put right, and given back."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import pytest

from delivery.cluster.kinds import (
    GRPC_ROUTE,
    HTTP_ROUTE,
    LINKERD_HTTP_ROUTE,
    TRAFFIC_SPLIT,
    VIRTUAL_SERVICE,
    Kind,
)
from delivery.decision.snapshot import RouteState
from delivery.reconcile.routes import UNKNOWN_WEIGHT, Routes
from delivery.resources.policy import DeliveryPolicySpec, parse_policy
from delivery.resources.release import Phase, Release, RouteRecord, Stage, SubsetsRecord, Traffic
from mesh_adapters.meshes import meshes
from tests.decision.given import release
from tests.reconcile.memory_cluster import MemoryCluster

Object = dict[str, Any]
ME = "me/1"
POLICY = DeliveryPolicySpec()


@dataclass(frozen=True, slots=True)
class Case:
    """One kind: a route that a user wrote, the mesh it is taken for, an edit of another field, an edit of the split."""

    kind: Kind
    mesh: str
    spec: Object
    edit: Callable[[Object], None]
    meddle: Callable[[Object], None]


def backends(weight: int = 1) -> list[Object]:
    return [{"name": "web", "port": 80, "weight": weight}, {"name": "legacy", "port": 80, "weight": 1}]


def gateway_spec() -> Object:
    return {
        "parentRefs": [{"group": "", "kind": "Service", "name": "web"}],
        "rules": [{"backendRefs": backends(), "filters": [{"type": "x"}]}],
    }


def with_timeouts(spec: Object) -> None:
    spec["rules"][0]["timeouts"] = {"request": "2s"}


def of_rules(spec: Object) -> None:
    spec["rules"][0]["backendRefs"][1]["weight"] += 1


CASES = {
    "VirtualService": Case(
        VIRTUAL_SERVICE,
        "istio",
        {"hosts": ["web"], "http": [{"route": [{"destination": {"host": "web"}}]}]},
        lambda spec: spec["http"][0].update(timeout="9s"),
        lambda spec: spec["http"][0]["route"][1].update(weight=50),
    ),
    "HTTPRoute": Case(HTTP_ROUTE, "linkerd", gateway_spec(), with_timeouts, of_rules),
    "GRPCRoute": Case(GRPC_ROUTE, "linkerd", gateway_spec(), with_timeouts, of_rules),
    "Linkerd's HTTPRoute": Case(LINKERD_HTTP_ROUTE, "linkerd", gateway_spec(), with_timeouts, of_rules),
    "TrafficSplit": Case(
        TRAFFIC_SPLIT,
        "linkerd",
        {"service": "web", "backends": [{"service": "web", "weight": "900m"}, {"service": "old", "weight": "100m"}]},
        lambda spec: spec.update(matches=[{"kind": "HTTPRouteGroup", "name": "a"}]),
        lambda spec: spec["backends"][0].update(weight=1),
    ),
}


@pytest.fixture(params=list(CASES.values()), ids=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


class World:
    """A cluster with one user's route, and our Routes over it."""

    def __init__(self, case: Case, policy: DeliveryPolicySpec = POLICY) -> None:
        self.case, self.policy = case, policy
        self.cluster = MemoryCluster()
        self.routes = Routes(self.cluster.client, meshes())
        self.cluster.put(case.kind, {"metadata": {"name": "web", "namespace": "shop"}, "spec": deepcopy(case.spec)})
        self.release = release(Phase.PREPARING, Stage.ROUTE, weight=None, routes=())
        self.remember(self.state())

    @property
    def objects(self) -> Any:
        return self.routes.recorded(self.cluster.reader, self.release)

    @property
    def route(self) -> Object:
        return self.cluster.get(self.case.kind, "web", "shop")

    def state(self, labels: dict[str, str] | None = None) -> RouteState:
        reader = self.cluster.reader
        return self.routes.state(reader, reader, self.release, self.policy, self.objects, ME, labels)

    def remember(self, found: RouteState) -> None:
        assert found.problem is None
        read = tuple(RouteRecord.model_validate(record) for record in found.records)
        subsets = SubsetsRecord.model_validate(found.subsets) if found.subsets else self.release.status.subsets
        update = {"routes": read, "mesh": found.mesh or self.release.status.mesh, "subsets": subsets}
        self.release = with_status(self.release, **update)

    def split(self, weight: float) -> bool:
        self.release = with_status(self.release, traffic=Traffic(desired_weight=weight))
        return self.routes.set_weight(self.release, self.policy, self.objects, weight, ME)

    def user_edits(self, change: Callable[[Object], None]) -> None:
        edited = self.route
        change(edited["spec"])
        self.cluster.put(self.case.kind, edited)

    def told(self, **condition: Any) -> None:
        """The mesh's controller tells of the route in its status."""
        conditions = [{"type": "Accepted", "status": "True"}, {"type": "ResolvedRefs", "status": "True", **condition}]
        parent = {"parentRef": self.case.spec["parentRefs"][0], "controllerName": "x", "conditions": conditions}
        self.cluster.put(self.case.kind, {**self.route, "status": {"parents": [parent]}})


def with_status(found: Release, **update: Any) -> Release:
    return found.model_copy(update={"status": found.status.model_copy(update=update)})


def test_a_route_is_remembered_with_its_kind_and_given_back(case: Case) -> None:
    world = World(case)
    [record] = world.release.status.routes
    assert (record.group, record.kind, world.release.status.mesh) == (case.kind.group, case.kind.name, case.mesh)
    assert world.split(12.5)
    assert world.state().weight == 12.5
    assert not world.split(12.5)
    assert world.routes.restore(world.release, POLICY, world.objects)
    assert world.route["spec"] == case.spec
    assert "annotations" not in world.route["metadata"]


def test_a_users_edit_of_another_field_survives_and_one_of_the_split_is_put_right(case: Case) -> None:
    world = World(case)
    world.split(20)
    world.user_edits(case.edit)
    assert world.state().weight == 20
    world.user_edits(case.meddle)
    assert world.state().weight != 20
    assert world.split(20)
    assert world.state().weight == 20
    world.remember(world.state())
    world.routes.restore(world.release, POLICY, world.objects)
    wanted = deepcopy(case.spec)
    case.edit(wanted)
    assert world.route["spec"] == wanted


@pytest.mark.parametrize("name", ["HTTPRoute", "GRPCRoute", "Linkerd's HTTPRoute"])
def test_a_route_that_tells_whether_it_is_followed_is_waited_for(name: str) -> None:
    world = World(CASES[name])
    world.split(5)
    found = world.state()
    assert (found.weight, found.fenced, found.carries(5)) == (5, True, False)
    assert "no controller has taken it up" in found.unfollowed
    world.told()
    assert world.state().carries(5)
    world.told(status="False", reason="BackendNotFound", message="Service shop/web-canary is not there")
    assert "ResolvedRefs is False (BackendNotFound): Service shop/web-canary" in world.state().unfollowed
    meta = world.route["metadata"]
    world.cluster.put(world.case.kind, {**world.route, "metadata": {**meta, "generation": 2}})
    world.told(observedGeneration=1)
    assert "status tells of generation 1, and this is 2" in world.state().unfollowed


EARLY = {
    "strategy": {"canary": {"steps": [{"weight": 5, "mirror": 10}, 50], "match": [{"headers": {"x": {"exact": "1"}}}]}}
}


@pytest.mark.parametrize("name", ["VirtualService", "HTTPRoute"])
def test_what_the_policy_wants_beside_the_weight_is_there_and_put_back(name: str) -> None:
    world = World(CASES[name], parse_policy(EARLY, "policy"))
    rules = "http" if name == "VirtualService" else "rules"
    world.split(5)
    with_match = deepcopy(world.route["spec"])
    assert len(with_match[rules]) == len(world.case.spec[rules]) + 1
    assert world.state().weight == 5
    world.user_edits(lambda spec: spec.update({rules: [r for r in spec[rules] if "headgate" not in r.get("name", "")]}))
    assert world.state().weight == UNKNOWN_WEIGHT
    assert world.split(5)
    assert world.route["spec"] == with_match
    world.split(0)
    world.routes.restore(world.release, world.policy, world.objects)
    assert world.route["spec"] == world.case.spec


def two_services(kind: Kind) -> Object:
    """A spec with a rule for `cart` and one for `web`."""
    if kind == VIRTUAL_SERVICE:
        paths = {service: [{"uri": {"prefix": f"/{service}"}}] for service in ("cart", "web")}
        http = [{"match": match, "route": [{"destination": {"host": name}}]} for name, match in paths.items()]
        return {"hosts": ["shop.example.com"], "gateways": ["public"], "http": http}
    refs = [[{"name": name, "port": 80}] for name in ("cart", "web")]
    rules = [{"matches": [{"path": {"value": f"/{ref[0]['name']}"}}], "backendRefs": ref} for ref in refs]
    return {"parentRefs": [{"group": "", "kind": "Service", "name": "web"}], "rules": rules}


@pytest.mark.parametrize("kind", [VIRTUAL_SERVICE, HTTP_ROUTE, LINKERD_HTTP_ROUTE], ids=str)
def test_two_releases_in_one_route_leave_each_other_alone(kind: Kind) -> None:
    policy = parse_policy(
        {"strategy": {"canary": {"steps": [5, 50], "match": [{"headers": {"x": {"exact": "1"}}}]}}}, "p"
    )
    case = replace(CASES["VirtualService"], kind=kind, spec=two_services(kind))
    web, cart = World(case, policy), World(case, policy)
    web.split(5)
    cart.cluster, cart.routes = web.cluster, web.routes
    spec = cart.release.spec.model_copy(update={"service": "cart", "deployment": "cart"})
    cart.release = with_status(cart.release.model_copy(update={"spec": spec}), routes=(), mesh=None, stage=Stage.ROUTE)
    cart.remember(cart.state())
    cart.split(5)
    for world in (web, cart, web, cart):
        assert world.state().weight == 5
        assert not world.split(5)
    for world in (web, cart):
        world.routes.restore(world.release, policy, world.objects)
    assert web.route["spec"] == case.spec


def test_the_mirror_is_of_its_step_alone() -> None:
    world = World(CASES["VirtualService"], parse_policy(EARLY, "policy"))
    for weight, mirrored in ((5, True), (50, False), (0, False)):
        world.split(weight)
        assert ("mirrors" in world.route["spec"]["http"][-1]) == mirrored


@pytest.mark.parametrize("unserved", [set(), {VIRTUAL_SERVICE}, {VIRTUAL_SERVICE, HTTP_ROUTE, LINKERD_HTTP_ROUTE}])
def test_a_service_without_a_route_gets_one_of_a_kind_that_is_served(unserved: set[Kind]) -> None:
    cluster = MemoryCluster(unserved={str(kind) for kind in unserved})
    routes = Routes(cluster.client, meshes())
    blank = release(Phase.PREPARING, Stage.ROUTE, weight=None, routes=())
    found = routes.state(cluster.reader, cluster.reader, blank, POLICY, {}, ME)
    [record] = [RouteRecord.model_validate(each) for each in found.records]
    kind = next(kind for kind in (VIRTUAL_SERVICE, HTTP_ROUTE, TRAFFIC_SPLIT) if kind not in unserved)
    assert (record.created, record.kind, record.group) == (True, kind.name, kind.group)
    begun = with_status(blank, routes=(record,), traffic=Traffic(desired_weight=0.0))
    service = cluster.put(kind, {"metadata": {"name": "x", "namespace": "shop"}, "spec": {"ports": [{"port": 8080}]}})
    assert routes.set_weight(begun, POLICY, {}, 0, ME, {"web": service, "web-stable": service})
    made = cluster.get(kind, "web", "shop")
    assert made["metadata"]["ownerReferences"][0]["uid"] == service["metadata"]["uid"]
    assert (
        routes.state(cluster.reader, cluster.reader, begun, POLICY, routes.recorded(cluster.reader, begun), ME).weight
        == 0
    )
    assert routes.restore(begun, POLICY, routes.recorded(cluster.reader, begun))
    assert cluster.find(kind, "web", "shop") is None
