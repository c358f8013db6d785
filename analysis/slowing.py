"""Where requests fall in a histogram when all of them take a given factor longer, as far as buckets can tell.

Inside a bucket the position of a request is unknown. Two readings are taken, log-uniform and logistic-score (exact for
log-logistic latencies, near for lognormal ones), and the one that is kinder to whoever would be wronged wins: a canary
is rolled back against the reading that moves more requests on, and advanced against the one that moves fewer, by which
nothing leaves the lowest bucket.
"""

from dataclasses import dataclass

import numpy as np

from analysis.proportion import Floats, Rows

DEEPEST = 1e-9
LOGISTIC = 1.702


@dataclass(frozen=True, slots=True)
class Slowing:
    """`parts[d]` (C, 1, r): the part of the cell d places below that falls into this cell."""

    parts: tuple[Floats, ...]

    def roughly(self) -> "Slowing":
        """The same in single precision."""
        return Slowing(tuple(part.astype(np.float32) for part in self.parts))

    def times(self, factor: Floats) -> "Slowing":
        """The same with every part multiplied by factors (r,)."""
        return Slowing(tuple(part * factor for part in self.parts))

    def forward(self, cells: Floats) -> Floats:
        """The slowed cells of (C, A, r) cells."""
        slowed = cells * self.parts[0]
        for places, part in enumerate(self.parts[1:], start=1):
            slowed[places:] += part[places:] * cells[:-places]
        return np.asarray(slowed)

    def back(self, factors: Floats) -> Floats:
        """What each original cell expects of factors (C, A, r) paid on slowed cells: the transpose of
        `forward`.
        """
        expected = factors * self.parts[0]
        for places, part in enumerate(self.parts[1:], start=1):
            expected[:-places] += part[places:] * factors[places:]
        return np.asarray(expected)


@dataclass(frozen=True, slots=True)
class Cuts:
    """Per bound b of C, the `source` cell (C,) that holds b/factor and two readings (C, r) of the part of that
    cell's requests at or below it.
    """

    source: Rows
    log_uniform: Floats
    logistic: Floats

    def moving_more(self) -> Slowing:
        """The slowing by the reading that moves more requests on at every cut."""
        return _slowing(self.source, np.minimum(self.log_uniform, self.logistic))

    def moving_fewer(self) -> Slowing:
        """The slowing by the reading that moves fewer requests on at every cut."""
        lowest = (self.source == 0)[:, None]
        return _slowing(self.source, np.where(lowest, 1.0, np.maximum(self.log_uniform, self.logistic)))


def cuts(within: Floats, score: Floats, bounds: Floats, factor: float) -> Cuts:
    """Where slowing by `factor` (>= 1) cuts the cells: `within` (C, r) is stable's share of requests at or below each
    bound (C,) and `score` its logistic score, both clipped to [DEEPEST, 1 - DEEPEST]; bounds end in inf or not.
    """
    lower = np.concatenate([[bounds[0] / 2.0], bounds[:-1]])
    cut = bounds / factor
    source = np.minimum(np.searchsorted(bounds, cut), bounds.size - 1)
    source[-1] = bounds.size - 1
    with np.errstate(invalid="ignore"):
        place = (np.log(cut) - np.log(lower[source])) / (np.log(bounds[source]) - np.log(lower[source]))
    place = np.clip(np.where(np.isfinite(bounds[source]), place, 1.0), 0.0, 1.0)
    place[-1] = 1.0
    inner = np.flatnonzero((place < 1.0) & (source > 0))
    log_uniform = np.broadcast_to(place[:, None], within.shape)
    logistic = np.array(log_uniform)
    logistic[inner] = _by_score(within, score, source[inner], place[inner, None])
    return Cuts(source, log_uniform, logistic)


def _by_score(within: Floats, score: Floats, source: Rows, place: Floats) -> Floats:
    start, spread = within[source - 1], within[source] - within[source - 1]
    low = score[source - 1]
    at_cut = 1.0 / (1.0 + np.exp(-LOGISTIC * (low + place * (score[source] - low)))) - start
    return np.where(spread > DEEPEST, at_cut / np.maximum(spread, DEEPEST), place)


def standing(cells: Floats) -> tuple[Floats, Floats]:
    """The share of requests at or below each bound and its logistic score, of cells (C, r) that sum to 1.

    The score is scaled so that it lies within 0.1 of the normal one between the 1st and the 99th percentile.
    """
    within = np.clip(np.cumsum(cells, axis=0), DEEPEST, 1.0 - DEEPEST)
    return within, np.asarray(np.log(within / (1.0 - within)) / LOGISTIC)


def _slowing(source: Rows, kept: Floats) -> Slowing:
    size = source.size
    if (source[1:] == source[:-1]).any():
        kept = _in_order(source, kept)
    reach = min(int((np.arange(size) - source).max()) + 2, size)
    parts, upto_before = [], np.zeros_like(kept)
    for places in range(reach):
        # what of the cell `places` below lies at or below this cell's bound, less what does at the bound before
        origin = np.arange(size) - places
        whole, cut = (origin < source)[:, None], (origin == source)[:, None]
        upto = np.where(cut, kept, whole.astype(float))
        upto[:places] = 0.0
        part = upto.copy()
        part[1:] -= upto_before[:-1]
        parts.append(part[:, None])
        upto_before = upto
    return Slowing(tuple(parts))


def _in_order(source: Rows, kept: Floats) -> Floats:
    """Cuts in one cell keep their order, so that no part is negative."""
    kept = np.array(kept)
    for cell in np.flatnonzero(source[1:] == source[:-1]) + 1:
        kept[cell] = np.maximum(kept[cell], kept[cell - 1])
    return kept
