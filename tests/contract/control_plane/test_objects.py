"""Create, read, update, delete: of built-in and custom kinds, namespaced and cluster-scoped."""

from __future__ import annotations

import re
from typing import Any

import pytest
from kubernetes.client import ApiClient, CoreV1Api, CustomObjectsApi, V1ConfigMap, V1ObjectMeta

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import SERVICE
from delivery.errors import AlreadyExists, NotFound
from tests.contract.control_plane.objects import (
    GROUP,
    apps,
    config_map,
    core,
    deployment,
    gadget,
    gadgets,
    service,
    widget,
    widgets,
)
from tests.contract.control_plane.wire import Wire

UID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def test_create_gives_the_object_its_identity(wire: Wire, namespace: str) -> None:
    answer = wire.create(core(namespace, "configmaps"), config_map("one", labels={"a": "b"}))
    assert answer.status == 201
    created = answer.body
    meta = created["metadata"]
    assert (created["apiVersion"], created["kind"], created["data"]) == ("v1", "ConfigMap", {"key": "value"})
    assert (meta["name"], meta["namespace"], meta["labels"]) == ("one", namespace, {"a": "b"})
    assert UID.match(meta["uid"])
    assert int(meta["resourceVersion"]) > 0
    assert re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", meta["creationTimestamp"])
    assert "generation" not in meta
    assert wire.get(core(namespace, "configmaps", "one")).ok() == created


def test_identity_given_by_the_client_is_replaced(wire: Wire, namespace: str) -> None:
    body = config_map("own", uid="mine", creationTimestamp="2001-01-01T00:00:00Z", generation=7)
    meta = wire.create(core(namespace, "configmaps"), body).ok()["metadata"]
    assert UID.match(meta["uid"])
    assert not meta["creationTimestamp"].startswith("2001")


def test_resource_versions_grow_with_every_write(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps")
    first = wire.create(path, config_map("a")).ok()["metadata"]["resourceVersion"]
    second = wire.create(path, config_map("b")).ok()["metadata"]["resourceVersion"]
    third = wire.merge(f"{path}/a", {"data": {"key": "other"}}).ok()["metadata"]["resourceVersion"]
    assert int(first) < int(second) < int(third)
    assert int(wire.get(path).ok()["metadata"]["resourceVersion"]) >= int(third)


def test_replace_keeps_identity_and_drops_what_is_left_out(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps")
    created = wire.create(path, config_map("one", {"a": "1", "b": "2"}, labels={"x": "y"})).ok()
    answer = wire.replace(f"{path}/one", config_map("one", {"a": "3"}))
    assert answer.status == 200
    assert answer.body["data"] == {"a": "3"}
    assert "labels" not in answer.body["metadata"]
    for field in ("uid", "creationTimestamp"):
        assert answer.body["metadata"][field] == created["metadata"][field]


def test_a_write_that_changes_nothing_keeps_the_resource_version(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps")
    created = wire.create(path, config_map("one")).ok()
    version = created["metadata"]["resourceVersion"]
    assert wire.replace(f"{path}/one", created).ok()["metadata"]["resourceVersion"] == version
    assert wire.merge(f"{path}/one", {"data": {"key": "value"}}).ok()["metadata"]["resourceVersion"] == version
    assert wire.json_patch(f"{path}/one").ok()["metadata"]["resourceVersion"] == version
    made = wire.create(widgets(namespace), widget("same")).ok()
    kept = wire.replace(widgets(namespace, "same"), made).ok()
    assert (kept["metadata"]["resourceVersion"], kept["metadata"]["generation"]) == (
        made["metadata"]["resourceVersion"],
        1,
    )


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [(core, config_map("gone"), "configmaps"), (apps, deployment("gone"), "deployments")],
)
def test_delete_answers_with_a_status_and_the_object_is_gone(
    wire: Wire, namespace: str, path: Any, body: Any, kind: str
) -> None:
    created = wire.create(path(namespace, kind), body).ok()
    answer = wire.delete(path(namespace, kind, "gone"))
    assert answer.status == 200
    assert (answer.body["kind"], answer.body["status"]) == ("Status", "Success")
    assert answer.body["details"]["name"] == "gone"
    assert answer.body["details"]["kind"] == kind
    assert answer.body["details"]["uid"] == created["metadata"]["uid"]
    wire.get(path(namespace, kind, "gone")).refused(404, "NotFound")


def test_a_recreated_object_is_another_one(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps")
    first = wire.create(path, config_map("again")).ok()
    assert wire.delete(f"{path}/again").status == 200
    second = wire.create(path, config_map("again")).ok()
    assert first["metadata"]["uid"] != second["metadata"]["uid"]


def test_list_of_one_namespace_and_of_all(wire: Wire, namespace: str) -> None:
    for name in ("c", "a", "b"):
        wire.create(core(namespace, "configmaps"), config_map(name, labels={"in": namespace})).ok()
    here = wire.get(core(namespace, "configmaps"), labelSelector=f"in={namespace}").ok()
    assert (here["apiVersion"], here["kind"]) == ("v1", "ConfigMapList")
    assert [item["metadata"]["name"] for item in here["items"]] == ["a", "b", "c"]
    assert all("kind" not in item for item in here["items"])  # the list names the kind once
    everywhere = wire.get("/api/v1/configmaps", labelSelector=f"in={namespace}").ok()
    assert [item["metadata"]["name"] for item in everywhere["items"]] == ["a", "b", "c"]


def test_an_empty_list_is_an_empty_array(wire: Wire, namespace: str) -> None:
    assert wire.get(apps(namespace, "deployments")).ok()["items"] == []
    listing = wire.get(widgets(namespace)).ok()
    assert (listing["kind"], listing["apiVersion"], listing["items"]) == ("WidgetList", f"{GROUP}/v1", [])


def test_items_of_a_custom_list_carry_their_kind(wire: Wire, namespace: str) -> None:
    wire.create(widgets(namespace), widget("one")).ok()
    (item,) = wire.get(widgets(namespace)).ok()["items"]
    assert (item["apiVersion"], item["kind"]) == (f"{GROUP}/v1", "Widget")


def test_delete_collection_takes_what_is_selected(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps")
    for name in ("a", "b", "c"):
        wire.create(path, config_map(name, labels={"drop": "no" if name == "b" else "yes"})).ok()
    assert wire.delete(path, labelSelector="drop=yes").status == 200
    left = wire.get(path, labelSelector="drop").ok()["items"]
    assert [item["metadata"]["name"] for item in left] == ["b"]


def test_cluster_scoped_custom_resource(wire: Wire, namespace: str) -> None:
    name = f"gadget-{namespace}"
    created = wire.create(gadgets(), gadget(name, spec={"any": ["thing", 1]})).ok()
    assert "namespace" not in created["metadata"]
    assert created["spec"] == {"any": ["thing", 1]}
    assert wire.delete(gadgets(name)).status == 200
    wire.get(gadgets(name)).refused(404, "NotFound")


def test_generate_name(wire: Wire, namespace: str) -> None:
    body = config_map("x")
    body["metadata"] = {"generateName": "made-"}
    names = {wire.create(core(namespace, "configmaps"), body).ok()["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(re.match(r"^made-[a-z0-9]{5}$", name) for name in names)


def test_namespace_comes_from_the_path_and_must_agree(wire: Wire, namespace: str) -> None:
    status = wire.create(core(namespace, "configmaps"), config_map("x", namespace="elsewhere"))
    assert status.refused(400, "BadRequest")["message"] == (
        "the namespace of the provided object does not match the namespace sent on the request"
    )


def test_a_label_of_null_is_an_empty_one(wire: Wire, namespace: str) -> None:
    for path, body in (
        (core(namespace, "configmaps"), config_map("one", labels={"a": None, "b": "c"})),
        (widgets(namespace), widget("one", labels={"a": None, "b": "c"})),
    ):
        assert wire.create(path, body).ok()["metadata"]["labels"] == {"a": "", "b": "c"}


def test_dry_run_answers_and_stores_nothing(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps")
    answer = wire.create(path, config_map("ghost"), dryRun="All")
    assert answer.status == 201
    assert UID.match(answer.body["metadata"]["uid"])
    wire.get(f"{path}/ghost").refused(404, "NotFound")
    kept = wire.create(path, config_map("kept")).ok()
    assert wire.merge(f"{path}/kept", {"data": {"key": "new"}}, dryRun="All").ok()["data"] == {"key": "new"}
    assert wire.replace(f"{path}/kept", config_map("kept", {}), dryRun="All").status == 200
    assert wire.delete(f"{path}/kept", dryRun="All").status == 200
    assert wire.get(f"{path}/kept").ok() == kept
    assert wire.create(widgets(namespace), widget("ghost"), dryRun="All").ok()["spec"]["size"] == 3
    wire.get(widgets(namespace, "ghost")).refused(404, "NotFound")


def test_typed_client_round_trip(api: ApiClient, namespace: str) -> None:
    typed: Any = CoreV1Api(api)
    body = V1ConfigMap(metadata=V1ObjectMeta(name="typed", labels={"a": "b"}), data={"k": "v"})
    created = typed.create_namespaced_config_map(namespace, body)
    assert created.metadata.creation_timestamp.tzinfo is not None
    read = typed.read_namespaced_config_map("typed", namespace)
    assert (read.data, read.metadata.uid) == ({"k": "v"}, created.metadata.uid)
    assert [item.metadata.name for item in typed.list_namespaced_config_map(namespace, label_selector="a").items] == [
        "typed"
    ]
    typed.delete_namespaced_config_map("typed", namespace)
    assert typed.list_namespaced_config_map(namespace, label_selector="a").items == []


def test_custom_objects_client_round_trip(wire: Wire, api: ApiClient, namespace: str) -> None:
    client: Any = CustomObjectsApi(api)
    here = (GROUP, "v1", namespace, "widgets")
    client.create_namespaced_custom_object(*here, widget("one"))
    patched = client.patch_namespaced_custom_object(*here, "one", {"spec": {"size": 5}})
    assert (patched["spec"]["size"], patched["metadata"]["generation"]) == (5, 2)
    listing = client.list_namespaced_custom_object(*here)
    assert [item["metadata"]["name"] for item in listing["items"]] == ["one"]
    client.delete_namespaced_custom_object(*here, "one")
    assert client.list_namespaced_custom_object(*here)["items"] == []


def test_our_client_round_trip(cluster: Cluster, namespace: str) -> None:
    created = cluster.create(SERVICE, service("mine", namespace=namespace))
    assert cluster.get(SERVICE, "mine", namespace) == created
    with pytest.raises(AlreadyExists, match="mine"):
        cluster.create(SERVICE, service("mine", namespace=namespace))
    created["spec"]["ports"][0]["port"] = 81
    assert cluster.replace(SERVICE, created)["spec"]["ports"][0]["port"] == 81
    patched = cluster.patch(SERVICE, "mine", namespace, {"metadata": {"labels": {"a": "b"}}})
    assert patched["metadata"]["labels"] == {"a": "b"}
    assert [item["kind"] for item in cluster.list(SERVICE, namespace, labels={"a": "b"}).items] == ["Service"]
    cluster.delete(SERVICE, "mine", namespace)
    assert cluster.find(SERVICE, "mine", namespace) is None
    with pytest.raises(NotFound, match=f"Service {namespace}/mine"):
        cluster.delete(SERVICE, "mine", namespace)
