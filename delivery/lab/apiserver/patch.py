"""The four ways a PATCH body changes an object: JSON patch, merge patch, strategic merge; apply has its own file."""

import copy
from typing import Any

import jsonpatch

from delivery.lab.apiserver.status import ApiError, Json, bad_request

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

_REPLACE = {"$patch": "replace"}
_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"


def json_patched(obj: Json, operations: Any) -> Json:
    """RFC 6902, applied to a copy.

    Raises:
        ApiError: 400 when the body is not a list of operations, 422 when one cannot be carried out.
    """
    if not isinstance(operations, list):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    try:
        patched: Json = jsonpatch.JsonPatch(operations).apply(obj)
    except (
        jsonpatch.JsonPatchException,
        jsonpatch.JsonPointerException,
        KeyError,
        TypeError,
        AttributeError,
    ) as failed:
        message = "the server rejected our request due to an error in our request"
        raise ApiError(422, "Invalid", message, {}) from failed
    return patched


def merge_patched(value: Any, change: Any) -> Any:
    """RFC 7386: null removes, objects merge, everything else replaces."""
    if not isinstance(change, dict):
        return copy.deepcopy(change)
    result = dict(value) if isinstance(value, dict) else {}
    for name, item in change.items():
        if item is None:
            result.pop(name, None)
        else:
            result[name] = merge_patched(result.get(name), item)
    return result


def strategic_patched(value: Json, change: Json, schema: Json) -> Json:
    """Kubernetes' strategic merge: like a merge patch, but lists merge by the key their schema names.

    Honours `$patch: delete|replace|merge`, `$retainKeys`, `$setElementOrder/…` and `$deleteFromPrimitiveList/…`.

    Raises:
        ApiError: 400 for an unknown directive, 500 (as the real server says it) for an element without its merge key.
    """
    directive = change.get("$patch", "merge")
    if directive == "replace":
        return {name: copy.deepcopy(item) for name, item in change.items() if name != "$patch"}
    if directive == "delete":
        return {}
    if directive != "merge":
        raise bad_request(f"unknown $patch directive {directive!r}: use merge, replace or delete")
    retained = change.get("$retainKeys")
    result = {name: item for name, item in value.items() if retained is None or name in retained}
    properties = schema.get("properties", {})
    for name in _touched(change):
        inner = properties.get(name) or schema.get("additionalProperties") or {}
        _patch_member(result, name, change, inner if isinstance(inner, dict) else {})
    return result


def _touched(change: Json) -> list[str]:
    """Names of the fields a patch says something about, directly or by a list directive."""
    names = [name for name in change if not name.startswith("$")]
    listed = [name.partition("/")[2] for name in change if name.startswith((_ORDER, _DELETE))]
    return list(dict.fromkeys([*names, *listed]))


def _patch_member(result: Json, name: str, change: Json, schema: Json) -> None:
    item = change.get(name)
    by_directive = _ORDER + name in change or _DELETE + name in change
    if isinstance(item, list) or by_directive:
        _patch_list(result, name, change, schema)
    elif item is None:
        result.pop(name, None)
    elif isinstance(item, dict):
        current = result.get(name)
        result[name] = strategic_patched(current if isinstance(current, dict) else {}, item, schema)
    else:
        result[name] = item


def _patch_list(result: Json, name: str, change: Json, schema: Json) -> None:
    changes = change.get(name) or []
    if schema.get("x-kubernetes-patch-strategy") != "merge" or _REPLACE in changes:
        result[name] = [copy.deepcopy(item) for item in changes if item != _REPLACE]
        return
    before = result.get(name) or []
    key = schema.get("x-kubernetes-patch-merge-key")
    unwanted = change.get(_DELETE + name) or []
    merged = [item for item in _merged_list(before, changes, key, schema) if item not in unwanted]
    order = change.get(_ORDER + name) or [item for item in changes if not _deletes(item)]
    if merged or before:
        result[name] = _interleaved(merged, before, order, key)


def _deletes(item: Any) -> bool:
    return isinstance(item, dict) and item.get("$patch") == "delete"


def _merged_list(current: list[Any], changes: list[Any], key: str | None, schema: Json) -> list[Any]:
    if key is None:
        return current + [item for item in changes if item not in current]
    result = list(current)
    for change in changes:
        if not isinstance(change, dict) or key not in change:
            fields = sorted(change.items()) if isinstance(change, dict) else [("", change)]
            shown = " ".join(f"{name}:{value}" for name, value in fields)
            raise ApiError(500, "", f"map: map[{shown}] does not contain declared merge key: {key}")
        _merge_element(result, change, key, schema["items"])
    return result


def _merge_element(result: list[Any], change: Json, key: str, schema: Json) -> None:
    found = [index for index, item in enumerate(result) if item.get(key) == change[key]]
    if _deletes(change):
        result[:] = [item for item in result if item.get(key) != change[key]]
    elif found:
        result[found[0]] = strategic_patched(result[found[0]], change, schema)
    else:
        result.append(strategic_patched({}, change, schema))


def _interleaved(items: list[Any], before: list[Any], order: list[Any], key: str | None) -> list[Any]:
    """The merged elements in the patch's order; those it does not name go where the list had them before.

    An unnamed element precedes a named one only when it did so before; a new element thus comes first.
    """

    def identity(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    ranks = [identity(item) for item in order]
    places = [identity(item) for item in before]
    named = sorted((item for item in items if identity(item) in ranks), key=lambda item: ranks.index(identity(item)))
    others = [item for item in items if identity(item) not in ranks]
    result = []
    while named and others:
        both = identity(named[0]) in places and identity(others[0]) in places
        first = both and places.index(identity(others[0])) < places.index(identity(named[0]))
        result.append(others.pop(0) if first else named.pop(0))
    return result + named + others
