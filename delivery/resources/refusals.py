"""What pydantic refuses, as sentences: the field's path, what is wrong, what was there."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

_PLAINLY = {
    "model_type": "not an object",
    "model_attributes_type": "not an object",
    "tuple_type": "not a list",
    "union_tag_not_found": "kind is missing; write errorRate, latency, counterRatio or gaugeMean",
    "union_tag_invalid": "no such kind; write errorRate, latency, counterRatio or gaugeMean",
    "too_short": "at least one is needed",
}


def sentences(
    problem: ValidationError, root: str = "", *, tagged: tuple[str, ...] = (), confidential: bool = False
) -> list[str]:
    """One sentence a mistake. `root` begins every path; entries of the list at `tagged` are a choice by a
    discriminator, whose tag pydantic puts into the path though no user wrote it there. What was there is left out
    where it may be `confidential`."""
    errors = problem.errors()
    return [
        f"{_field_path(error['loc'], root, tagged)}: {_what(error, confidential)}"
        for error in errors
        if not _follows(error, errors)
    ]


def _follows(error: Any, errors: list[Any]) -> bool:
    """Whether a list is only too short because an entry of it is already refused."""
    location = error["loc"]
    return error["type"] == "too_short" and any(
        len(other["loc"]) > len(location) and other["loc"][: len(location)] == location for other in errors
    )


def _field_path(location: tuple[int | str, ...], root: str, tagged: tuple[str, ...]) -> str:
    depth = len(tagged)
    if tagged and location[:depth] == tagged:
        location = (*location[: depth + 1], *location[depth + 2 :])
    path = root + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".") or "the whole"


def _what(error: Any, confidential: bool) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown field; remove it or correct its name"
    said = _PLAINLY.get(error["type"], error["msg"].removeprefix("Value error, "))
    return said if confidential else f"{said} (got {error['input']!r})"
