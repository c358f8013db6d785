"""Error rates with the interval everybody knows, beside the one that holds at all times."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any

from delivery.report.recorded import mapping, number_or_none, pair_or_none

Ends = tuple[float, float]
COVERAGE = 0.95
_Z = NormalDist().inv_cdf(0.5 + COVERAGE / 2)


@dataclass(frozen=True, slots=True)
class ArmView:
    """One arm's requests. `wilson` is the 95 % interval of a single look; `always` the recorded one, which holds with
    95 % at all looks together and counts noisy instances for less. None where there is nothing to estimate.
    """

    requests: float | None
    errors: float | None
    rate: float | None
    wilson: Ends | None
    always: Ends | None = None


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """How the canary's error rate compares with stable's, with 95 % at all looks together: as a ratio, compared within
    each tick, and as a difference, as a share of 1. None for what is not known; an upper end may be open.
    """

    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None


def comparison_view(detail: Any) -> ComparisonView | None:
    """None where the record has no comparison."""
    kept = ("ratio", "ratio_lower", "ratio_upper", "difference", "difference_lower", "difference_upper")
    found = [number_or_none(mapping(detail).get(name)) for name in kept]
    return None if found[0] is None and found[3] is None else ComparisonView(*found)


def wilson(errors: float, requests: float) -> Ends | None:
    """The 95 % score interval of an error rate from one look; None without requests.

    Shapes: two counts, which may be fractions. Guarantee: about 95 % for independent requests of one steady rate at a
    look that was fixed in advance; not uniform in time. E. B. Wilson, "Probable inference, the law of succession, and
    statistical inference", Journal of the American Statistical Association 22 (1927), 209-212.
    """
    if requests <= 0:
        return None
    rate = min(1.0, max(0.0, errors / requests))
    shrunk = 1.0 + _Z * _Z / requests
    middle = (rate + _Z * _Z / (2.0 * requests)) / shrunk
    half = _Z * sqrt(rate * (1.0 - rate) / requests + _Z * _Z / (4.0 * requests * requests)) / shrunk
    low = 0.0 if rate == 0.0 else max(0.0, middle - half)
    return low, 1.0 if rate == 1.0 else min(1.0, middle + half)


def arm_view(requests: float | None, errors: float | None, rate: Any = None, always: Any = None) -> ArmView:
    """One arm by its counts; where the record has none, by its recorded rate alone."""
    if requests is None or errors is None:
        return ArmView(None, None, number_or_none(rate), None, pair_or_none(always))
    if requests <= 0:
        return ArmView(requests, errors, None, None)
    return ArmView(requests, errors, errors / requests, wilson(errors, requests), pair_or_none(always))
