"""Which bucket a quantile lies in, at all times at once: never narrower than the bucket."""

import numpy as np
from scipy.special import betaln

from analysis.proportion import Floats

QUANTILES = (0.5, 0.95, 0.99)


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
