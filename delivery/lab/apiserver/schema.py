"""Structural schemas of custom kinds: pruning, null removal, defaulting and validation.

The wording and the order of complaints follow the real server's, because clients show them to people.
"""

import copy
import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from delivery.lab.apiserver.canonical import json_type
from delivery.lab.apiserver.status import FieldError, Json, duplicate, invalid_value, required, unsupported

PRESERVE = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"
EMBEDDED = "x-kubernetes-embedded-resource"
_ROOT_FIELDS = frozenset({"apiVersion", "kind", "metadata"})


def pruned(value: Any, schema: Json, unknown: Callable[[str], None], *, root: bool = False) -> Any:
    """A copy of `value` without the fields `schema` does not name; each dropped path is told to `unknown`."""
    return _prune(value, schema, "", unknown, root or bool(schema.get(EMBEDDED)))


def _prune(value: Any, schema: Json, path: str, unknown: Callable[[str], None], is_object: bool) -> Any:
    if isinstance(value, list):
        items = schema.get("items")
        if items is None:
            return value if schema.get(PRESERVE) else []
        return [_prune(v, items, f"{path}[{i}]", unknown, bool(items.get(EMBEDDED))) for i, v in enumerate(value)]
    if not isinstance(value, dict):
        return value
    result: Json = {}
    for name, item in value.items():
        where = f"{path}.{name}" if path else name
        inner = _member(schema, name)
        if is_object and name in _ROOT_FIELDS:
            result[name] = item
        elif inner is not None:
            result[name] = _prune(item, inner, where, unknown, bool(inner.get(EMBEDDED)))
        elif schema.get(PRESERVE):
            result[name] = item
        else:
            unknown(where)
    return result


def _member(schema: Json, name: str) -> Json | None:
    declared: Json | None = schema.get("properties", {}).get(name)
    if declared is not None:
        return declared
    additional = schema.get("additionalProperties")
    if isinstance(additional, dict):
        return additional
    return {PRESERVE: True} if additional else None


def defaulted(value: Any, schema: Json) -> Any:
    """A copy of `value` with defaults filled in; nulls a field may not hold are removed (or defaulted) first."""
    if isinstance(value, list) and "items" in schema:
        return [defaulted(item, schema["items"]) for item in value]
    if not isinstance(value, dict):
        return value
    result: Json = {}
    for name, item in value.items():
        inner = _member(schema, name)
        if item is None and name in schema.get("properties", {}) and not (inner or {}).get("nullable"):
            continue
        result[name] = item if inner is None else defaulted(item, inner)
    for name, inner in schema.get("properties", {}).items():
        if name not in result and "default" in inner:
            result[name] = defaulted(copy.deepcopy(inner["default"]), inner)
    return result


def violations(value: Any, schema: Json, path: str = "") -> list[FieldError]:
    """Everything `value` breaks in `schema`, in the order of the document's fields."""
    if value is None and (schema.get("nullable") or "type" not in schema):
        return []
    mistyped = _type_violation(value, schema, path)
    if mistyped is not None:
        return [mistyped]
    own = _own_violations(value, schema, path) + _logic_violations(value, schema, path)
    return own + _inner(value, schema, path)


def _type_violation(value: Any, schema: Json, path: str) -> FieldError | None:
    found = json_type(value)
    if schema.get(INT_OR_STRING):
        return None if found in {"integer", "string"} else _must_be(path, "integer,string", found)
    wanted = schema.get("type")
    if not wanted or found == wanted or (wanted == "number" and found == "integer"):
        return None
    return _must_be(path, wanted, found)


def _must_be(path: str, wanted: str, shown: str) -> FieldError:
    return invalid_value(path, shown, f"{path} in body must be of type {wanted}: {chr(34)}{shown}{chr(34)}")


def _own_violations(value: Any, schema: Json, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if isinstance(value, str):
        errors += _string_violations(value, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        errors += _number_violations(value, schema, path)
    elif isinstance(value, list):
        errors += _list_violations(value, schema, path)
    elif isinstance(value, dict):
        errors += _map_violations(value, schema, path)
    if "enum" in schema and value not in schema["enum"]:
        errors.append(unsupported(path, value, [item for item in schema["enum"] if isinstance(item, str)]))
    return errors


def _string_violations(value: str, schema: Json, path: str) -> list[FieldError]:
    errors = []
    if len(value) > schema.get("maxLength", len(value)):
        errors.append(invalid_value(path, value, f"{path} in body should be at most {schema['maxLength']} chars long"))
    if len(value) < schema.get("minLength", 0):
        errors.append(invalid_value(path, value, f"{path} in body should be at least {schema['minLength']} chars long"))
    if "pattern" in schema and not _pattern(schema["pattern"]).search(value):
        errors.append(invalid_value(path, value, f"{path} in body should match '{schema['pattern']}'"))
    if "format" in schema and not _formatted(value, schema["format"]):
        errors.append(invalid_value(path, value, f'{path} in body must be of type {schema["format"]}: "{value}"'))
    return errors


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\z", r"\\Z", pattern))


def _formatted(value: str, name: str) -> bool:
    if name == "date-time":
        try:
            datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            return False
        return "T" in value.upper()
    return True


def _number_violations(value: float, schema: Json, path: str) -> list[FieldError]:
    errors = []
    low, high, step = schema.get("minimum"), schema.get("maximum"), schema.get("multipleOf")
    if high is not None and (value > high or (value == high and schema.get("exclusiveMaximum"))):
        bound = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        errors.append(invalid_value(path, value, f"{path} in body should be {bound} {high}"))
    if low is not None and (value < low or (value == low and schema.get("exclusiveMinimum"))):
        bound = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        errors.append(invalid_value(path, value, f"{path} in body should be {bound} {low}"))
    if step and value % step:
        errors.append(invalid_value(path, value, f"{path} in body should be a multiple of {step}"))
    return errors


def _list_violations(value: list[Any], schema: Json, path: str) -> list[FieldError]:
    errors = []
    if len(value) < schema.get("minItems", 0):
        note = f"{path} in body should have at least {schema['minItems']} items"
        errors.append(invalid_value(path, len(value), note))
    if len(value) > schema.get("maxItems", len(value)):
        note = f"{path} in body should have at most {schema['maxItems']} items"
        errors.append(invalid_value(path, len(value), note))
    return errors + _repeats(value, schema, path)


def _repeats(value: list[Any], schema: Json, path: str) -> list[FieldError]:
    kind = schema.get("x-kubernetes-list-type")
    if kind not in {"set", "map"}:
        return []
    keys = schema.get("x-kubernetes-list-map-keys", [])
    seen: list[Any] = []
    errors = []
    for index, item in enumerate(value):
        identity = (
            {key: item.get(key) for key in keys if key in item} if kind == "map" and isinstance(item, dict) else item
        )
        if identity in seen:
            errors.append(duplicate(f"{path}[{index}]", identity))
        seen.append(identity)
    return errors


def _map_violations(value: Json, schema: Json, path: str) -> list[FieldError]:
    errors = [required(f"{path}.{name}" if path else name) for name in schema.get("required", []) if name not in value]
    if len(value) < schema.get("minProperties", 0):
        note = f"{path} in body should have at least {schema['minProperties']} properties"
        errors.append(invalid_value(path, len(value), note))
    if len(value) > schema.get("maxProperties", len(value)):
        note = f"{path} in body should have at most {schema['maxProperties']} properties"
        errors.append(invalid_value(path, len(value), note))
    return errors


def _logic_violations(value: Any, schema: Json, path: str) -> list[FieldError]:
    """allOf, anyOf, oneOf and not: they only judge, so a failed branch is reported as a whole."""
    errors = [error for branch in schema.get("allOf", []) for error in violations(value, branch, path)]
    passing = [not violations(value, branch, path) for branch in schema.get("anyOf", [])]
    if passing and not any(passing):
        errors.append(invalid_value(path, "", f"{chr(34)}{path}{chr(34)} must validate at least one schema (anyOf)"))
    passing = [not violations(value, branch, path) for branch in schema.get("oneOf", [])]
    if passing and sum(passing) != 1:
        found = "Found none valid" if not any(passing) else f"Found {sum(passing)} valid alternatives"
        note = f"{chr(34)}{path}{chr(34)} must validate one and only one schema (oneOf). {found}"
        errors.append(invalid_value(path, "", note))
    if "not" in schema and not violations(value, schema["not"], path):
        errors.append(invalid_value(path, "", f"{chr(34)}{path}{chr(34)} must not validate the schema (not)"))
    return errors


def _inner(value: Any, schema: Json, path: str) -> list[FieldError]:
    if isinstance(value, list) and "items" in schema:
        inner = schema["items"]
        return [error for i, item in enumerate(value) for error in violations(item, inner, f"{path}[{i}]")]
    if not isinstance(value, dict):
        return []
    errors: list[FieldError] = []
    for name, item in value.items():
        member = _member(schema, name)
        if member is not None:
            errors += violations(item, member, f"{path}.{name}" if path else name)
    return errors
