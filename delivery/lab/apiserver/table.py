"""Lists and objects as `meta.k8s.io/v1` Tables, which is how `kubectl get` asks for them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from delivery.lab.apiserver.kinds import Column, Resource
from delivery.lab.apiserver.status import Json

_NAME_DESCRIPTION = "Name must be unique within a namespace."


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
    name = {"name": "Name", "type": "string", "format": "name", "description": _NAME_DESCRIPTION, "priority": 0}
    return [name, *(_definition(column) for column in columns)]


def _definition(column: Column) -> Json:
    return {
        "name": column.name,
        "type": column.type,
        "format": "",
        "description": column.description,
        "priority": column.priority,
    }


def _row(columns: Sequence[Column], obj: Json, include: str, now: datetime) -> Json:
    cells = [obj["metadata"].get("name", ""), *(_cell(column, obj, now) for column in columns)]
    row: Json = {"cells": cells}
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


def age(elapsed: Any) -> str:
    """A duration as kubectl shows ages: two units while they matter, then one."""
    seconds = int(elapsed.total_seconds())
    if seconds < -1:
        return "<invalid>"
    if seconds < 120:
        return f"{max(seconds, 0)}s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    years = days // 365
    return _two(years, "y", days % 365, "d") if years < 8 else f"{years}y"


def _two(major: int, major_unit: str, minor: int, minor_unit: str) -> str:
    return f"{major}{major_unit}" + (f"{minor}{minor_unit}" if minor else "")
