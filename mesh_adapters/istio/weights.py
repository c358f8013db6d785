"""Exact shares as Istio's integer weights.

Istio gives a destination weight / (sum of the rule's weights), and adds the weights of a rule up in an int32. A rule
with a single destination sends everything there, whatever its weight says; among several, a missing weight is 0.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

MAX_TOTAL = 2**31 - 1
PARTS = 1_000_000
"""A canary's share is kept to one part in a million: 0.0001 %."""
_TOTALS = tuple(10**power for power in range(2, 10))


def canary_share(percent: float) -> Fraction:
    """`percent`, from 0 to 100, as a fraction of 1, to the nearest part in a million.

    Only 0 itself is none, and only 100 itself is all."""
    parts = round(Fraction(percent) * PARTS / 100)
    if percent > 0:
        parts = max(parts, 1)
    if percent < 100:
        parts = min(parts, PARTS - 1)
    return Fraction(parts, PARTS)


def shares(weights: Sequence[int]) -> list[Fraction]:
    """The share of a rule's traffic that each destination gets. All 0 when Istio would refuse the rule."""
    if len(weights) == 1:
        return [Fraction(1)]
    total = sum(weights)
    return [Fraction(weight, total) if total else Fraction(0) for weight in weights]


def integer_weights(parts: Sequence[Fraction]) -> list[int]:
    """The weights that give exactly these shares, always the same ones for the same shares.

    They add up to 100 where that is exact, else to 1000, 10 000, ...; else they are the smallest integers. The sum
    may exceed MAX_TOTAL: ask `representable`.
    """
    smallest = _smallest_integers(parts)
    total = sum(smallest)
    for rounder in _TOTALS:
        if total and rounder % total == 0:
            return [weight * (rounder // total) for weight in smallest]
    return smallest


def representable(parts: Sequence[Fraction]) -> bool:
    return sum(_smallest_integers(parts)) <= MAX_TOTAL


def _smallest_integers(parts: Sequence[Fraction]) -> list[int]:
    whole = sum(parts, Fraction(0))
    if not whole:
        return [0 for _ in parts]
    exact = [part / whole for part in parts]
    denominator = lcm(*(part.denominator for part in exact))
    return [int(part * denominator) for part in exact]
