"""What a real Envoy does with each kind of route is what the route says, within 3 standard deviations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from benchmarks.mesh_split import CANARY_ANSWERED, HEAD, STABLE_ANSWERED, figures
from benchmarks.mesh_split_objects import APEX, NAMESPACE, WAYS, Way, Wish
from benchmarks.mesh_split_world import World, mesh_world
from delivery.cluster.client import Object
from delivery.cluster.kinds import GRPC_ROUTE, HTTP_ROUTE, LINKERD_HTTP_ROUTE
from delivery.lab.mesh.route_status import CONTROLLER
from tests.conditions import eventually
from tests.conftest import kubebuilder_assets

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with mesh_world(tmp_path_factory.mktemp("mesh"), kubebuilder_assets()) as running:
        yield running


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_measured_is_commanded(world: World, way: Way) -> None:
    found = list(figures(world, way))
    print("\n".join([HEAD, *(figure.row() for figure in found)]))
    assert [figure.row() for figure in found if not figure.within] == []


WITH_STATUS = [way for way in WAYS if way.kind in (HTTP_ROUTE, GRPC_ROUTE, LINKERD_HTTP_ROUTE)]


def conditions(route: Object) -> dict[str, Object]:
    parents = (route.get("status") or {}).get("parents") or []
    return {found["type"]: found for entry in parents for found in entry["conditions"]}


@pytest.mark.parametrize("way", WITH_STATUS, ids=lambda way: way.name)
def test_the_status_tells_of_what_envoy_does_already(world: World, way: Way) -> None:
    def told() -> bool:
        route = world.cluster.get(way.kind, APEX, NAMESPACE)
        found = conditions(route)
        generations = {entry.get("observedGeneration") for entry in found.values()}
        wanted = None if way.kind == LINKERD_HTTP_ROUTE else route["metadata"]["generation"]
        return set(found) == {"Accepted", "ResolvedRefs"} and generations == {wanted}

    world.say(way, Wish(0))
    try:
        eventually(told)
        for weight, answer in ((100, CANARY_ANSWERED), (0, STABLE_ANSWERED)) * 5:
            world.cluster.patch(way.kind, APEX, NAMESPACE, {"spec": way.spec(Wish(weight))})
            if way.kind == LINKERD_HTTP_ROUTE:  # whose status says nothing of the generation
                eventually(lambda: world.ask(20) == {answer: 20})  # noqa: B023 - asked in this round only
                continue
            eventually(told)
            assert world.ask(20) == {answer: 20}
        [entry] = world.cluster.get(way.kind, APEX, NAMESPACE)["status"]["parents"]
        assert (entry["controllerName"], entry["parentRef"]["name"]) == (CONTROLLER, APEX)
    finally:
        world.unsay(way)


@pytest.mark.parametrize("way", WITH_STATUS, ids=lambda way: way.name)
def test_a_backend_that_is_not_there_is_told_of_and_its_share_fails(world: World, way: Way) -> None:
    world.say(way, Wish(50))
    try:
        spec = way.spec(Wish(50))
        spec["rules"][0]["backendRefs"][1]["name"] = "web-green"
        world.cluster.patch(way.kind, APEX, NAMESPACE, {"spec": spec})
        reason = eventually(lambda: resolved(world, way)["status"] == "False" and resolved(world, way)["reason"])
        assert reason == "BackendNotFound"
        statuses = {status for status, _ in world.ask(100)}
        assert statuses == {200, 503 if way.kind == GRPC_ROUTE else 500}
    finally:
        world.unsay(way)


def resolved(world: World, way: Way) -> Object:
    return conditions(world.cluster.get(way.kind, APEX, NAMESPACE)).get("ResolvedRefs") or {"status": "Unknown"}


def test_what_envoy_cannot_take_is_not_called_accepted(world: World) -> None:
    """A regular expression that is none: Envoy keeps the routes it had, and the status does not say otherwise."""
    [way] = [way for way in WAYS if way.kind == HTTP_ROUTE]
    world.say(way, Wish(0))
    try:
        eventually(lambda: resolved(world, way)["status"] == "True")
        before = resolved(world, way)["observedGeneration"]
        broken = way.spec(Wish(100))
        broken["rules"][0]["matches"] = [{"path": {"type": "RegularExpression", "value": "/("}}]
        world.cluster.patch(way.kind, APEX, NAMESPACE, {"spec": broken})
        eventually(lambda: refused(world) > 0)
        assert world.ask(20) == {STABLE_ANSWERED: 20}
        assert resolved(world, way)["observedGeneration"] == before
        world.cluster.patch(way.kind, APEX, NAMESPACE, {"spec": way.spec(Wish(100))})
        eventually(lambda: resolved(world, way).get("observedGeneration") == before + 2)
        assert world.ask(20) == {CANARY_ANSWERED: 20}
    finally:
        world.unsay(way)


def refused(world: World) -> int:
    """How often Envoy refused routes."""
    answer = requests.get(f"{world.envoy.admin_url}/stats?filter=rds.mesh.update_rejected", timeout=5)
    return int(answer.text.rpartition(" ")[2])
