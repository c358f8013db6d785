"""Where requests fall in a histogram when all of them take a given factor longer, as far as buckets can tell.

Inside a bucket the position of a request is unknown. Two readings are taken, log-uniform and normal-score
(exact for lognormal latencies), and the one that moves more requests on wins: a tolerance is rather read too
generously than too tightly.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from analysis.proportion import Floats, Rows

DEEPEST = 1e-9


@dataclass(frozen=True, slots=True)
class Slowing:
    """`parts[d]` (r, C): the part of the cell d places to the left that falls into this cell."""

    parts: tuple[Floats, ...]

    def forward(self, cells: Floats) -> Floats:
        """The slowed cells of (r, A, C) cells."""
        slowed = cells * self.parts[0][:, None, :]
        for places, part in enumerate(self.parts[1:], start=1):
            slowed[:, :, places:] += part[:, None, places:] * cells[:, :, :-places]
        return np.asarray(slowed)

    def back(self, factors: Floats) -> Floats:
        """What each original cell expects of factors (r, A, C) paid on slowed cells: the transpose of
        `forward`.
        """
        expected = factors * self.parts[0][:, None, :]
        for places, part in enumerate(self.parts[1:], start=1):
            expected[:, :, :-places] += (part[:, None, :] * factors)[:, :, places:]
        return np.asarray(expected)


def slow_down(cells: Floats, bounds: Floats, factor: float) -> Slowing:
    """Slowing by `factor` (>= 1) of releases whose stable cells (r, C), all above 0, are known; bounds (C,)
    end in inf or not.
    """
    source, kept = _cuts(cells, bounds, factor)
    size = bounds.size
    reach = int((np.arange(size) - source).max()) + 2
    parts = [np.zeros_like(cells) for _ in range(min(reach, size))]
    for cell in range(size):
        first = source[cell - 1] if cell else source[cell]
        for origin in range(first, source[cell] + 1):
            upto = kept[:, cell] if origin == source[cell] else 1.0
            start = kept[:, cell - 1] if cell and origin == source[cell - 1] else 0.0
            parts[cell - origin][:, cell] = upto - start
    return Slowing(tuple(parts))


def _cuts(cells: Floats, bounds: Floats, factor: float) -> tuple[Rows, Floats]:
    """Per bound b: the cell (C,) that holds b/factor, and the part (r, C) of that cell's requests at or below
    it.
    """
    lower = np.concatenate([[bounds[0] / 2.0], bounds[:-1]])
    cut = bounds / factor
    source = np.minimum(np.searchsorted(bounds, cut), bounds.size - 1)
    source[-1] = bounds.size - 1
    with np.errstate(invalid="ignore"):
        place = (np.log(cut) - np.log(lower[source])) / (np.log(bounds[source]) - np.log(lower[source]))
    place = np.clip(np.where(np.isfinite(bounds[source]), place, 1.0), 0.0, 1.0)
    place[-1] = 1.0
    within = np.clip(np.cumsum(cells, axis=1) / cells.sum(axis=1, keepdims=True), DEEPEST, 1.0 - DEEPEST)
    start = np.concatenate([np.full((cells.shape[0], 1), DEEPEST), within[:, :-1]], axis=1)[:, source]
    end = within[:, source]
    score = ndtri(start) + place * (ndtri(end) - ndtri(start))
    spread = end - start
    by_score = np.where(spread > DEEPEST, (ndtr(score) - start) / np.maximum(spread, DEEPEST), place)
    kept = np.where((place == 1.0) | (source == 0), place, np.minimum(place, by_score))
    # cuts in one cell keep their order, so that no part is negative
    for cell in range(1, bounds.size):
        if source[cell] == source[cell - 1]:
            kept[:, cell] = np.maximum(kept[:, cell], kept[:, cell - 1])
    return source, kept
