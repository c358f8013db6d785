"""Whether a schema in a CustomResourceDefinition is one the server can hold objects to."""

import re
from dataclasses import replace
from typing import Any

from delivery.lab.apiserver.canonical import json_type
from delivery.lab.apiserver.schema import defaulted, violations
from delivery.lab.apiserver.status import FieldError, Json, bad_request, forbidden_field, invalid_value, required

_KINDS_OF_VALUE = {
    "string": ("type", "format", "pattern", "description", "x-kubernetes-list-type", "x-kubernetes-map-type"),
    "number integer": ("minimum", "maximum", "multipleOf"),
    "integer": ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
    "boolean": (
        *("nullable", "exclusiveMinimum", "exclusiveMaximum", "uniqueItems", "x-kubernetes-preserve-unknown-fields"),
        *("x-kubernetes-int-or-string", "x-kubernetes-embedded-resource"),
    ),
    "array": ("required", "x-kubernetes-list-map-keys", "allOf", "anyOf", "oneOf", "enum"),
    "object": ("properties", "items", "not"),
    "object boolean": ("additionalProperties",),
}
_ALLOWED = {keyword: kinds.split() for kinds, keywords in _KINDS_OF_VALUE.items() for keyword in keywords}
_NAMES = frozenset({"required", "x-kubernetes-list-map-keys"})
_BRANCHES = ("allOf", "anyOf", "oneOf")
_TYPES = frozenset({"array", "boolean", "integer", "number", "object", "string"})


def structural_errors(schema: Any, path: str) -> list[FieldError]:
    """What keeps `schema` from being structural: a node without a type, or with two ideas of its members.

    Raises:
        ApiError: 400 when a keyword has a value of the wrong type, as the real server cannot even read that.
    """
    _readable(schema, path)
    errors = _node_errors(schema, path)
    for name, inner in (schema.get("properties") or {}).items():
        errors += structural_errors(inner, f"{path}.properties[{name}]")
    if isinstance(schema.get("additionalProperties"), dict):
        errors += structural_errors(schema["additionalProperties"], f"{path}.additionalProperties")
    if schema.get("items") is not None:
        errors += structural_errors(schema["items"], f"{path}.items")
    return errors + _key_errors(schema, path) + _default_errors(schema, path)


def _default_errors(schema: Json, path: str) -> list[FieldError]:
    """A default is a value of its own schema, its own defaults filled in."""
    if schema.get("default") is None:
        return []
    found = violations(defaulted(schema["default"], schema), schema)
    return [replace(error, field=f"{path}.default{'.' if error.field else ''}{error.field}") for error in found]


def _node_errors(schema: Json, path: str) -> list[FieldError]:
    errors = []
    free = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    if not schema.get("type") and not free:
        errors.append(required(f"{path}.type", "must not be empty for specified object fields"))
    if schema.get("type") and schema["type"] not in _TYPES:
        errors.append(invalid_value(f"{path}.type", schema["type"], f"must be one of {', '.join(sorted(_TYPES))}"))
    if schema.get("type") == "array" and schema.get("items") is None:
        errors.append(required(f"{path}.items", "must be specified"))
    if schema.get("properties") and schema.get("additionalProperties"):
        note = "additionalProperties and properties are mutual exclusive"
        errors.append(forbidden_field(f"{path}.additionalProperties", note))
    if schema.get("x-kubernetes-list-type") == "map" and not schema.get("x-kubernetes-list-map-keys"):
        errors.append(
            required(f"{path}.x-kubernetes-list-map-keys", "must not be empty if x-kubernetes-list-type is map")
        )
    return errors + _pattern_errors(schema.get("pattern"), f"{path}.pattern")


def _key_errors(schema: Json, path: str) -> list[FieldError]:
    """The keys of a list are fields of its elements that are always there."""
    items, keys = schema.get("items") or {}, schema.get("x-kubernetes-list-map-keys") or []
    properties = items.get("properties") or {}
    errors = []
    for key in keys:
        if key not in properties:
            note = "entries must all be names of item properties"
            errors.append(invalid_value(f"{path}.x-kubernetes-list-map-keys", keys, note))
        elif key not in (items.get("required") or []) and "default" not in properties[key]:
            note = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
            errors.append(required(f"{path}.items.properties[{key}].default", note))
    return errors


def _pattern_errors(pattern: str | None, path: str) -> list[FieldError]:
    try:
        re.compile(pattern or "")
    except re.error as wrong:
        return [invalid_value(path, pattern, f"must be a valid regular expression, but isn't: {wrong}")]
    return []


def _readable(schema: Any, path: str) -> None:
    """Every keyword has a value of its type, here and in the branches that only judge."""
    if not isinstance(schema, dict):
        raise bad_request(f"{path}: expected a schema, not {json_type(schema)}")
    for keyword, value in schema.items():
        if value is not None and not _fits(keyword, value):
            raise bad_request(f"{path}.{keyword}: a value of type {json_type(value)} does not belong here")
    for branch in [*_branches(schema), *([schema["not"]] if schema.get("not") is not None else [])]:
        _readable(branch, path)
        for inner in [*(branch.get("properties") or {}).values(), *filter(None, [branch.get("items")])]:
            _readable(inner, path)


def _branches(schema: Json) -> list[Any]:
    return [branch for keyword in _BRANCHES for branch in schema.get(keyword) or []]


def _fits(keyword: str, value: Any) -> bool:
    kind = json_type(value)
    if kind not in _ALLOWED.get(keyword, [kind]):
        return False
    return keyword not in _NAMES or all(isinstance(name, str) for name in value)
