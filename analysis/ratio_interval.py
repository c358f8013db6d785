"""A time-uniform interval for the ratio of two error rates, from a running log likelihood over a fixed grid of ratios."""

import numpy as np

from analysis.onset import log_sum_exp
from analysis.proportion import Floats, canary_part

GRID = np.exp(np.linspace(np.log(0.05), np.log(50.0), 64))


def grid_log_likelihood(n_c: Floats, e_c: Floats, n_s: Floats, e_s: Floats) -> Floats:
    """The tick's `L(g) = e_c ln theta(g) + e_s ln(1 - theta(g))`: (r,) each -> (r, 64). Zero where an arm has no requests."""
    usable = ((n_c > 0) & (n_s > 0))[:, None]
    theta = canary_part(np.where(usable, n_c[:, None], 1.0), np.where(usable, n_s[:, None], 1.0), GRID)
    return np.where(usable, e_c[:, None] * np.log(theta) + e_s[:, None] * np.log1p(-theta), 0.0)


def ratio_interval(log_likelihood: Floats, alpha: float) -> tuple[Floats, Floats, Floats]:
    """Lower end, likeliest ratio on the grid, upper end: (R, 64) -> three (R,).

    `{psi : ln mean_g exp(L(g)) - L(psi) < ln(1/alpha)}` covers the ratio at all times at once with probability 1 - alpha. Between grid
    points L is taken linear; an end beyond the grid is 0 or infinite.
    """
    mean = log_sum_exp(log_likelihood) - np.log(GRID.size)
    slack = np.log(1.0 / alpha) - (mean[:, None] - log_likelihood)
    peak = log_likelihood.argmax(axis=1)
    lower = _crossing(slack, rising=True)
    upper = _crossing(slack[:, ::-1], rising=False)
    return lower, GRID[peak], upper


def _crossing(slack: Floats, *, rising: bool) -> Floats:
    """Where slack first becomes positive along the grid, (R,)."""
    axis = np.log(GRID) if rising else np.log(GRID)[::-1]
    first = (slack > 0).argmax(axis=1)
    rows = np.arange(slack.shape[0])
    before = np.maximum(first - 1, 0)
    inside, outside = slack[rows, first], slack[rows, before]
    part = np.where(first > 0, inside / np.where(first > 0, inside - outside, 1.0), 0.0)
    crossed = np.exp(axis[first] + part * (axis[before] - axis[first]))
    return np.where(first > 0, crossed, 0.0 if rising else np.inf)
