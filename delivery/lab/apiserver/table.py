"""Lists and objects as `meta.k8s.io/v1` Tables, which is how `kubectl get` asks for them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from delivery.lab.apiserver.kinds import Column, Resource
from delivery.lab.apiserver.status import Json

_NAME = Column(
    "Name",
    lambda obj: obj["metadata"].get("name", ""),
    format="name",
    description="Name must be unique within a namespace.",
)


def table(resource: Resource, objects: Sequence[Json], metadata: Json, include: str, now: datetime) -> Json:
    """A Table of `objects` (already in the served version); `include` is Object, Metadata or None."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": column_definitions(resource.columns),
        "rows": [_row(resource.columns, obj, include, now) for obj in objects],
    }


def column_definitions(columns: Sequence[Column]) -> list[Json]:
    return [_definition(column) for column in _with_name(columns)]


def _with_name(columns: Sequence[Column]) -> Sequence[Column]:
    return columns if any(column.format == "name" for column in columns) else (_NAME, *columns)


def _definition(column: Column) -> Json:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    }


def _row(columns: Sequence[Column], obj: Json, include: str, now: datetime) -> Json:
    row: Json = {"cells": [_cell(column, obj, now) for column in _with_name(columns)]}
    if include != "None":
        row["object"] = obj if include == "Object" else partial(obj)
    return row


def partial(obj: Json) -> Json:
    """An object's metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _cell(column: Column, obj: Json, now: datetime) -> Any:
    value = column.cell(obj)
    if not column.timestamp:
        return value
    return "<unknown>" if not value else age(now - _instant(value))


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def age(elapsed: timedelta) -> str:
    """A duration as kubectl shows ages: two units while they matter, then one."""
    seconds = int(elapsed.total_seconds())
    if seconds < -1:
        return "<invalid>"
    for limit, unit, minor in _AGE_UNITS:
        if seconds < limit:
            return _in_units(max(seconds, 0), unit, minor)
    return f"{seconds // _SECONDS['y']}y"


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "y": 365 * 86400}
_AGE_UNITS = (
    (120, "s", ""),
    (600, "m", "s"),
    (3 * 3600, "m", ""),
    (8 * 3600, "h", "m"),
    (48 * 3600, "h", ""),
    (8 * 86400, "d", "h"),
    (2 * 365 * 86400, "d", ""),
    (8 * 365 * 86400, "y", "d"),
)
"""Below how many seconds an age is shown in which unit, and which smaller one beside it."""


def _in_units(seconds: int, unit: str, minor: str) -> str:
    whole, rest = divmod(seconds, _SECONDS[unit])
    beside = rest // _SECONDS[minor] if minor else 0
    return f"{whole}{unit}" + (f"{beside}{minor}" if beside else "")
