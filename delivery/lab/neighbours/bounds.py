"""How far a rolling update may go: maxSurge and maxUnavailable in pods."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Bounds:
    """Pods: `desired`, how many more may exist, how many fewer may be available."""

    desired: int
    max_surge: int
    max_unavailable: int

    @property
    def most(self) -> int:
        """The most pods that may exist."""
        return self.desired + self.max_surge

    @property
    def fewest_available(self) -> int:
        """The fewest that must be available."""
        return self.desired - self.max_unavailable


def bounds_of(deployment: Mapping[str, Any]) -> Bounds:
    """The Deployment's bounds; a Recreate has none to keep (0 and 0).

    Raises ValueError when maxSurge or maxUnavailable is neither a number nor a percentage.
    """
    spec = deployment["spec"]
    desired = int(spec.get("replicas", 1))
    strategy = spec.get("strategy") or {}
    if strategy.get("type", "RollingUpdate") == "Recreate":
        return Bounds(desired, 0, 0)
    rolling = strategy.get("rollingUpdate") or {}
    surge = pods_of(rolling.get("maxSurge", "25%"), desired, round_up=True)
    unavailable = pods_of(rolling.get("maxUnavailable", "25%"), desired, round_up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1  # percentages of few pods may round to nothing, and a rollout must be able to move
    return Bounds(desired, surge, min(unavailable, desired))


def pods_of(value: int | str, desired: int, *, round_up: bool) -> int:
    """A number of pods, or a percentage such as "25%" of `desired`. Raises ValueError for anything else."""
    if isinstance(value, int):
        return value
    number, percent, rest = value.partition("%")
    if not percent or rest:
        raise ValueError(f"{value!r} is neither a number nor a percentage such as 25%")
    share = int(number) * desired
    return math.ceil(share / 100) if round_up else share // 100
