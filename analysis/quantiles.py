"""Which bucket a quantile lies in, at all times at once: never narrower than the bucket."""

from math import isfinite

import numpy as np
from scipy.special import betaln

from analysis.latency_evidence import CANARY, STABLE, LatencyEvidence
from analysis.proportion import Floats

QUANTILES = (0.5, 0.95, 0.99)
Ends = list[float | None]
Brackets = dict[str, dict[str, Ends]]


def bracket(cells: Floats, bounds: Floats, quantile: float, alpha: float) -> tuple[Floats, Floats]:
    """Cell counts (r, C) under upper bounds (C,) -> the ends (r,) of an interval (low, high] that holds the
    quantile.

    A bound counts as below (above) the quantile when "the share of requests within it is exactly the
    quantile" is refuted from below (above) by the Beta(1/2, 1/2) mixture of likelihood ratios reaching
    C/alpha: all bounds and all times at once err with probability at most alpha when requests are independent
    and their law is steady.
    """
    within = np.cumsum(cells, axis=1)
    total = within[:, -1:]
    rest = total - within
    evidence = betaln(0.5 + within, 0.5 + rest) - betaln(0.5, 0.5)
    evidence = evidence - within * np.log(quantile) - rest * np.log1p(-quantile)
    sure = evidence >= np.log(bounds.size / alpha)
    below = sure & (within < quantile * total)
    above = sure & (within > quantile * total)
    low = np.where(below, bounds, 0.0).max(axis=1)
    high = np.where(above, bounds, np.inf).min(axis=1)
    return low, high


def brackets(latency: LatencyEvidence, alpha: float) -> list[Brackets]:
    """Per release, and each of p50, p95 and p99, the interval of stable, of the canary and of the canary's less
    stable's, milliseconds; None for an end that is not known. All three hold at all times at once with probability
    1 - alpha. Empty where latency is not judged or no histogram came.
    """
    found: list[Brackets] = [{} for _ in latency.kept]
    for bounds, rows in latency.alike():
        axis = np.array(bounds)
        for quantile in QUANTILES:
            stable, canary = (
                bracket(latency.cells[rows, arm, : len(bounds)], axis, quantile, alpha / 2.0)
                for arm in (STABLE, CANARY)
            )
            ends = np.stack([*stable, *canary], axis=1).tolist()
            for row, four in zip(rows.tolist(), ends, strict=True):
                found[row][f"p{round(100 * quantile)}"] = _told(*four)
    return found


def _told(stable_low: float, stable_high: float, canary_low: float, canary_high: float) -> dict[str, Ends]:
    return {
        "stable_ms": [_known(stable_low), _known(stable_high)],
        "canary_ms": [_known(canary_low), _known(canary_high)],
        "difference_ms": [_known(canary_low - stable_high), _known(canary_high - stable_low)],
    }


def _known(end: float) -> float | None:
    return end if isfinite(end) else None
