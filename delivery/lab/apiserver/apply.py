"""Server-side apply and the ownership of fields behind it (`metadata.managedFields`)."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from delivery.lab.apiserver.fieldsets import (
    FieldSet,
    Path,
    dotted,
    element_of,
    from_fields_v1,
    is_atomic,
    member_schema,
    owned_containers,
    owned_leaves,
    to_fields_v1,
)
from delivery.lab.apiserver.status import ApiError, Json


@dataclass(frozen=True, slots=True)
class Manager:
    """Who writes, how (`Apply` or `Update`), through which API version and, for status, which subresource."""

    name: str
    operation: str
    version: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    manager: Manager
    time: str
    fields: FieldSet


def entries_of(obj: Json) -> list[Entry]:
    return [
        Entry(
            Manager(raw["manager"], raw["operation"], raw.get("apiVersion", ""), raw.get("subresource", "")),
            raw.get("time", ""),
            from_fields_v1(raw.get("fieldsV1", {})),
        )
        for raw in obj["metadata"].get("managedFields") or []
    ]


def _written(entry: Entry) -> Json:
    raw: Json = {
        "manager": entry.manager.name,
        "operation": entry.manager.operation,
        "apiVersion": entry.manager.version,
        "time": entry.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": to_fields_v1(entry.fields),
    }
    if entry.manager.subresource:
        raw["subresource"] = entry.manager.subresource
    return raw


def with_entries(obj: Json, entries: Iterable[Entry]) -> Json:
    kept = [_written(entry) for entry in sorted(entries, key=_entry_order) if entry.fields]
    metadata = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
    if kept:
        metadata["managedFields"] = kept
    return {**obj, "metadata": metadata}


def _entry_order(entry: Entry) -> tuple[bool, str, str]:
    return entry.manager.operation != "Apply", entry.time, entry.manager.name


def recorded_update(old: Json | None, new: Json, schema: Json, manager: Manager, now: str) -> Json:
    """`new` with managedFields saying that `manager` set what differs from `old`."""
    before = owned_leaves(old, schema) if old else {}
    after = owned_leaves(new, schema)
    holders_before = owned_containers(old, schema) if old else frozenset()
    holders = owned_containers(new, schema)
    differing = frozenset(path for path, value in after.items() if path not in before or before[path] != value)
    changed = differing | (holders - holders_before)
    gone = (before.keys() - after.keys() - holders) | (holders_before - holders - after.keys())
    if old is not None and not changed and not gone:
        return with_entries(new, entries_of(old))
    entries = []
    mine: FieldSet = frozenset()
    for entry in entries_of(old) if old else []:
        if entry.manager == manager:
            mine = entry.fields
        else:
            entries.append(Entry(entry.manager, entry.time, entry.fields - changed - gone))
    entries.append(Entry(manager, now, (mine | changed) - gone))
    return with_entries(new, entries)


@dataclass(frozen=True, slots=True)
class Applied:
    """The outcome of an apply: the merged object and who owns what now."""

    obj: Json
    entries: tuple[Entry, ...]


def applied(
    live: Json | None, config: Json, filled: Json, schema: Json, manager: Manager, now: str, *, force: bool
) -> Applied:
    """Merge an applied configuration into the live object.

    `filled` is the configuration with defaults, by which its values compare with live ones. Fields this manager
    applied before and applies no longer are removed unless somebody else owns them too.

    Raises:
        ApiError: 409 when a field would change that another manager owns, unless `force`.
    """
    wanted = owned_leaves(config, schema)
    entries = entries_of(live) if live else []
    previous = next((entry.fields for entry in entries if entry.manager == manager), frozenset())
    others = [entry for entry in entries if entry.manager != manager]
    current = owned_leaves(live, schema) if live else {}
    meant = owned_leaves(filled, schema)
    differing = frozenset(p for p, value in wanted.items() if p in current and current[p] != meant.get(p, value))
    if not force:
        _refuse_conflicts(others, differing)
    merged = _merged(live, config, schema) if live else copy.deepcopy(config)
    owned_elsewhere = frozenset().union(*(entry.fields for entry in others))
    kept_fields = owned_elsewhere | wanted.keys()
    merged = _without(merged, previous - kept_fields, kept_fields, schema)
    kept = [Entry(entry.manager, entry.time, entry.fields - differing) for entry in others]
    time = next((e.time for e in entries if e.manager == manager and e.fields == frozenset(wanted)), now)
    return Applied(merged, (*kept, Entry(manager, time, frozenset(wanted))))


def _refuse_conflicts(others: list[Entry], differing: FieldSet) -> None:
    clashes = [(_called(entry.manager), dotted(path)) for entry in others for path in sorted(entry.fields & differing)]
    if not clashes:
        return
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": field} for who, field in clashes
    ]
    if len(clashes) == 1:
        said = f"1 conflict: conflict with {clashes[0][0]}: {clashes[0][1]}"
    else:
        said = f"{len(clashes)} conflicts: {_grouped(clashes)}"
    raise ApiError(409, "Conflict", f"Apply failed with {said}", {"causes": causes})


def _called(manager: Manager) -> str:
    """A manager as conflict messages name it."""
    through = f' with subresource "{manager.subresource}"' if manager.subresource else ""
    using = f" using {manager.version}" if manager.operation == "Update" else ""
    return f'"{manager.name}"{through}{using}'


def _grouped(clashes: list[tuple[str, str]]) -> str:
    lines = []
    for who in sorted({who for who, _ in clashes}):
        lines += [f"conflicts with {who}:", *(f"- {field}" for other, field in clashes if other == who)]
    return "\n".join(lines)


def _merged(live: Any, config: Any, schema: Json) -> Any:
    if is_atomic(config, schema) or type(live) is not type(config):
        return live if config == {} and isinstance(live, dict) else copy.deepcopy(config)
    if isinstance(config, dict):
        result = dict(live)
        for name, item in config.items():
            result[name] = (
                _merged(live[name], item, member_schema(schema, name)) if name in live else copy.deepcopy(item)
            )
        return result
    return _merged_elements(live, config, schema)


def _merged_elements(live: list[Any], config: list[Any], schema: Json) -> list[Any]:
    """Elements of a set or keyed list: the live ones where they are, then those that are new."""
    wanted = {element_of(item, schema): item for item in config}
    items = schema.get("items", {})
    result = []
    for item in live:
        found = wanted.pop(element_of(item, schema), None)
        result.append(item if found is None else _merged(item, found, items))
    return result + [copy.deepcopy(item) for item in wanted.values()]


def _without(value: Any, gone: FieldSet, kept: FieldSet, schema: Json) -> Any:
    """`value` less the fields `gone`; what holds a field that is kept stays as its container."""
    holding = {path[:length] for path in kept for length in range(1, len(path))}
    for path in sorted(gone - holding, key=len):
        value = _removed(value, path, schema)
    return value


def _removed(value: Any, path: Path, schema: Json) -> Any:
    """`value` without the field at `path`; a structure that only existed to hold it goes too."""
    head, rest = path[0], path[1:]
    if isinstance(value, dict):
        name = head.removeprefix("f:")
        if name not in value:
            return value
        others = {key: item for key, item in value.items() if key != name}
        if not rest:
            return others
        inner = _removed(value[name], rest, member_schema(schema, name))
        return others if inner in ({}, []) and value[name] not in ({}, []) else {**value, name: inner}
    if not isinstance(value, list):
        return value
    return _removed_from_list(value, head, rest, schema)


def _removed_from_list(value: list[Any], head: str, rest: Path, schema: Json) -> list[Any]:
    identity = {f"f:{key}" for key in schema.get("x-kubernetes-list-map-keys", [])}
    result = []
    for item in value:
        if element_of(item, schema) != head:
            result.append(item)
        elif rest:
            # An element that stays must keep the keys it is known by.
            names_it = len(rest) == 1 and rest[0] in identity
            result.append(item if names_it else _removed(item, rest, schema.get("items", {})))
    return result
