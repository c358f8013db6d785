"""What stands between the data and a verdict. A finding never rolls back and never passes: it withholds the
advance.
"""

from dataclasses import dataclass

import numpy as np

from analysis.split import CANARY, SHARE, STABLE
from analysis.state import Evidence

FEWEST_BOUNDS = 3
SILENT = 1e-3


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` for programs, `message` for people."""

    code: str
    message: str


def findings(evidence: Evidence) -> list[tuple[Finding, ...]]:
    """The findings of each release, most serious first."""
    found: list[list[Finding]] = [[] for _ in range(evidence.t.size)]
    seconds = np.maximum(evidence.pace[:, 2], 1.0)
    started = evidence.t > 0
    stable, canary = evidence.pace[:, 0] / seconds > SILENT, evidence.pace[:, 1] / seconds > SILENT
    for index in np.flatnonzero(started & ~stable & canary).tolist():
        found[index].append(Finding("stable-silent", "stable serves no requests: there is nothing to compare with"))
    for index in np.flatnonzero(started & stable & ~canary).tolist():
        found[index].append(Finding("canary-silent", "the canary serves no requests: it cannot be judged"))
    for index in np.flatnonzero(evidence.split.mismatch()).tolist():
        found[index].append(_mismatch(evidence.split.seen[index].tolist()))
    for index, bounds in enumerate(evidence.latency.bounds):
        if evidence.latency.judged[index] and 0 < len(bounds) < FEWEST_BOUNDS:
            found[index].append(_few_bounds(len(bounds)))
    return [tuple(one) for one in found]


def _mismatch(seen: list[float]) -> Finding:
    part = 100.0 * seen[CANARY] / (seen[CANARY] + seen[STABLE])
    told = f"{part:.1f} % of requests reach the canary where {100.0 * seen[SHARE]:g} % were commanded"
    return Finding("split-mismatch", f"{told}: the mesh does not do what it was told")


def _few_bounds(count: int) -> Finding:
    return Finding("few-bounds", f"both versions share {count} histogram bounds, too few to compare latencies by")
