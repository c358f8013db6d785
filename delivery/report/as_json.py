"""The report as plain JSON.

The names are those of the view's dataclasses in camel case and stay as they are: fields are added, never renamed.
`schemaVersion` grows only when one has to go. Every field called `at` or ending in `At` is an RFC 3339 time; `after`
(it began) and `seconds` are seconds, `...Ms` milliseconds, `weight` and its kin percent, rates and shares
parts of 1, evidence and thresholds natural logarithms. An interval is a list of two numbers. What is not known is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from math import isfinite
from typing import Any

from pydantic.alias_generators import to_camel

from delivery.clock import to_rfc3339
from delivery.report.view import view
from delivery.resources.release import Release

SCHEMA_VERSION = 1
_AS_THEY_ARE = {str, int, bool, type(None)}


def to_json(release: Release, now: float) -> dict[str, Any]:
    """The view of a Release as dicts, lists, strings, numbers, booleans and None."""
    return {"schemaVersion": SCHEMA_VERSION, **_plain(view(release, now))}


def _plain(value: Any) -> Any:
    kind: type = type(value)
    if kind in _AS_THEY_ARE:  # nearly all there is, so it is asked first
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}  # names of the user's, left as they are
    if is_dataclass(value):
        return {key: (_time if is_time else _plain)(getattr(value, name)) for name, key, is_time in _parts(kind)}
    return value


@cache
def _parts(kind: type) -> tuple[tuple[str, str, bool], ...]:
    """Each field of a dataclass, what it is called in the report, and whether it is a time."""
    names = [each.name for each in fields(kind)]
    return tuple((name, to_camel(name), name == "at" or name.endswith("_at")) for name in names)


def _time(value: Any) -> Any:
    return to_rfc3339(value) if isinstance(value, float | int) else _plain(value)
