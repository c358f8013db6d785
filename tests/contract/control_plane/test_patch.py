"""The three patch types of the API, as clients and kubectl send them."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes.client import ApiClient, AppsV1Api

from delivery.cluster.client import JSON, STRATEGIC, Cluster
from delivery.cluster.kinds import DEPLOYMENT
from tests.contract.control_plane.objects import apps, config_map, core, deployment, service, widget, widgets
from tests.contract.control_plane.wire import Wire


def _container(answer: Any, index: int = 0) -> Any:
    return answer["spec"]["template"]["spec"]["containers"][index]


def _template(**container: Any) -> Any:
    return {"spec": {"template": {"spec": {"containers": [{"name": "app", **container}]}}}}


@pytest.fixture
def path(wire: Wire, namespace: str) -> str:
    """A Deployment with env A, B and port 8080."""
    wire.create(apps(namespace, "deployments"), deployment("one")).ok()
    return apps(namespace, "deployments", "one")


# -- merge patch ---------------------------------------------------------------------------------------------


def test_merge_sets_adds_and_removes(wire: Wire, namespace: str) -> None:
    wire.create(core(namespace, "configmaps"), config_map("one", {"a": "1", "b": "2"}, labels={"x": "y"})).ok()
    patch = {"data": {"a": "9", "b": None, "c": "3"}, "metadata": {"labels": None, "annotations": {"n": "m"}}}
    answer = wire.merge(core(namespace, "configmaps", "one"), patch).ok()
    assert answer["data"] == {"a": "9", "c": "3"}
    assert "labels" not in answer["metadata"]
    assert answer["metadata"]["annotations"] == {"n": "m"}


def test_merge_replaces_lists_whole(wire: Wire, path: str) -> None:
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "new", "image": "registry.example/new:1"}]}}}}
    containers = wire.merge(path, patch).ok()["spec"]["template"]["spec"]["containers"]
    assert [entry["name"] for entry in containers] == ["new"]


def test_merge_of_a_custom_resource_creates_missing_parents(wire: Wire, namespace: str) -> None:
    wire.create(widgets(namespace), widget("one")).ok()
    answer = wire.merge(widgets(namespace, "one"), {"spec": {"free": {"a": {"b": [1]}}, "pairs": {"x": 1}}}).ok()
    assert (answer["spec"]["free"], answer["spec"]["pairs"]) == ({"a": {"b": [1]}}, {"x": 1})
    answer = wire.merge(widgets(namespace, "one"), {"spec": {"free": {"a": None}}}).ok()
    assert answer["spec"]["free"] == {}


def test_identity_cannot_be_patched(wire: Wire, namespace: str) -> None:
    created = wire.create(core(namespace, "configmaps"), config_map("one")).ok()
    answer = wire.merge(core(namespace, "configmaps", "one"), {"metadata": {"creationTimestamp": None}}).ok()
    assert answer["metadata"]["creationTimestamp"] == created["metadata"]["creationTimestamp"]
    renamed = wire.merge(core(namespace, "configmaps", "one"), {"metadata": {"name": "two"}})
    renamed.refused(400, "BadRequest")


# -- JSON patch ----------------------------------------------------------------------------------------------


def test_a_json_patch_with_an_invalid_result_is_refused_whole(wire: Wire, namespace: str) -> None:
    wire.create(widgets(namespace), widget("one")).ok()
    answer = wire.json_patch(
        widgets(namespace, "one"),
        {"op": "replace", "path": "/spec/colour", "value": "blue"},
        {"op": "add", "path": "/metadata/labels", "value": {"a~0b": "c"}},
    )
    assert ("FieldValueInvalid", "metadata.labels") in answer.causes()
    assert wire.get(widgets(namespace, "one")).ok()["spec"]["colour"] == "red"


def test_json_patch_escapes_moves_and_appends(wire: Wire, namespace: str) -> None:
    wire.create(widgets(namespace), widget("one", {"colour": "red", "tags": ["a", "b"]})).ok()
    answer = wire.json_patch(
        widgets(namespace, "one"),
        {"op": "add", "path": "/spec/tags/1", "value": "x"},
        {"op": "remove", "path": "/spec/tags/0"},
        {"op": "add", "path": "/spec/tags/-", "value": "z"},
        {"op": "add", "path": "/metadata/annotations", "value": {}},
        {"op": "add", "path": "/metadata/annotations/example.com~1key", "value": "v"},
        {"op": "copy", "from": "/spec/colour", "path": "/spec/note"},
        {"op": "move", "from": "/spec/size", "path": "/spec/port"},
    ).ok()
    assert answer["spec"]["tags"] == ["x", "b", "z"]
    assert answer["metadata"]["annotations"] == {"example.com/key": "v"}
    assert (answer["spec"]["note"], answer["spec"]["port"], answer["spec"]["size"]) == ("red", 3, 3)


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/data/key", "value": "other"},
        {"op": "remove", "path": "/data/missing"},
        {"op": "add", "path": "/nowhere/deep", "value": "x"},
    ],
)
def test_json_patch_that_does_not_fit_changes_nothing(wire: Wire, namespace: str, operation: Any) -> None:
    created = wire.create(core(namespace, "configmaps"), config_map("one")).ok()
    first = {"op": "add", "path": "/data/new", "value": "1"}
    answer = wire.json_patch(core(namespace, "configmaps", "one"), first, operation)
    answer.refused(422, "Invalid")
    assert wire.get(core(namespace, "configmaps", "one")).ok() == created


def test_json_patch_that_is_no_list_is_a_bad_request(wire: Wire, namespace: str) -> None:
    wire.create(core(namespace, "configmaps"), config_map("one")).ok()
    path = core(namespace, "configmaps", "one")
    wire.send("PATCH", path, {"a": "b"}, content_type=JSON).refused(400, "BadRequest")


# -- strategic merge patch -----------------------------------------------------------------------------------


def test_containers_and_env_merge_by_name(wire: Wire, path: str) -> None:
    patch = _template(image="registry.example/app:2", env=[{"name": "B", "value": "9"}, {"name": "C", "value": "3"}])
    container = _container(wire.strategic(path, patch).ok())
    assert container["image"] == "registry.example/app:2"
    assert {entry["name"]: entry["value"] for entry in container["env"]} == {"A": "1", "B": "9", "C": "3"}
    assert container["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]


def test_a_container_is_added_beside_the_others(wire: Wire, path: str) -> None:
    extra = {"name": "sidecar", "image": "registry.example/sidecar:1"}
    patch = {"spec": {"template": {"spec": {"containers": [extra]}}}}
    containers = wire.strategic(path, patch).ok()["spec"]["template"]["spec"]["containers"]
    assert sorted(entry["name"] for entry in containers) == ["app", "sidecar"]


def test_list_items_are_deleted_by_directive(wire: Wire, path: str) -> None:
    patch = _template(env=[{"name": "A", "$patch": "delete"}])
    assert _container(wire.strategic(path, patch).ok())["env"] == [{"name": "B", "value": "2"}]


def test_a_list_is_replaced_by_directive(wire: Wire, path: str) -> None:
    patch = _template(env=[{"$patch": "replace"}, {"name": "Z", "value": "0"}])
    assert _container(wire.strategic(path, patch).ok())["env"] == [{"name": "Z", "value": "0"}]


def test_container_ports_merge_by_number(wire: Wire, path: str) -> None:
    patch = _template(ports=[{"containerPort": 9090, "name": "admin"}, {"containerPort": 8080, "name": "web"}])
    ports = _container(wire.strategic(path, patch).ok())["ports"]
    assert {(entry["containerPort"], entry["name"], entry["protocol"]) for entry in ports} == {
        (8080, "web", "TCP"),
        (9090, "admin", "TCP"),
    }


def test_order_of_items_is_set_by_directive(wire: Wire, path: str) -> None:
    patch = _template(
        env=[{"name": "B", "value": "2"}, {"name": "A", "value": "1"}],
        **{"$setElementOrder/env": [{"name": "B"}, {"name": "A"}]},
    )
    assert [entry["name"] for entry in _container(wire.strategic(path, patch).ok())["env"]] == ["B", "A"]


def test_maps_merge_and_null_removes(wire: Wire, path: str) -> None:
    wire.strategic(path, {"metadata": {"labels": {"a": "1", "b": "2"}}}).ok()
    answer = wire.strategic(path, {"metadata": {"labels": {"a": None, "c": "3"}}, "spec": {"paused": True}}).ok()
    assert (answer["metadata"]["labels"], answer["spec"]["paused"]) == ({"b": "2", "c": "3"}, True)
    assert "paused" not in wire.strategic(path, {"spec": {"paused": None}}).ok()["spec"]


def test_strategy_keys_are_retained(wire: Wire, path: str) -> None:
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert wire.strategic(path, patch).ok()["spec"]["strategy"] == {"type": "Recreate"}


def test_a_primitive_list_is_replaced(wire: Wire, path: str) -> None:
    wire.strategic(path, _template(args=["a", "b"])).ok()
    assert _container(wire.strategic(path, _template(args=["c"])).ok())["args"] == ["c"]


def test_finalizers_merge_as_a_set(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps", "one")
    wire.create(core(namespace, "configmaps"), config_map("one", finalizers=["a.example/x"])).ok()
    answer = wire.strategic(path, {"metadata": {"finalizers": ["b.example/y"]}}).ok()
    assert sorted(answer["metadata"]["finalizers"]) == ["a.example/x", "b.example/y"]
    delete = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a.example/x", "b.example/y"]}}
    assert "finalizers" not in wire.strategic(path, delete).ok()["metadata"]


def test_service_ports_merge_by_port(wire: Wire, namespace: str) -> None:
    wire.create(core(namespace, "services"), service("one")).ok()
    path = core(namespace, "services", "one")
    patch = {"spec": {"ports": [{"port": 81, "name": "other"}, {"port": 80, "targetPort": 9999}]}}
    ports = wire.strategic(path, patch).ok()["spec"]["ports"]
    assert {entry["port"]: (entry["name"], entry["targetPort"]) for entry in ports} == {
        80: ("http", 9999),
        81: ("other", 81),
    }
    left = wire.strategic(path, {"spec": {"ports": [{"port": 80, "$patch": "delete"}]}}).ok()["spec"]["ports"]
    assert [entry["port"] for entry in left] == [81]


def test_the_selector_of_a_service_is_one_map(wire: Wire, namespace: str) -> None:
    wire.create(core(namespace, "services"), service("one")).ok()
    answer = wire.strategic(core(namespace, "services", "one"), {"spec": {"selector": {"track": "stable"}}}).ok()
    assert answer["spec"]["selector"] == {"app": "one", "track": "stable"}


def test_typed_client_patches_strategically(wire: Wire, api: ApiClient, namespace: str, path: str) -> None:
    patch = _template(env=[{"name": "C", "value": "3"}])
    patched: Any = AppsV1Api(api).patch_namespaced_deployment("one", namespace, patch)
    assert sorted(entry.name for entry in patched.spec.template.spec.containers[0].env) == ["A", "B", "C"]


def test_our_client_sends_each_type(cluster: Cluster, namespace: str, path: str) -> None:
    first = cluster.patch(DEPLOYMENT, "one", namespace, _template(tty=True), patch_type=STRATEGIC)
    assert (_container(first)["tty"], len(_container(first)["env"])) == (True, 2)
    operation = {"op": "replace", "path": "/spec/template/spec/containers/0/tty", "value": False}
    assert "tty" not in _container(cluster.patch(DEPLOYMENT, "one", namespace, [operation], patch_type=JSON))
    assert cluster.patch(DEPLOYMENT, "one", namespace, {"spec": {"paused": True}})["spec"]["paused"] is True
