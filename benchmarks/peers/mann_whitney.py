"""Kayenta's way: Mann-Whitney on error rates of short intervals, with the Hodges-Lehmann shift.

A metric is "high" when the lower end of the interval for the shift between the arms exceeds a quarter of the absolute
estimate. The interval is the asymptotic one: a shift belongs to it as long as the rank sum of the canary's samples,
moved back by it and corrected for ties and continuity, stays within the quantiles.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from benchmarks.peers.method import NEVER
from benchmarks.peers.traffic import Floats, Traffic

CONFIDENCE = 0.98
TOLERANCE = 0.25
# Rows at a time: their pairwise differences fit a processor cache.
ROWS = 20


@dataclass(frozen=True, slots=True)
class ShiftInterval:
    """Estimate and interval of how far one sample lies above another."""

    lower: float
    upper: float
    estimate: float


def rank_z(x: Floats, y: Floats, shift: Floats) -> Floats:
    """Corrected rank-sum statistic of x - shift against y: (r, n), (r, m), (r,) -> (r,); 0 where all are tied."""
    n, m = x.shape[1], y.shape[1]
    moved = x - shift[:, None]
    both = np.sort(np.concatenate([moved, y], axis=1), axis=1)
    one, other = moved[:, :, None], y[:, None, :]
    # the rank sum less its mean: pairs in which the canary is above, less those in which it is below, over two
    above, below = (np.count_nonzero(pairs, axis=(1, 2)) for pairs in (one > other, one < other))
    centred = 0.5 * (above - below)
    variance = n * m / 12 * (n + m + 1 - _cubes_of_ties(both) / ((n + m) * (n + m - 1)))
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (centred - 0.5 * np.sign(centred)) / np.sqrt(variance)
    return np.where(variance > 0, z, 0.0)


def _cubes_of_ties(ordered: Floats) -> Floats:
    """Sum of t^3 - t over the groups of t equal values in each sorted row."""
    rows, size = ordered.shape
    first = np.ones((rows, size + 1), dtype=bool)
    first[:, 1:-1] = ordered[:, 1:] != ordered[:, :-1]
    starts = np.flatnonzero(first.ravel())
    row, place = np.divmod(starts, size + 1)
    length = np.diff(np.append(starts, starts[-1]))
    group = place < size
    cubes = np.where(group, length.astype(float) ** 3 - length, 0.0)
    return np.asarray(np.bincount(row, weights=cubes, minlength=rows), dtype=float)


def median_shift(x: Floats, y: Floats) -> Floats:
    """Hodges-Lehmann: the median of all differences, (r, n), (r, m) -> (r,)."""
    differences = (x[:, :, None] - y[:, None, :]).reshape(x.shape[0], -1)
    # as NumPy's own median, which also looks for NaN at twice the cost
    last = differences.shape[1] // 2
    first = last - 1 + differences.shape[1] % 2
    parted = np.partition(differences, (first, last), axis=1)
    return np.asarray(0.5 * (parted[:, first] + parted[:, last]))


def shift_interval(x: Floats, y: Floats, confidence: float) -> ShiftInterval:
    """Of x over y, samples (n,) and (m,); ends never beyond the smallest and largest difference.

    Raises ValueError when all values are equal.
    """
    if np.unique(np.concatenate([x, y])).size == 1:
        raise ValueError("x and y hold one value only: an interval for their shift needs at least two")
    least, most = float(x.min() - y.max()), float(x.max() - y.min())

    def end(quantile: float) -> float:
        def over(shift: float) -> float:
            return float(rank_z(x[None], y[None], np.array([shift]))[0]) - quantile

        if over(least) <= 0.0:
            return least
        if over(most) >= 0.0:
            return most
        return float(brentq(over, least, most, xtol=1e-12))

    quantile = float(norm.ppf(0.5 + confidence / 2))
    return ShiftInterval(end(quantile), end(-quantile), float(median_shift(x[None], y[None])[0]))


def highness(x: Floats, y: Floats) -> Floats:
    """The largest quantile at which the interval's lower end still exceeds a quarter of the estimate, (r, n), (r, m) ->
    (r,): the rank sum at that quarter, as it falls with the shift.
    """
    result = np.empty(x.shape[0])
    for start in range(0, x.shape[0], ROWS):
        part = slice(start, start + ROWS)
        result[part] = rank_z(x[part], y[part], TOLERANCE * np.abs(median_shift(x[part], y[part])))
    return result


@dataclass(frozen=True, slots=True)
class RankTest:
    """Judges the last `samples` ticks every `interval` seconds, from the first instant at which there are as many."""

    samples: int = 50
    interval: float = 60.0
    nominal: float = float(norm.ppf(0.5 + CONFIDENCE / 2))

    @property
    def name(self) -> str:
        return f"Kayenta style, {self.samples} samples, every {self.interval:g} s"

    def statistic(self, traffic: Traffic) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            x, y = traffic.e_c / traffic.n_c, traffic.e_s / traffic.n_s
        # a sample that is not a number is replaced by 0 unless configured otherwise
        x, y = np.nan_to_num(x), np.nan_to_num(y)
        statistic = np.full(x.shape, NEVER)
        for end in range(self.samples, x.shape[1] + 1, round(self.interval / traffic.tick)):
            window = slice(end - self.samples, end)
            statistic[:, end - 1] = highness(x[:, window], y[:, window])
        return statistic

    def setting(self, threshold: float) -> str:
        return f"rank z > {threshold:.2f}"
