"""Which fields an object has, as sets of paths, and their `fieldsV1` form in `metadata.managedFields`.

A path is a tuple of elements as fieldsV1 writes them: `f:name` for a field, `k:{...}` for an element of a keyed list,
`v:...` for a member of a set. Lists without a declared type, and maps declared atomic, are one field as a whole.
"""

import json
from typing import Any

from delivery.lab.apiserver.status import Json, bad_request

Path = tuple[str, ...]
FieldSet = frozenset[Path]

_GRANULAR: Json = {"x-kubernetes-preserve-unknown-fields": True}


def member_schema(schema: Json, name: str) -> Json:
    """The schema of a field; content nobody describes merges field by field, its lists as a whole."""
    declared = schema.get("properties", {}).get(name)
    if isinstance(declared, dict):
        return declared
    additional = schema.get("additionalProperties")
    return additional if isinstance(additional, dict) else _GRANULAR


def is_atomic(value: Any, schema: Json) -> bool:
    if isinstance(value, dict):
        return not value or schema.get("x-kubernetes-map-type") == "atomic"
    if isinstance(value, list):
        return bool(schema.get("x-kubernetes-list-type", "atomic") == "atomic")
    return True


def element_of(item: Any, schema: Json) -> str:
    """How an element of a keyed list or a set is named in a path.

    Raises:
        ApiError: 400 for an element of a keyed list that is not an object.
    """
    if schema.get("x-kubernetes-list-type") == "set":
        return "v:" + json.dumps(item, separators=(",", ":"), sort_keys=True)
    if not isinstance(item, dict):
        raise bad_request(f"an element of a list with keys is {json.dumps(item)}, not an object with those keys")
    properties = schema.get("items", {}).get("properties", {})
    identity = {}
    for key in schema.get("x-kubernetes-list-map-keys", []):
        value = item.get(key, properties.get(key, {}).get("default", "TCP" if key == "protocol" else None))
        if value is not None:
            identity[key] = value
    return "k:" + json.dumps(identity, separators=(",", ":"), sort_keys=True)


def leaves(value: Any, schema: Json, path: Path = ()) -> dict[Path, Any]:
    """Every field of `value` that can be owned, with its value; elements of keyed lists count themselves too."""
    if is_atomic(value, schema):
        return {path: value}
    found: dict[Path, Any] = {}
    if isinstance(value, dict):
        declared = schema.get("properties", {})
        for name, item in value.items():
            inner = (*path, f"f:{name}")
            if name not in declared and isinstance(item, dict):
                found[inner] = None
            found |= leaves(item, member_schema(schema, name), inner)
        return found
    items = schema.get("items", _GRANULAR)
    for item in value:
        inner = (*path, element_of(item, schema))
        found[inner] = None
        if isinstance(item, dict):
            found |= leaves(item, items, inner)
    return found


_UNOWNED_METADATA = frozenset(
    {"name", "namespace", "uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink"}
    | {"deletionTimestamp", "deletionGracePeriodSeconds"}
)


def owned_leaves(obj: Json, schema: Json) -> dict[Path, Any]:
    """The fields of a whole object that managers own: not its identity, nor what only the server writes."""
    content = _ownable(obj)
    return leaves(content, schema) if content else {}


_ALWAYS_THERE = frozenset({"f:spec", "f:status", "f:strategy", "f:template", "f:resources"})
"""Parts of built-in kinds that every object has, written or not; to write one is not to add it."""


def owned_containers(obj: Json, schema: Json) -> FieldSet:
    """Maps and lists that hold fields one by one, and exist only because somebody wrote them."""
    always = _ALWAYS_THERE if "x-model" in schema else frozenset()
    found = _containers(_ownable(obj), schema)
    return frozenset(path for path in found if path[-1] != "f:metadata" and path[-1] not in always)


def _containers(value: Any, schema: Json, path: Path = ()) -> set[Path]:
    if is_atomic(value, schema):
        return set()
    found = {path} if path else set()
    if isinstance(value, dict):
        for name, item in value.items():
            found |= _containers(item, member_schema(schema, name), (*path, f"f:{name}"))
        return found
    for item in value:
        found |= _containers(item, schema.get("items", _GRANULAR), (*path, element_of(item, schema)))
    return found


def _ownable(obj: Json) -> Json:
    metadata = {k: v for k, v in (obj.get("metadata") or {}).items() if k not in _UNOWNED_METADATA and v != {}}
    content = {k: v for k, v in obj.items() if k not in {"apiVersion", "kind", "metadata"}}
    if metadata:
        content["metadata"] = metadata
    return content


def to_fields_v1(fields: FieldSet) -> Json:
    root: Json = {}
    for path in sorted(fields):
        node = root
        for element in path:
            node = node.setdefault(element, {})
    for path in fields:
        node = root
        for element in path:
            node = node[element]
        if node:
            node["."] = {}
    return root


def from_fields_v1(tree: Json, path: Path = ()) -> FieldSet:
    found: set[Path] = set()
    for element, inner in tree.items():
        if element == ".":
            found.add(path)
        elif inner:
            found |= from_fields_v1(inner, (*path, element))
        else:
            found.add((*path, element))
    return frozenset(found)


def dotted(path: Path) -> str:
    """A path as conflict messages show it: `.spec.containers[name="web"].image`."""
    text = ""
    for element in path:
        kind, _, rest = element.partition(":")
        if kind == "f":
            text += f".{rest}"
        elif kind == "k":
            keys = json.loads(rest)
            text += "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in sorted(keys.items())) + "]"
        else:
            text += f"[={rest}]"
    return text
