"""Latency of both arms: quantiles as they were bracketed, and the distributions where the record keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from delivery.report.recorded import ends, mapping, number_or_none, numbers

OpenEnds = tuple[float | None, float | None]
_STABLE, _CANARY = 1, 2  # the record's first row is a fading memory of stable, which is no count


@dataclass(frozen=True, slots=True)
class QuantileView:
    """Where a quantile lies, in milliseconds, with 95 % at all times at once; an open end is None."""

    name: str
    stable_ms: OpenEnds
    canary_ms: OpenEnds
    difference_ms: OpenEnds


@dataclass(frozen=True, slots=True)
class BucketView:
    """Requests that took more than `above_ms` and at most `up_to_ms` (None: any longer), as counts and shares of 1."""

    above_ms: float
    up_to_ms: float | None
    stable: float
    canary: float
    stable_share: float
    canary_share: float


@dataclass(frozen=True, slots=True)
class HistogramView:
    """Both arms' judged requests by how long they took; buckets that are empty at either end are left out."""

    stable_requests: float
    canary_requests: float
    buckets: tuple[BucketView, ...]


def quantile_views(detail: Mapping[str, Any]) -> tuple[QuantileView, ...]:
    """The quantiles of a metric's detail, in the order they were recorded."""
    found = mapping(detail.get("quantiles"))
    return tuple(
        QuantileView(str(name), *(ends(mapping(told).get(key)) for key in ("stable_ms", "canary_ms", "difference_ms")))
        for name, told in found.items()
    )


def histogram_view(state: Mapping[str, Any]) -> HistogramView | None:
    """The distributions in a judge's state; None where it keeps none, or not for both arms."""
    latency = mapping(state.get("latency"))
    upper, cells = latency.get("bounds"), latency.get("cells")
    if not isinstance(upper, list) or not isinstance(cells, list) or len(cells) <= _CANARY:
        return None
    stable, canary = numbers(cells[_STABLE]), numbers(cells[_CANARY])
    if stable is None or canary is None or not len(upper) == len(stable) == len(canary):
        return None
    total_stable, total_canary = sum(stable), sum(canary)
    if min(total_stable, total_canary) <= 0:
        return None
    bounds = [number_or_none(bound) for bound in upper]
    buckets = [
        BucketView(low or 0.0, high, n_s, n_c, n_s / total_stable, n_c / total_canary)
        for (low, high), n_s, n_c in zip(pairwise([0.0, *bounds]), stable, canary, strict=True)
    ]
    return HistogramView(total_stable, total_canary, _without_empty_ends(buckets))


def _without_empty_ends(buckets: list[BucketView]) -> tuple[BucketView, ...]:
    served = [at for at, bucket in enumerate(buckets) if bucket.stable > 0 or bucket.canary > 0]
    return tuple(buckets[served[0] : served[-1] + 1])
