"""Structural schemas: what is pruned, filled in and refused, and in which words."""

from typing import Any

import pytest

from delivery.lab.apiserver.schema import defaulted, pruned, violations

OBJECT = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 10},
        "name": {"type": "string", "pattern": "^a", "maxLength": 3, "default": "abc"},
        "mode": {"type": "string", "enum": ["on", "off"]},
        "port": {"x-kubernetes-int-or-string": True},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "note": {"type": "string", "nullable": True},
        "tags": {"type": "object", "additionalProperties": {"type": "string"}},
        "inner": {"type": "object", "default": {}, "properties": {"depth": {"type": "integer", "default": 2}}},
        "set": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "when": {"type": "string", "format": "date-time"},
        "share": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
        "either": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
    },
}


def texts(value: Any) -> list[str]:
    return [error.text() for error in violations(value, OBJECT, "spec")]


def test_unknown_fields_go_and_are_told() -> None:
    gone: list[str] = []
    value = {"size": 1, "x": 1, "free": {"y": 1}, "tags": {"z": "1"}, "inner": {"w": 1}}
    assert pruned(value, OBJECT, gone.append) == {"size": 1, "free": {"y": 1}, "tags": {"z": "1"}, "inner": {}}
    assert gone == ["x", "inner.w"]


def test_defaults_fill_in_and_reach_inside_defaults() -> None:
    assert defaulted({"size": 1}, OBJECT) == {"size": 1, "name": "abc", "inner": {"depth": 2}}


def test_a_null_gives_way_unless_the_field_may_hold_it() -> None:
    value = {"size": 1, "name": None, "mode": None, "note": None}
    assert defaulted(value, OBJECT) == {"size": 1, "name": "abc", "note": None, "inner": {"depth": 2}}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"size": 0}, "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"),
        ({"size": 11}, "spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10"),
        ({"size": "x"}, 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'),
        ({"size": 1.5}, 'spec.size: Invalid value: "number": spec.size in body must be of type integer: "number"'),
        ({"size": True}, 'spec.size: Invalid value: "boolean": spec.size in body must be of type integer: "boolean"'),
        ({"name": "b"}, "spec.name: Invalid value: \"b\": spec.name in body should match '^a'"),
        ({"name": "abcd"}, 'spec.name: Invalid value: "abcd": spec.name in body should be at most 3 chars long'),
        ({"mode": "dim"}, 'spec.mode: Unsupported value: "dim": supported values: "on", "off"'),
        (
            {"port": 1.5},
            'spec.port: Invalid value: "number": spec.port in body must be of type integer,string: "number"',
        ),
        (
            {"tags": {"a": 1}},
            'spec.tags.a: Invalid value: "integer": spec.tags.a in body must be of type string: "integer"',
        ),
        ({"set": ["a", "a"]}, 'spec.set[1]: Duplicate value: "a"'),
        ({"when": "soon"}, 'spec.when: Invalid value: "soon": spec.when in body must be of type date-time: "soon"'),
        ({"share": 0}, "spec.share: Invalid value: 0: spec.share in body should be greater than 0"),
        (
            {"either": {"a": 1, "b": 2}},
            'spec.either: Invalid value: "": "spec.either" must validate one and only one schema (oneOf). '
            "Found 2 valid alternatives",
        ),
    ],
)
def test_complaints_read_like_the_real_ones(change: dict[str, Any], complaint: str) -> None:
    assert texts({"size": 1, **change}) == [complaint]


def test_a_missing_field_is_required() -> None:
    assert texts({}) == ["spec.size: Required value"]


@pytest.mark.parametrize(
    "value", [{"size": 2}, {"size": 2, "port": "80%"}, {"size": 2, "either": {"b": 1}}, {"size": 2.0}]
)
def test_what_fits_passes(value: dict[str, Any]) -> None:
    assert texts(value) == []
