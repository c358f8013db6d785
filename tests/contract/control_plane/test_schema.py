"""Custom resources against their structural schema: refused, pruned, defaulted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conditions import eventually
from tests.contract.control_plane.objects import GROUP, core, crds, gadget, gadgets, widget, widget_definition, widgets
from tests.contract.control_plane.wire import Wire


def _created_spec(wire: Wire, namespace: str, **spec: Any) -> Any:
    created = wire.create(widgets(namespace), widget("one", {"colour": "red", **spec})).ok()
    return {key: value for key, value in created["spec"].items() if key in spec}


@pytest.mark.parametrize(
    ("spec", "cause"),
    [
        ({}, ("FieldValueRequired", "spec.colour")),
        ({"colour": "pink"}, ("FieldValueNotSupported", "spec.colour")),
        ({"colour": "red", "size": 0}, ("FieldValueInvalid", "spec.size")),
        ({"colour": "red", "size": 11}, ("FieldValueInvalid", "spec.size")),
        ({"colour": "red", "size": "3"}, ("FieldValueInvalid", "spec.size")),
        ({"colour": "red", "size": 2.5}, ("FieldValueInvalid", "spec.size")),
        ({"colour": "red", "size": True}, ("FieldValueInvalid", "spec.size")),
        ({"colour": "red", "ratio": 0.0}, ("FieldValueInvalid", "spec.ratio")),
        ({"colour": "red", "ratio": 0.7}, ("FieldValueInvalid", "spec.ratio")),
        ({"colour": "red", "name": "abc1"}, ("FieldValueInvalid", "spec.name")),
        ({"colour": "red", "name": "a"}, ("FieldValueInvalid", "spec.name")),
        ({"colour": "red", "enabled": "yes"}, ("FieldValueInvalid", "spec.enabled")),
        ({"colour": 5}, ("FieldValueInvalid", "spec.colour")),
        ({"colour": "red", "port": 1.5}, ("FieldValueInvalid", "spec.port")),
        ({"colour": "red", "tags": []}, ("FieldValueInvalid", "spec.tags")),
        ({"colour": "red", "tags": [1]}, ("FieldValueInvalid", "spec.tags")),
        ({"colour": "red", "tags": {"a": "b"}}, ("FieldValueInvalid", "spec.tags")),
        ({"colour": "red", "pairs": {"a": "b"}}, ("FieldValueInvalid", "spec.pairs.a")),
        ({"colour": "red", "parts": [{"count": 1}]}, ("FieldValueRequired", "spec.parts.id")),
        ({"colour": "red", "mode": {"speed": 5}}, ("FieldValueInvalid", "spec.mode.speed")),
    ],
)
def test_refused_with_the_field(wire: Wire, namespace: str, spec: dict[str, Any], cause: tuple[str, str]) -> None:
    answer = wire.create(widgets(namespace), widget("bad", spec))
    assert answer.refused(422, "Invalid")["message"].startswith(f'Widget.{GROUP} "bad" is invalid: ')
    assert cause in answer.field_causes()
    wire.get(widgets(namespace, "bad")).refused(404, "NotFound")


@pytest.mark.parametrize("choice", [{}, {"left": "a", "right": "b"}])
def test_one_of_several_schemas(wire: Wire, namespace: str, choice: dict[str, str]) -> None:
    answer = wire.create(widgets(namespace), widget("bad", {"colour": "red", "choice": choice}))
    message = answer.refused(422, "Invalid")["message"]
    assert "spec.choice" in message
    assert "must validate one and only one schema (oneOf)" in message


@pytest.mark.parametrize(
    "spec",
    [
        {"size": 1},
        {"size": 10},
        {"ratio": 0.5},
        {"ratio": 2.5},
        {"name": "ab"},
        {"name": "abcde"},
        {"port": 80},
        {"port": "http"},
        {"note": None},
        {"note": "text"},
        {"free": {"deep": {"er": [1, "two", None, {"x": 1.5}]}}},
        {"tags": ["a", "b", "c"]},
        {"pairs": {"a": 1, "b": 2}},
        {"choice": {"left": "a"}},
        {"mode": {"speed": "fast", "extra": "x"}},
    ],
)
def test_accepted_as_written(wire: Wire, namespace: str, spec: dict[str, Any]) -> None:
    assert _created_spec(wire, namespace, **spec) == spec


def test_several_faults_are_named_together(wire: Wire, namespace: str) -> None:
    answer = wire.create(widgets(namespace), widget("bad", {"colour": "pink", "size": 99}))
    assert answer.causes() == [("FieldValueInvalid", "spec.size"), ("FieldValueNotSupported", "spec.colour")]
    assert 'supported values: "red", "green", "blue"' in answer.body["message"]


def test_a_missing_spec_is_required(wire: Wire, namespace: str) -> None:
    body = widget("bad")
    del body["spec"]
    assert ("FieldValueRequired", "spec") in wire.create(widgets(namespace), body).causes()


def test_too_many_items(wire: Wire, namespace: str) -> None:
    answer = wire.create(widgets(namespace), widget("bad", {"colour": "red", "tags": ["a", "b", "c", "d"]}))
    # 1.20 calls it invalid, newer ones too many; the field is the same.
    answer.refused(422, "Invalid")
    assert {cause["field"] for cause in answer.body["details"]["causes"]} == {"spec.tags"}


def test_two_items_of_one_key(wire: Wire, namespace: str) -> None:
    parts = [{"id": "a"}, {"id": "b"}, {"id": "a"}]
    answer = wire.create(widgets(namespace), widget("bad", {"colour": "red", "parts": parts}))
    assert answer.causes() == [("FieldValueDuplicate", "spec.parts[2]")]


def test_an_update_is_validated_too(wire: Wire, namespace: str) -> None:
    wire.create(widgets(namespace), widget("one")).ok()
    assert wire.merge(widgets(namespace, "one"), {"spec": {"size": 99}}).causes() == [
        ("FieldValueInvalid", "spec.size")
    ]
    remove = {"op": "remove", "path": "/spec/colour"}
    assert wire.json_patch(widgets(namespace, "one"), remove).causes() == [("FieldValueRequired", "spec.colour")]


def test_unknown_fields_are_pruned_at_every_depth(wire: Wire, namespace: str) -> None:
    body = widget("one", {"colour": "red", "mystery": 1, "mode": {"speed": "fast", "mystery": 2}})
    body["spec"]["parts"] = [{"id": "a", "mystery": 3}]
    body["mystery"] = {"a": 4}
    created = wire.create(widgets(namespace), body).ok()
    assert "mystery" not in created
    assert created["spec"] == {
        "colour": "red",
        "size": 3,
        "mode": {"speed": "fast"},
        "parts": [{"id": "a", "count": 1}],
    }


def test_unknown_fields_are_preserved_where_the_schema_says_so(wire: Wire, namespace: str) -> None:
    name = f"gadget-{namespace}"
    body = gadget(name, spec={"a": [1, {"b": None}]}, other="kept")
    created = wire.create(gadgets(), body).ok()
    assert (created["spec"], created["other"]) == ({"a": [1, {"b": None}]}, "kept")
    assert wire.delete(gadgets(name)).status == 200


def test_unknown_metadata_is_dropped(wire: Wire, namespace: str) -> None:
    created = wire.create(widgets(namespace), widget("one", mystery="x", labels={"a": "b"})).ok()
    assert "mystery" not in created["metadata"]
    assert created["metadata"]["labels"] == {"a": "b"}


def test_defaults(wire: Wire, namespace: str) -> None:
    created = wire.create(widgets(namespace), widget("one", {"colour": "red", "parts": [{"id": "a"}]})).ok()
    assert created["spec"] == {
        "colour": "red",
        "size": 3,
        "mode": {"speed": "slow"},
        "parts": [{"id": "a", "count": 1}],
    }


def test_a_removed_field_gets_its_default_again(wire: Wire, namespace: str) -> None:
    wire.create(widgets(namespace), widget("one", {"colour": "red", "size": 7})).ok()
    assert wire.merge(widgets(namespace, "one"), {"spec": {"size": None}}).ok()["spec"]["size"] == 3


def test_null_where_it_is_not_allowed_becomes_the_default_or_is_refused(wire: Wire, namespace: str) -> None:
    spec = {"colour": "red", "size": None, "note": None}
    created = wire.create(widgets(namespace), widget("one", spec)).ok()
    assert (created["spec"]["size"], created["spec"]["note"]) == (3, None)


def test_one_object_in_every_served_version(wire: Wire, namespace: str) -> None:
    created = wire.create(widgets(namespace, version="v1alpha1"), _in_version(widget("one"), "v1alpha1")).ok()
    assert created["apiVersion"] == f"{GROUP}/v1alpha1"
    stored = wire.get(widgets(namespace, "one")).ok()
    assert (stored["apiVersion"], stored["metadata"]["uid"]) == (f"{GROUP}/v1", created["metadata"]["uid"])
    wire.merge(widgets(namespace, "one", "v1alpha1"), {"spec": {"size": 8}}).ok()
    assert wire.get(widgets(namespace, "one")).ok()["spec"]["size"] == 8
    listing = wire.get(widgets(namespace, version="v1alpha1")).ok()
    assert [item["apiVersion"] for item in listing["items"]] == [f"{GROUP}/v1alpha1"]
    assert wire.get(widgets(namespace, "one", "v1alpha0")).status == 404


def test_a_body_in_another_version_than_the_path(wire: Wire, namespace: str) -> None:
    answer = wire.create(widgets(namespace), _in_version(widget("one"), "v1alpha1"))
    answer.refused(400, "BadRequest")


def _in_version(body: dict[str, Any], version: str) -> dict[str, Any]:
    return {**body, "apiVersion": f"{GROUP}/{version}"}


def test_a_definition_reports_its_names_and_storage(wire: Wire) -> None:
    found = wire.get(crds(f"widgets.{GROUP}")).ok()
    conditions = {entry["type"]: entry["status"] for entry in found["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert found["status"]["storedVersions"] == ["v1"]
    accepted = found["status"]["acceptedNames"]
    assert (accepted["plural"], accepted["listKind"], accepted["shortNames"]) == ("widgets", "WidgetList", ["wd"])
    assert found["spec"]["conversion"] == {"strategy": "None"}


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("metadata", "name"), "wrong.example", "metadata.name"),
        (("spec", "scope"), "Galactic", "spec.scope"),
        (("spec", "versions", 1, "storage"), True, "spec.versions"),
        (("spec", "versions", 0, "schema"), None, "spec.versions[0].schema.openAPIV3Schema"),
    ],
)
def test_a_broken_definition_is_refused(wire: Wire, path: tuple[str | int, ...], value: Any, field: str) -> None:
    body: Any = widget_definition()
    body["metadata"]["name"] = "gizmos.suite.headgate.dev"
    body["spec"]["names"] = {"plural": "gizmos", "kind": "Gizmo"}
    target = body
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    answer = wire.create(crds(), body)
    answer.refused(422, "Invalid")
    assert field in {cause["field"] for cause in answer.body["details"]["causes"]}


def test_a_schema_change_applies_to_the_next_write(wire: Wire, namespace: str) -> None:
    name = namespace.replace("test", "late")
    body: Any = widget_definition()
    plural = f"t{namespace.rpartition('-')[2]}s"
    body["metadata"]["name"] = f"{plural}.{GROUP}"
    body["spec"]["names"] = {"plural": plural, "kind": plural.capitalize(), "singular": plural[:-1]}
    body["spec"]["versions"] = body["spec"]["versions"][:1]
    wire.create(crds(), body).ok()
    path = f"/apis/{GROUP}/v1/namespaces/{namespace}/{plural}"
    eventually(lambda: wire.get(path).status == 200)
    body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["size"]["maximum"] = 99
    wire.merge(crds(f"{plural}.{GROUP}"), {"spec": {"versions": body["spec"]["versions"]}}).ok()
    big = {**widget(name, {"colour": "red", "size": 50}), "kind": plural.capitalize()}
    eventually(lambda: wire.create(path, big).status == 201)
    assert wire.delete(crds(f"{plural}.{GROUP}")).status == 200
    eventually(lambda: wire.get(path).status == 404)
    assert wire.get(core(namespace, "configmaps")).status == 200
