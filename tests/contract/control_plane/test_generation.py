"""What counts as a change of the wish (generation) and what is the status's own business."""

from __future__ import annotations

from typing import Any

from kubernetes.client import ApiClient, AppsV1Api

from tests.contract.control_plane.objects import (
    apps,
    core,
    deployment,
    gadget,
    gadgets,
    pod,
    service,
    widget,
    widgets,
)
from tests.contract.control_plane.wire import Wire


def _generation(wire: Wire, path: str) -> int:
    return int(wire.get(path).ok()["metadata"]["generation"])


def _left_alone(name: str, **meta: Any) -> dict[str, Any]:
    """A paused Deployment: its controller gives it no revision, which would be a change of its own."""
    body = deployment(name, **meta)
    body["spec"]["paused"] = True
    return body


def test_generation_of_a_deployment_counts_changes_of_its_spec(wire: Wire, namespace: str) -> None:
    path = apps(namespace, "deployments", "one")
    assert wire.create(apps(namespace, "deployments"), _left_alone("one")).ok()["metadata"]["generation"] == 1
    wire.merge(path, {"metadata": {"labels": {"a": "b"}}}).ok()
    assert _generation(wire, path) == 1
    wire.merge(path, {"spec": {"minReadySeconds": 3}}).ok()
    assert _generation(wire, path) == 2
    wire.merge(path, {"spec": {"minReadySeconds": 3}}).ok()
    assert _generation(wire, path) == 2


def test_an_annotation_is_a_change_of_a_deployments_generation(wire: Wire, namespace: str) -> None:
    # Deployments are the exception among kinds: their controller acts on annotations.
    path = apps(namespace, "deployments", "one")
    wire.create(apps(namespace, "deployments"), _left_alone("one", annotations={"n": "1"})).ok()
    before = _generation(wire, path)
    wire.merge(path, {"metadata": {"annotations": {"n": "2"}}}).ok()
    assert _generation(wire, path) == before + 1


def test_services_and_pods_have_no_generation(wire: Wire, namespace: str) -> None:
    assert "generation" not in wire.create(core(namespace, "services"), service("one")).ok()["metadata"]
    assert "generation" not in wire.create(core(namespace, "pods"), pod("one")).ok()["metadata"]


def test_generation_sent_by_a_client_is_ignored(wire: Wire, namespace: str) -> None:
    created = wire.create(widgets(namespace), widget("one", generation=41)).ok()
    assert created["metadata"]["generation"] == 1
    created["metadata"]["generation"] = 41
    assert wire.replace(widgets(namespace, "one"), created).ok()["metadata"]["generation"] == 1


def test_generation_of_a_custom_resource_with_status(wire: Wire, namespace: str) -> None:
    path = widgets(namespace, "one")
    wire.create(widgets(namespace), widget("one")).ok()
    wire.merge(path, {"metadata": {"annotations": {"a": "b"}, "labels": {"a": "b"}}}).ok()
    assert _generation(wire, path) == 1
    wire.merge(f"{path}/status", {"status": {"ready": 1}}).ok()
    assert _generation(wire, path) == 1
    wire.merge(path, {"spec": {"size": 5}}).ok()
    assert _generation(wire, path) == 2


def test_generation_of_a_custom_resource_without_status(wire: Wire, namespace: str) -> None:
    path = gadgets(f"gadget-{namespace}")
    wire.create(gadgets(), gadget(f"gadget-{namespace}", spec={"a": 1}, status={"b": 1})).ok()
    wire.merge(path, {"metadata": {"labels": {"a": "b"}}}).ok()
    assert _generation(wire, path) == 1
    wire.merge(path, {"status": {"b": 2}}).ok()
    assert _generation(wire, path) == 2
    wire.delete(path).ok()


def test_status_is_dropped_from_writes_of_the_object(wire: Wire, namespace: str) -> None:
    path = widgets(namespace, "one")
    created = wire.create(widgets(namespace), {**widget("one"), "status": {"ready": 9}}).ok()
    assert "status" not in created
    wire.merge(f"{path}/status", {"status": {"ready": 2}}).ok()
    assert wire.merge(path, {"spec": {"size": 5}, "status": {"ready": 9}}).ok()["status"] == {"ready": 2}
    current = wire.get(path).ok()
    current["status"] = {"ready": 9}
    assert wire.replace(path, current).ok()["status"] == {"ready": 2}


def test_the_object_is_kept_from_writes_of_its_status(wire: Wire, namespace: str) -> None:
    path = widgets(namespace, "one")
    wire.create(widgets(namespace), widget("one", labels={"a": "b"})).ok()
    body = {"metadata": {"labels": {"a": "c"}}, "spec": {"size": 9}, "status": {"ready": 1}}
    answer = wire.merge(f"{path}/status", body).ok()
    assert (answer["spec"]["size"], answer["metadata"]["labels"], answer["status"]) == (3, {"a": "b"}, {"ready": 1})


def test_a_status_is_replaced_whole(wire: Wire, namespace: str) -> None:
    path = widgets(namespace, "one")
    wire.create(widgets(namespace), widget("one")).ok()
    wire.merge(f"{path}/status", {"status": {"ready": 1, "selector": "a=b"}}).ok()
    current = wire.get(f"{path}/status").ok()
    current["status"] = {"ready": 2}
    assert wire.replace(f"{path}/status", current).ok()["status"] == {"ready": 2}


def test_a_status_is_validated_and_pruned(wire: Wire, namespace: str) -> None:
    path = widgets(namespace, "one")
    wire.create(widgets(namespace), widget("one")).ok()
    assert wire.merge(f"{path}/status", {"status": {"ready": 1, "mystery": 2}}).ok()["status"] == {"ready": 1}
    answer = wire.merge(f"{path}/status", {"status": {"ready": "many"}})
    assert ("FieldValueInvalid", "status.ready") in answer.causes()


def test_a_kind_without_status_subresource_has_none(wire: Wire, namespace: str) -> None:
    name = f"gadget-{namespace}"
    wire.create(gadgets(), gadget(name, status={"b": 1})).ok()
    assert wire.merge(f"{gadgets(name)}/status", {"status": {"b": 2}}).status == 404
    assert wire.delete(gadgets(name)).status == 200


def test_pod_status_is_patched_apart_from_its_spec(wire: Wire, namespace: str) -> None:
    path = core(namespace, "pods", "one")
    created = wire.create(core(namespace, "pods"), {**pod("one"), "status": {"phase": "Running"}}).ok()
    assert created["status"]["phase"] == "Pending"
    conditions = [{"type": "Ready", "status": "True"}]
    patch = {"status": {"phase": "Running", "podIP": "10.9.8.7", "conditions": conditions}}
    answer = wire.merge(f"{path}/status", patch).ok()["status"]
    assert (answer["phase"], answer["podIP"], answer["podIPs"]) == ("Running", "10.9.8.7", [{"ip": "10.9.8.7"}])
    assert [(entry["type"], entry["status"]) for entry in answer["conditions"]] == [("Ready", "True")]
    more = {"status": {"conditions": [{"type": "ContainersReady", "status": "True"}]}}
    merged = wire.strategic(f"{path}/status", more).ok()["status"]["conditions"]
    assert sorted(entry["type"] for entry in merged) == ["ContainersReady", "Ready"]


def test_the_typed_client_writes_object_and_status_apart(wire: Wire, api: ApiClient, namespace: str) -> None:
    typed: Any = AppsV1Api(api)
    spec = deployment("one")["spec"]
    replica_set = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "one"}, "spec": spec}
    created = wire.create(apps(namespace, "replicasets"), replica_set).ok()
    assert created["metadata"]["generation"] == 1
    patched = typed.patch_namespaced_replica_set("one", namespace, {"spec": {"minReadySeconds": 5}})
    assert patched.metadata.generation == 2
    patched = typed.patch_namespaced_replica_set_status("one", namespace, {"spec": {"minReadySeconds": 9}})
    assert (patched.metadata.generation, patched.spec.min_ready_seconds) == (2, 5)
