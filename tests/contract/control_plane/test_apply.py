"""Server-side apply: every field has the managers that wrote it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.control_plane.objects import (
    GROUP,
    apps,
    config_map,
    core,
    deployment,
    shelf,
    shelves,
    widget,
    widgets,
)
from tests.contract.control_plane.wire import APPLY_PATCH, Wire


def _managers(answer: Any) -> dict[tuple[str, str], Any]:
    entries = answer["metadata"]["managedFields"]
    return {(entry["manager"], entry["operation"]): entry["fieldsV1"] for entry in entries}


def _deployment(**spec: Any) -> Any:
    body = deployment("one")
    # 1.20 wants the protocol written out where it is part of the key of a list item.
    body["spec"]["template"]["spec"]["containers"][0]["ports"][0]["protocol"] = "TCP"
    body["spec"].update(spec)
    return body


def test_apply_creates_and_records_its_fields(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps", "one")
    answer = wire.apply(path, config_map("one", {"a": "1"}, labels={"x": "y"}), "alice")
    assert answer.status == 201
    assert answer.body["data"] == {"a": "1"}
    (entry,) = answer.body["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"], entry["apiVersion"]) == ("alice", "Apply", "v1")
    assert entry["fieldsType"] == "FieldsV1"
    assert entry["fieldsV1"] == {
        "f:data": {"f:a": {}},
        "f:metadata": {"f:labels": {"f:x": {}}},
    }


def test_apply_of_the_same_changes_nothing(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps", "one")
    first = wire.apply(path, config_map("one"), "alice").ok()
    again = wire.apply(path, config_map("one"), "alice")
    assert again.status == 200
    assert again.body["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_fields_no_longer_applied_are_removed(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps", "one")
    wire.apply(path, config_map("one", {"a": "1", "b": "2"}), "alice").ok()
    assert wire.apply(path, config_map("one", {"a": "1"}), "alice").ok()["data"] == {"a": "1"}


def test_two_managers_of_different_fields_get_along(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps", "one")
    wire.apply(path, config_map("one", {"a": "1"}), "alice").ok()
    both = wire.apply(path, config_map("one", {"b": "2"}), "bob").ok()
    assert both["data"] == {"a": "1", "b": "2"}
    assert wire.apply(path, config_map("one", {}), "bob").ok()["data"] == {"a": "1"}


def test_a_field_of_another_manager_conflicts(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps", "one")
    wire.apply(path, config_map("one", {"a": "1"}), "alice").ok()
    answer = wire.apply(path, config_map("one", {"a": "2"}), "bob")
    assert answer.causes(409, "Conflict") == [("FieldManagerConflict", ".data.a")]
    assert 'conflict with "alice"' in answer.body["message"]
    assert wire.get(path).ok()["data"] == {"a": "1"}


def test_force_takes_the_field_over(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps", "one")
    wire.apply(path, config_map("one", {"a": "1", "b": "1"}), "alice").ok()
    taken = wire.apply(path, config_map("one", {"a": "2"}), "bob", force="true").ok()
    assert taken["data"] == {"a": "2", "b": "1"}
    managers = _managers(taken)
    assert managers[("alice", "Apply")]["f:data"] == {"f:b": {}}
    assert managers[("bob", "Apply")]["f:data"] == {"f:a": {}}


def test_the_same_value_is_shared_and_survives_one_of_them(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps", "one")
    wire.apply(path, config_map("one", {"a": "1"}), "alice").ok()
    shared = _managers(wire.apply(path, config_map("one", {"a": "1"}), "bob").ok())
    assert shared[("alice", "Apply")]["f:data"] == shared[("bob", "Apply")]["f:data"] == {"f:a": {}}
    assert wire.apply(path, config_map("one", {}), "bob").ok()["data"] == {"a": "1"}
    assert "data" not in wire.apply(path, config_map("one", {}), "alice").ok()


def test_an_update_takes_ownership_without_asking(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps", "one")
    wire.apply(path, config_map("one", {"a": "1"}), "alice").ok()
    updated = wire.merge(path, {"data": {"a": "2"}}, fieldManager="editor").ok()
    assert _managers(updated)[("editor", "Update")] == {"f:data": {"f:a": {}}}
    answer = wire.apply(path, config_map("one", {"a": "1"}), "alice")
    assert answer.causes(409, "Conflict") == [("FieldManagerConflict", ".data.a")]
    assert 'conflict with "editor"' in answer.body["message"]
    assert wire.apply(path, config_map("one", {"a": "1"}), "alice", force="true").ok()["data"] == {"a": "1"}


def test_lists_with_keys_are_owned_item_by_item(wire: Wire, namespace: str) -> None:
    path = apps(namespace, "deployments", "one")
    created = wire.apply(path, _deployment(), "alice").ok()
    fields = _managers(created)[("alice", "Apply")]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    assert list(fields) == ['k:{"name":"app"}']
    assert set(fields['k:{"name":"app"}']) >= {".", "f:name", "f:image", "f:env", "f:ports"}
    assert 'k:{"containerPort":8080,"protocol":"TCP"}' in fields['k:{"name":"app"}']["f:ports"]
    sidecar = {"name": "sidecar", "image": "registry.example/sidecar:1"}
    body = {**_deployment(), "spec": {"template": {"spec": {"containers": [sidecar]}}}}
    both = wire.apply(path, body, "bob").ok()
    containers = both["spec"]["template"]["spec"]["containers"]
    assert sorted(entry["name"] for entry in containers) == ["app", "sidecar"]
    body["spec"] = {"template": {"spec": {}}}
    alone = wire.apply(path, body, "bob").ok()
    assert [entry["name"] for entry in alone["spec"]["template"]["spec"]["containers"]] == ["app"]


def test_an_env_variable_no_longer_applied_goes(wire: Wire, namespace: str) -> None:
    path = apps(namespace, "deployments", "one")
    body = _deployment()
    wire.apply(path, body, "alice").ok()
    body["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "B", "value": "9"}]
    (container,) = wire.apply(path, body, "alice").ok()["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "B", "value": "9"}]


def test_replicas_left_out_stay_with_whoever_scales(wire: Wire, namespace: str) -> None:
    path = apps(namespace, "deployments", "one")
    body = _deployment(paused=True)
    wire.apply(path, body, "alice").ok()
    wire.merge(path, {"spec": {"progressDeadlineSeconds": 99}}, fieldManager="tuner").ok()
    answer = wire.apply(path, {**body, "metadata": {"name": "one", "labels": {"a": "b"}}}, "alice").ok()
    assert (answer["spec"]["progressDeadlineSeconds"], answer["metadata"]["labels"]) == (99, {"a": "b"})


def test_apply_of_a_custom_resource(wire: Wire, namespace: str) -> None:
    path = widgets(namespace, "one")
    created = wire.apply(path, widget("one", {"colour": "red", "free": {"x": 1}, "size": 5}), "alice").ok()
    assert _managers(created)[("alice", "Apply")]["f:spec"].keys() >= {"f:colour", "f:free", "f:size"}
    assert (created["metadata"]["generation"], created["spec"]["size"]) == (1, 5)
    less = wire.apply(path, widget("one", {"colour": "red"}), "alice").ok()
    assert (less["metadata"]["generation"], less["spec"]["size"]) == (2, 3)
    assert "free" not in less["spec"]


def test_keyed_lists_of_a_custom_resource(wire: Wire, namespace: str) -> None:
    path = shelves(namespace, "one")
    created = wire.apply(path, shelf("one", {"id": "a", "count": 2}), "alice").ok()
    fields = _managers(created)[("alice", "Apply")]["f:spec"]["f:parts"]
    assert fields == {'k:{"id":"a"}': {".": {}, "f:count": {}, "f:id": {}}}
    both = wire.apply(path, shelf("one", {"id": "b"}), "bob").ok()
    assert {part["id"]: part["count"] for part in both["spec"]["parts"]} == {"a": 2, "b": 1}
    less = wire.apply(path, shelf("one"), "alice").ok()
    assert [part["id"] for part in less["spec"]["parts"]] == ["b"]


def test_apply_is_validated(wire: Wire, namespace: str) -> None:
    answer = wire.apply(widgets(namespace, "bad"), widget("bad", {"colour": "pink"}), "alice")
    assert answer.causes() == [("FieldValueNotSupported", "spec.colour")]
    wire.get(widgets(namespace, "bad")).refused(404, "NotFound")


def test_apply_to_the_status_owns_the_status_only(wire: Wire, namespace: str) -> None:
    wire.create(widgets(namespace), widget("one")).ok()
    body: Any = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Widget",
        "metadata": {"name": "one"},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    answer = wire.apply(widgets(namespace, "one") + "/status", body, "controller").ok()
    assert (answer["status"]["conditions"], answer["metadata"]["generation"]) == (body["status"]["conditions"], 1)


@pytest.mark.parametrize(
    "body", [config_map("two"), {"metadata": {"name": "one"}}, {"apiVersion": "v1", "kind": "ConfigMap"}]
)
def test_apply_of_a_body_that_does_not_say_what_it_is(wire: Wire, namespace: str, body: Any) -> None:
    path = core(namespace, "configmaps", "one")
    wire.apply(path, body, "alice").refused(400, "BadRequest")
    wire.get(path).refused(404, "NotFound")


def test_apply_needs_a_manager_and_only_apply_is_forced(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps", "one")
    unnamed = wire.send("PATCH", path, config_map("one"), content_type=APPLY_PATCH)
    assert unnamed.causes() == [("FieldValueRequired", "fieldManager")]
    wire.create(core(namespace, "configmaps"), config_map("one")).ok()
    assert wire.merge(path, {"data": {}}, force="true").causes() == [("FieldValueForbidden", "force")]


def test_apply_dry_run(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps", "one")
    assert wire.apply(path, config_map("one"), "alice", dryRun="All").status == 201
    wire.get(path).refused(404, "NotFound")


def test_a_plain_write_is_recorded_as_an_update(wire: Wire, namespace: str) -> None:
    created = wire.create(core(namespace, "configmaps"), config_map("one", {"a": "1"}), fieldManager="maker").ok()
    (entry,) = created["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("maker", "Update")
    assert entry["fieldsV1"]["f:data"] == {".": {}, "f:a": {}}
