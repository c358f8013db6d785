"""Reading what the record keeps without a schema: what is not there, or not as expected, is None."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from delivery.errors import InvalidSpec
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Evidence, Release


def number_or_none(value: Any) -> float | None:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if isfinite(value) else None


def numbers(value: Any) -> list[float] | None:
    """A list of finite numbers."""
    if not isinstance(value, list | tuple):
        return None
    found = [number_or_none(item) for item in value]
    known = [item for item in found if item is not None]
    return known if len(known) == len(found) else None


def pair_or_none(value: Any) -> tuple[float, float] | None:
    """Two finite numbers."""
    found = numbers(value)
    return (found[0], found[1]) if found is not None and len(found) == 2 else None


def ends(value: Any) -> tuple[float | None, float | None]:
    """An interval of which either end may be open."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None, None
    return number_or_none(value[0]), number_or_none(value[1])


def mapping(value: Any) -> Mapping[str, Any]:
    """A mapping, empty where it is none."""
    return value if isinstance(value, Mapping) else {}


def newest_look(release: Release) -> Evidence | None:
    """The last thing that was known, None before anything was judged."""
    status = release.status
    return status.evidence or (status.decisions[-1] if status.decisions else None)


def policy_or_none(release: Release) -> DeliveryPolicySpec | None:
    """The policy as it was; None where the record was damaged."""
    try:
        return release.spec.delivery_policy
    except InvalidSpec:
        return None
