"""A time-uniform interval for the ratio of two error rates, from a running log likelihood over a fixed grid
of ratios.
"""

import numpy as np

from analysis.onset import log_sum_exp
from analysis.proportion import Floats, Rows

LOG_GRID = np.linspace(np.log(0.05), np.log(50.0), 64)
GRID = np.exp(LOG_GRID)
SINGLE = GRID.astype(np.float32)  # a part in ten million of what an error tells is nothing beside what it tells
SPACING = float(LOG_GRID[1] - LOG_GRID[0])
BISECTIONS = 40
# Ticks at a time: what they need stays in a processor cache.
AT_ONCE = 1024


def grid_log_likelihood(n_c: Floats, e_c: Floats, n_s: Floats, e_s: Floats) -> Floats:
    """`L(g) = e_c ln theta(g) + e_s ln(1 - theta(g))`, summed over the B ticks: (r, B) each -> (r, 64). A tick in
    which an arm has no requests adds nothing.
    """
    usable = (n_c > 0) & (n_s > 0)
    odds = np.where(usable, n_c, 1.0) / np.where(usable, n_s, 1.0)
    on_canary = np.where(usable, e_c, 0.0)
    errors = on_canary + np.where(usable, e_s, 0.0)
    # with theta = g odds/(1 + g odds): ln theta = ln g + ln odds - ln(1 + g odds)
    total = on_canary.sum(axis=1)[:, None] * LOG_GRID
    total += (on_canary * np.log(odds)).sum(axis=1)[:, None]
    told = np.flatnonzero(errors.any(axis=1))
    size = max(1, AT_ONCE // n_c.shape[1])
    for start in range(0, told.size, size):
        part = told[start : start + size]
        for first in range(0, n_c.shape[1], AT_ONCE):
            ticks = slice(first, first + AT_ONCE)
            beyond = np.log1p(odds[part, ticks, None].astype(np.float32) * SINGLE)
            total[part] -= np.einsum("rb,rbg->rg", errors[part, ticks], beyond)
    return np.asarray(total)


def ratio_interval(log_likelihood: Floats, alpha: float) -> tuple[Floats, Floats, Floats]:
    """Lower end, likeliest ratio, upper end: (R, 64) -> three (R,).

    `{psi : ln mean_g exp(L(g)) - L(psi) < ln(1/alpha)}` covers a constant ratio at all times at once with
    probability 1 - alpha (Ville; the mean over the grid is a mixture of likelihood ratios). L is smooth in ln
    psi, and cubic between its grid values here; an end beyond the grid is 0 or infinite.
    """
    threshold = log_sum_exp(log_likelihood) - np.log(GRID.size) - np.log(1.0 / alpha)
    inside = log_likelihood > threshold[:, None]
    peak = log_likelihood.argmax(axis=1)
    first = inside.argmax(axis=1)
    last = GRID.size - 1 - inside[:, ::-1].argmax(axis=1)
    lower = np.where(first > 0, _crossing(log_likelihood, threshold, first, first - 1), 0.0)
    upper = np.where(last < GRID.size - 1, _crossing(log_likelihood, threshold, last, last + 1), np.inf)
    return lower, _vertex(log_likelihood, peak), upper


def _crossing(values: Floats, threshold: Floats, inside: Rows, outside: Rows) -> Floats:
    """The ratio between grid points `inside` and `outside` (r,) at which L falls to the threshold, by
    bisection.
    """
    start = np.clip(np.minimum(inside, outside) - 1, 0, GRID.size - 4)
    good, bad = (inside - start).astype(float), (outside - start).astype(float)
    for _ in range(BISECTIONS):
        middle = 0.5 * (good + bad)
        above = _cubic(values, start, middle) > threshold
        good, bad = np.where(above, middle, good), np.where(above, bad, middle)
    return np.asarray(np.exp(LOG_GRID[0] + SPACING * (start + good)))


def _cubic(values: Floats, start: Rows, x: Floats) -> Floats:
    """The cubic through the four grid values from `start` on, x grid spacings to its right."""
    rows = np.arange(values.shape[0])
    v0, v1, v2, v3 = (values[rows, start + k] for k in range(4))
    d1, d2, d3 = v1 - v0, v2 - 2 * v1 + v0, v3 - 3 * v2 + 3 * v1 - v0
    return np.asarray(v0 + x * (d1 + (x - 1) / 2 * (d2 + (x - 2) / 3 * d3)))


def _vertex(values: Floats, peak: Rows) -> Floats:
    """The ratio where L is largest, by fourth-order differences around the highest grid value; near an end,
    that grid value.
    """
    rows = np.arange(values.shape[0])
    middle = np.clip(peak, 2, GRID.size - 3)
    l2, l1, top, r1, r2 = (values[rows, middle + k] for k in (-2, -1, 0, 1, 2))
    slope = (l2 - 8 * l1 + 8 * r1 - r2) / 12
    bend = (-l2 + 16 * l1 - 30 * top + 16 * r1 - r2) / 12
    twist = (r2 - 2 * r1 + 2 * l1 - l2) / 2
    bend = np.where(bend < 0, bend, -np.inf)
    shift = -slope / bend
    shift = np.where(peak == middle, -slope / (bend + twist * shift / 2), peak - middle)
    return np.asarray(np.exp(LOG_GRID[middle] + SPACING * shift))
