"""Built-in objects as the server's own types would write them: known fields only, typed, without empty values.

The real server decodes a body into Go structs and encodes those again. What that round trip does to a document is
reproduced here on plain data: unknown fields vanish, nulls and empty optional values are left out, wrong types refuse.
"""

import copy
from collections.abc import Callable
from typing import Any

from delivery.lab.apiserver.status import Json, bad_request

_DROPPED_WHEN_FALSE = frozenset(
    {"paused", "hostNetwork", "hostPID", "hostIPC", "readOnly", "stdin", "stdinOnce", "tty", "unschedulable"}
    | {"publishNotReadyAddresses"}
)
_DROPPED_WHEN_ZERO = frozenset(
    {"minReadySeconds", "nodePort", "hostPort", "initialDelaySeconds", "healthCheckNodePort", "observedGeneration"}
    | {"updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas", "fullyLabeledReplicas"}
)
_KEPT_WHEN_EMPTY = frozenset(
    {"value", "mountPath", "holderIdentity", "type", "status", "reportingComponent", "reportingInstance"}
    | {"storageClassName", "hostPath", "image", "imageID", "ip", "kind", "name", "apiVersion", "uid", "apiGroup"}
)
_KEPT_LISTS = frozenset({"addresses", "endpoints", "rules", "verbs", "items", "containers"})

_EMPTY: dict[str, Any] = {"object": {}, "array": [], "integer": 0, "number": 0, "boolean": False}

_WIDE = ("Seconds", "generation", "observedGeneration", "resourceVersion", "sizeLimit", "runAsUser", "runAsGroup")
"""Whole numbers of 64 bits; all others have 32."""

Unknown = Callable[[str], None]


def canonical(value: Json, schema: Json, described: str, unknown: Unknown) -> Json:
    """A copy of `value` in the form its built-in type would encode to.

    `unknown` is told the path of every field the type does not have; `described` names the kind in errors.

    Raises:
        ApiError: 400 where a value has a type the field cannot hold.
    """
    result = _object(value, schema, "", _Reading(described, unknown))
    if not isinstance(result, dict):
        raise bad_request(f"{described}: expected an object")
    return result


class _Reading:
    __slots__ = ("described", "unknown")

    def __init__(self, described: str, unknown: Unknown) -> None:
        self.described = described
        self.unknown = unknown

    def refuse(self, path: str, value: Any, wanted: str) -> Exception:
        shown = type(value).__name__ if not isinstance(value, dict | list) else json_type(value)
        return bad_request(f"{self.described}: {path}: json: cannot unmarshal {shown} into a field of type {wanted}")


def json_type(value: Any) -> str:
    """The JSON name of a value's type; booleans are not integers, and a whole float is an integer."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return "integer"
    names = {float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "object")


def _value(value: Any, schema: Json, path: str, reading: _Reading) -> Any:
    if schema.get("x-kubernetes-int-or-string"):
        if json_type(value) not in {"integer", "string"} or (not isinstance(value, str) and abs(value) >= 2**31):
            raise reading.refuse(path, value, "IntOrString")
        return value
    kind = schema.get("type")
    if kind == "object":
        return _object(value, schema, path, reading)
    if kind == "array":
        return _array(value, schema, path, reading)
    if kind is not None:
        return _scalar(value, kind, path, reading)
    return value


def _scalar(value: Any, kind: str, path: str, reading: _Reading) -> Any:
    found = json_type(value)
    if kind == "integer" and found == kind:
        if abs(value) >= 2**31 and not path.endswith(_WIDE):
            raise reading.refuse(path, value, "int32")
        return int(value)
    if found == kind or (kind == "number" and found == "integer"):
        return value
    raise reading.refuse(path, value, kind)


def _array(value: Any, schema: Json, path: str, reading: _Reading) -> list[Any]:
    if not isinstance(value, list):
        raise reading.refuse(path, value, "array")
    items = schema["items"]
    return [_element(item, items, f"{path}[{index}]", reading) for index, item in enumerate(value)]


def _element(value: Any, schema: Json, path: str, reading: _Reading) -> Any:
    """A member of a list or a map: a null there is the empty value of its type."""
    if value is None:
        return copy.copy(_EMPTY.get(schema.get("type", ""), ""))
    return _value(value, schema, path, reading)


def _object(value: Any, schema: Json, path: str, reading: _Reading) -> Json:
    if not isinstance(value, dict):
        raise reading.refuse(path, value, "object")
    if "additionalProperties" in schema:
        element = schema["additionalProperties"]
        return {key: _element(v, element, f"{path}.{key}", reading) for key, v in value.items()}
    if "properties" not in schema:
        return value
    return _fields(value, schema["properties"], path, reading)


def _fields(value: Json, properties: Json, path: str, reading: _Reading) -> Json:
    result: Json = {}
    for name, item in value.items():
        where = f"{path}.{name}" if path else name
        if name not in properties:
            reading.unknown(where)
            continue
        if item is None:
            continue
        read = _value(item, properties[name], where, reading)
        if not _left_out(name, read, properties[name]):
            result[name] = read
    return result


def _left_out(name: str, value: Any, schema: Json) -> bool:
    """Whether an optional field with this value is not written at all."""
    if value == "":
        return schema.get("type") == "string" and name not in _KEPT_WHEN_EMPTY
    if value is False:
        return name in _DROPPED_WHEN_FALSE
    if value == 0 and not isinstance(value, bool):
        return name in _DROPPED_WHEN_ZERO
    if value == []:
        return name not in _KEPT_LISTS
    return value == {} and "additionalProperties" in schema
