"""Where a valid method finds the trouble sooner than ours, and by how much."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from benchmarks.peers.measure import Comparison, Line, Way

OURS = "ours"


@dataclass(frozen=True, slots=True)
class Earlier:
    """A valid `line` against `ours` on the same broken runs: `seconds` by which its mean delay within the horizon is
    shorter, and half of that difference's 95 % interval.
    """

    comparison: Comparison
    line: Line
    ours: Line
    seconds: float
    half_width: float


def earlier_than_ours(comparisons: Sequence[Comparison], besides: str) -> list[Earlier]:
    """Every valid line that beats ours as published, or ours at a threshold chosen in the same way, in the mean (beyond
    chance) or in the median; the method `besides` is left out.
    """
    found = []
    for comparison in comparisons:
        for line in comparison.lines:
            if line.valid and line.method not in {OURS, besides}:
                found += [one for one in _against(comparison, line) if _beats(one)]
    return found


def _against(comparison: Comparison, line: Line) -> Iterator[Earlier]:
    for way in dict.fromkeys((Way.NOMINAL, line.way)):
        ours = comparison.line(OURS, way)
        gain = ours.restricted - line.restricted
        half_width = float(norm.ppf(0.975) * gain.std() / np.sqrt(gain.size))
        yield Earlier(comparison, line, ours, float(gain.mean()), half_width)


def _beats(one: Earlier) -> bool:
    return one.seconds > one.half_width or one.line.quantile(0.5) < one.ours.quantile(0.5)
