"""Durations as Kubernetes users write them: `30s`, `1m30s`, `250ms`, `2h`."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_MILLISECONDS = {"ms": 1.0, "s": 1e3, "m": 60e3, "h": 3600e3}
_LONGEST_S = 366 * 24 * 3600.0  # beyond it a deadline would lie outside what a calendar can hold


def parse_duration(value: Any) -> float:
    """Seconds of a duration such as `1m30s`, in whole milliseconds, at most a year.

    Raises ValueError, with the way to write it, for anything else.
    """
    if not isinstance(value, str) or not re.fullmatch(PATTERN, value):
        raise ValueError(f"not a duration: {value!r}; write it like 30s, 1m30s, 250ms or 2h")
    milliseconds = sum(float(amount) * _MILLISECONDS[unit] for amount, unit in _PART.findall(value))
    if milliseconds > _LONGEST_S * 1e3:
        raise ValueError(f"longer than a year: {value!r}")
    if abs(milliseconds - round(milliseconds)) > 1e-3:
        raise ValueError(f"finer than a millisecond: {value!r}")
    return round(milliseconds) / 1e3


def format_duration(seconds: float) -> str:
    """The shortest way to write `seconds` (0.25 -> 250ms, 90 -> 1m30s)."""
    milliseconds = round(seconds * 1000)
    if milliseconds % 1000:
        return f"{milliseconds}ms"
    whole = milliseconds // 1000
    parts = [(whole // 3600, "h"), (whole % 3600 // 60, "m"), (whole % 60, "s")]
    return "".join(f"{amount}{unit}" for amount, unit in parts if amount) or "0s"


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PATTERN}),
]
