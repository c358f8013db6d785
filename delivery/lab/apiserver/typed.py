"""Whether an applied configuration is one its schema can type: server-side apply takes nothing it cannot place."""

import json
from typing import Any

from delivery.lab.apiserver.canonical import json_type
from delivery.lab.apiserver.fieldsets import dotted, element_of
from delivery.lab.apiserver.kinds import Resource
from delivery.lab.apiserver.schema import INT_OR_STRING, PRESERVE
from delivery.lab.apiserver.status import ApiError, Json

_EXPECTED = {
    "object": ("map", {"object"}),
    "array": ("list", {"array"}),
    "string": ("string", {"string"}),
    "boolean": ("boolean", {"boolean"}),
    "integer": ("numeric (int or float)", {"integer", "number"}),
    "number": ("numeric (int or float)", {"integer", "number"}),
}


def check_typed(config: Json, resource: Resource) -> None:
    """Refuse a configuration with a field its schema does not have, or a value its field cannot hold.

    Raises:
        ApiError: 500 without a reason, which is how the real server says it.
    """
    content = {name: value for name, value in config.items() if name not in {"apiVersion", "kind"}}
    _check(content, resource.schema, "", names_elements=resource.custom)


def _check(value: Any, schema: Json, path: str, *, names_elements: bool) -> None:
    kind = schema.get("type")
    if value is None or kind is None or schema.get(INT_OR_STRING):
        return
    expected, fitting = _EXPECTED[kind]
    if json_type(value) not in fitting:
        raise _untyped(path, f"expected {expected}, got {json.dumps(value)}")
    if isinstance(value, dict):
        for name, item in value.items():
            _check(item, _member(schema, name, path), f"{path}.{name}", names_elements=names_elements)
    if isinstance(value, list):
        _check_list(value, schema, path, names_elements=names_elements)


def _member(schema: Json, name: str, path: str) -> Json:
    declared = (schema.get("properties") or {}).get(name)
    additional = schema.get("additionalProperties")
    if isinstance(declared, dict):
        return declared
    if isinstance(additional, dict):
        return additional
    if additional or schema.get(PRESERVE):
        return {}
    raise _untyped(f"{path}.{name}", "field not declared in schema")


def _check_list(value: list[Any], schema: Json, path: str, *, names_elements: bool) -> None:
    items = schema.get("items") or {}
    keyed = schema.get("x-kubernetes-list-type") in {"map", "set"}
    seen: set[str] = set()
    for index, item in enumerate(value):
        where = f"[{index}]"
        if keyed:
            where = _identity(item, index, schema, path, names_elements=names_elements)
            if where in seen:
                raise _untyped(path, f"duplicate entries for key {where}")
            seen.add(where)
        _check(item, items, path + where, names_elements=names_elements)


def _identity(item: Any, index: int, schema: Json, path: str, *, names_elements: bool) -> str:
    """How a path names an element; a custom kind's has all the keys it is named by."""
    keys = schema.get("x-kubernetes-list-map-keys") or []
    if keys and not isinstance(item, dict):
        raise _untyped(path, f"element {index}: associative list with keys may not have non-map elements")
    properties = (schema.get("items") or {}).get("properties") or {}
    for key in keys if names_elements else []:
        if item.get(key) is None and "default" not in properties.get(key, {}):
            omitted = f'element that omits key field "{key}" (and doesn\'t have default value)'
            raise _untyped(path, f"element {index}: associative list with keys has an {omitted}")
    return dotted((element_of(item, schema),))


def _untyped(path: str, why: str) -> ApiError:
    return ApiError(500, "", f"failed to create typed patch object: {path}: {why}")
