"""What stands between the data and a verdict. A finding never rolls back and never passes: unless it only explains, it
withholds the advance.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import log

import numpy as np

from analysis.proportion import Floats
from analysis.settings import ReleaseSettings
from analysis.split import CANARY, SHARE, STABLE, mismatch
from analysis.state import Evidence
from analysis.supply import stale

NOISY = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` for programs, `message` for people; whether an advance is withheld while it stands."""

    code: str
    message: str
    withholds: bool = True


STABLE_SILENT = Finding("stable-silent", "stable serves no requests: there is nothing to compare with")
CANARY_SILENT = Finding("canary-silent", "the canary serves no requests: it cannot be judged")
RESET_STORM = Finding(
    "reset-storm", "the counters keep starting anew: what they lose in between makes the counts doubtful"
)
GAPS = Finding("gaps", "most of the last minutes came in few large pieces: what happened within them cannot be told")
NO_HISTOGRAM = Finding("no-histogram", "no latency histogram has come: latency cannot be judged")


def findings(evidence: Evidence, now: Floats | None = None) -> list[tuple[Finding, ...]]:
    """The findings of each release; `now` (R,) seconds on the releases' own clocks tells what is stale."""
    found: list[list[Finding]] = [[] for _ in range(evidence.t.size)]
    for flags, finding in _flagged(evidence, now):
        for index in np.flatnonzero(flags).tolist():
            found[index].append(finding(index))
    return [tuple(one) for one in found]


def _flagged(evidence: Evidence, now: Floats | None) -> Iterator[tuple[np.ndarray, Callable[[int], Finding]]]:
    started, supply = evidence.t > 0, evidence.supply.now()
    if now is not None:
        late = now - evidence.t
        yield started & stale(evidence.t, now, evidence.supply.interval), lambda i: _stale(float(late[i]))
    yield started & supply.stable_silent()[:, 0], lambda _: STABLE_SILENT
    yield started & supply.canary_silent()[:, 0], lambda _: CANARY_SILENT
    yield mismatch(evidence.split.seen), lambda i: _mismatch(evidence.split.seen[i].tolist())
    yield supply.reset_storm()[:, 0], lambda _: RESET_STORM
    yield supply.gaps()[:, 0], lambda _: GAPS
    yield evidence.few_bounds(), lambda i: _few_bounds(evidence.latency.bounds(i))
    served = (evidence.totals[:, 0] > 0) & (evidence.totals[:, 2] > 0)
    yield served & evidence.latency.with_bounds(0, 0), lambda _: NO_HISTOGRAM
    yield evidence.objective_missed(), lambda i: _objective(evidence, i)
    warming = started & (evidence.t <= evidence.warm_up)
    yield warming, lambda i: _warming_up(float(evidence.warm_up[i]))
    phi, raised = evidence.phi * evidence.shadow.raised, evidence.shadow.raised > 1.0
    yield raised | (phi >= NOISY), lambda i: _noisy(float(phi[i]), bool(raised[i]))


def _stale(late: float) -> Finding:
    return Finding("stale", f"the last data is {late:.0f} s old: nobody knows how the versions do now")


def _mismatch(seen: list[float]) -> Finding:
    part = 100.0 * seen[CANARY] / (seen[CANARY] + seen[STABLE])
    told = f"{part:.1f} % of requests reach the canary where {100.0 * seen[SHARE]:g} % were commanded"
    return Finding("split-mismatch", f"{told}: the mesh does not do what it was told")


def _few_bounds(bounds: tuple[float, ...]) -> Finding:
    listed = " and ".join(f"{bound:g} ms" for bound in bounds)
    return Finding("few-bounds", f"the histograms of both versions share {listed} only: too few bounds to compare by")


def _objective(evidence: Evidence, index: int) -> Finding:
    n_s, e_s, n_c, e_c = evidence.totals[index].tolist()
    rate, allowed = 100.0 * (e_s + e_c) / (n_s + n_c), 100.0 * float(evidence.objective.rate[index])
    both = f"both versions together fail {rate:.2g} % of requests where the objective is {allowed:g} %"
    return Finding("objective-missed", f"{both}: something they share may be overloaded")


def _warming_up(seconds: float) -> Finding:
    return Finding("warming-up", f"the first {seconds:g} s are not judged")


def _noisy(phi: float, raised: bool) -> Finding:
    why = "by more than was foreseen" if raised else "far beyond chance"
    told = f"stable's own instances differ {why} (outages of single pods?): evidence counts 1/{phi:.2g}"
    return Finding("noisy-instances", told, withholds=False)


def too_little(settings: ReleaseSettings, step: int, totals: Floats, phi: float) -> Finding | None:
    """What to say where not even an error-free canary could have been advanced: totals (4,) as in Evidence.

    n_c requests without error are about exp(-n_c p) likely at the rate p that the step forbids.
    """
    n_s, e_s, n_c, _ = totals.tolist()
    tolerance = settings.advance_tolerances[step]
    forbidden = (1.0 + tolerance.relative) * (e_s / n_s if n_s > 0 else 0.0) + tolerance.absolute
    needed = -log(settings.wrong_advance) * phi / max(forbidden, 1e-9)
    if n_c >= needed:
        return None
    told = f"the canary served {n_c:,.0f} requests; without any error at least {needed:,.0f} are needed to advance"
    return Finding("too-little", told, withholds=False)
