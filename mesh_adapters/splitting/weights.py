"""Exact shares as integer weights.

Every mesh gives a destination weight / (sum of the rule's weights). A rule with a single destination sends everything
there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import Any

Weight = int | Fraction
PARTS = 1_000_000
"""A canary's share is kept to one part in a million: 0.0001 %."""
_TOTALS = tuple(10**power for power in range(2, 10))


@dataclass(frozen=True, slots=True)
class Limit:
    """What a mesh takes as the weights of one rule: the largest, and their sum."""

    each: int = 2**31 - 1
    total: int = 2**31 - 1

    def allows(self, weights: Sequence[int]) -> bool:
        return max(weights, default=0) <= self.each and sum(weights) <= self.total


def below_zero(entry: Mapping[str, Any]) -> str | None:
    """What is wrong with the weight of a destination that says one below 0."""
    weight = entry.get("weight") or 0
    return f".weight is {weight}: write 0 or more" if weight < 0 else None


@lru_cache(maxsize=1024)
def canary_share(percent: float) -> Fraction:
    """`percent`, from 0 to 100, as a fraction of 1, to the nearest part in a million.

    Only 0 itself is none, and only 100 itself is all."""
    parts = round(Fraction(percent) * PARTS / 100)
    if percent > 0:
        parts = max(parts, 1)
    if percent < 100:
        parts = min(parts, PARTS - 1)
    return Fraction(parts, PARTS)


@lru_cache(maxsize=4096)
def shares(weights: tuple[Weight, ...]) -> tuple[Fraction, ...]:
    """The share of a rule's traffic that each destination gets. All 0 when no weight is above it."""
    if len(weights) == 1:
        return (Fraction(1),)
    total = sum(weights)
    return tuple(Fraction(weight) / total if total else Fraction(0) for weight in weights)


def integer_weights(parts: Sequence[Fraction], limit: Limit) -> list[int]:
    """The weights that give exactly these shares, always the same ones for the same shares.

    They add up to 100 where that is exact, else to 1000, 10 000, ...; else they are the smallest integers, which may
    still be more than the limit.
    """
    smallest = smallest_integers(parts)
    total = sum(smallest)
    for rounder in _TOTALS:
        if total and rounder % total == 0:
            weights = [weight * (rounder // total) for weight in smallest]
            return weights if limit.allows(weights) else smallest
    return smallest


def smallest_integers(parts: Sequence[Fraction]) -> list[int]:
    """The smallest integers in the proportion of `parts`."""
    whole = sum(parts, Fraction(0))
    if not whole:
        return [0 for _ in parts]
    exact = [part / whole for part in parts]
    denominator = lcm(*(part.denominator for part in exact))
    return [int(part * denominator) for part in exact]
