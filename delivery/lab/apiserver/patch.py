"""The four ways a PATCH body changes an object: JSON patch, merge patch, strategic merge; apply has its own file."""

import copy
from typing import Any

import jsonpatch

from delivery.lab.apiserver.status import ApiError, Json, bad_request

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

_DIRECTIVES = frozenset({"$patch", "$retainKeys"})
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
        ApiError: 400 for a list element without its merge key, or an unknown directive.
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
    for name, item in change.items():
        if name not in _DIRECTIVES and not name.startswith("$"):
            inner = properties.get(name) or schema.get("additionalProperties") or {}
            _patch_member(result, name, item, inner if isinstance(inner, dict) else {})
    _apply_list_directives(result, change, properties)
    return result


def _patch_member(result: Json, name: str, item: Any, schema: Json) -> None:
    if item is None:
        result.pop(name, None)
    elif isinstance(item, dict):
        current = result.get(name)
        result[name] = strategic_patched(current if isinstance(current, dict) else {}, item, schema)
    elif isinstance(item, list) and schema.get("x-kubernetes-patch-strategy") == "merge":
        result[name] = _merged_list(result.get(name) or [], item, schema)
    else:
        result[name] = copy.deepcopy(item)


def _merged_list(current: list[Any], changes: list[Any], schema: Json) -> list[Any]:
    key = schema.get("x-kubernetes-patch-merge-key")
    if key is None:
        return current + [item for item in changes if item not in current]
    if {"$patch": "replace"} in changes:
        return [copy.deepcopy(item) for item in changes if item != {"$patch": "replace"}]
    result = list(current)
    for change in changes:
        if not isinstance(change, dict) or key not in change:
            raise bad_request(f"map: {change} does not contain declared merge key: {key}")
        _merge_element(result, change, key, schema["items"])
    return result


def _merge_element(result: list[Any], change: Json, key: str, schema: Json) -> None:
    found = [index for index, item in enumerate(result) if item.get(key) == change[key]]
    if change.get("$patch") == "delete":
        result[:] = [item for item in result if item.get(key) != change[key]]
    elif found:
        result[found[0]] = strategic_patched(result[found[0]], change, schema)
    else:
        result.append(strategic_patched({}, change, schema))


def _apply_list_directives(result: Json, change: Json, properties: Json) -> None:
    for name, listed in change.items():
        if name.startswith(_DELETE):
            target = name.removeprefix(_DELETE)
            result[target] = [item for item in result.get(target) or [] if item not in listed]
    for name, listed in change.items():
        if name.startswith(_ORDER):
            target = name.removeprefix(_ORDER)
            key = properties.get(target, {}).get("x-kubernetes-patch-merge-key")
            if isinstance(result.get(target), list):
                result[target] = _ordered(result[target], listed, key)


def _ordered(items: list[Any], order: list[Any], key: str | None) -> list[Any]:
    """Elements named in `order` in that order; the others keep their place relative to what precedes them."""
    wanted = [entry.get(key) if key and isinstance(entry, dict) else entry for entry in order]
    identities = [item.get(key) if key and isinstance(item, dict) else item for item in items]
    ranked: list[tuple[int, int, Any]] = []
    last = -1
    for position, (identity, item) in enumerate(zip(identities, items, strict=True)):
        if identity in wanted:
            last = wanted.index(identity)
        ranked.append((last, position, item))
    return [item for _, _, item in sorted(ranked, key=lambda entry: entry[:2])]
