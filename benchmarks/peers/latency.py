"""How soon our latency evidence finds a slower canary, against the limit of the cells it sees."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from benchmarks.peers.limit import (
    ISTIO_BOUNDS,
    MEDIAN,
    delay_limit,
    lognormal_cells,
    slower_limit,
    wider_sigma,
)
from benchmarks.peers.measure import PATIENCE, RATE, Sampling, rate_interval
from benchmarks.peers.ours import LatencyRuns
from benchmarks.peers.traffic import REQUESTS, Floats

HEALTHY_SECONDS = 600.0
STABLE = lognormal_cells()
DELAYS, ALARMS = 10, 20


@dataclass(frozen=True, slots=True)
class Situation:
    """The canary's share, seconds from look to look, and seconds of stable's past known at the start.

    Without a past the first look can only learn.
    """

    share: float
    look: float
    past: float

    def generator(self, seed: int, purpose: int) -> np.random.Generator:
        """Its own randomness."""
        return np.random.default_rng([seed, purpose, *(round(1e3 * v) for v in (self.share, self.look, self.past))])


@dataclass(frozen=True, slots=True)
class SlowerLaw:
    """A canary's cell probabilities (C,); stable is lognormal with median 80 ms and sigma 0.6."""

    name: str
    cells: Floats


SLOWER = (
    SlowerLaw("everything 1.3 times slower", lognormal_cells(1.3 * MEDIAN)),
    SlowerLaw("p99 + 30 %, p50 the same, slow half wider", lognormal_cells(above=wider_sigma(1.3))),
    SlowerLaw(
        "p99 + 30 %, p50 the same, both halves wider", lognormal_cells(below=wider_sigma(1.3), above=wider_sigma(1.3))
    ),
)


@dataclass(frozen=True, slots=True)
class LatencyLine:
    """Delays (R,) in seconds; infinite where not found within ten times the limit.

    `limit` is that of all tests that are valid for every canary no slower than stable, `two_sided` that of a test told
    which law to expect.
    """

    law: str
    situation: Situation
    limit: float
    two_sided: float
    delays: Floats

    @property
    def mean(self) -> float:
        """Runs that did not end count as ending at ten times the limit."""
        return float(np.minimum(self.delays, _patience(self.limit, self.situation.look)).mean())

    def quantile(self, part: float) -> float:
        """Of the delays, infinite ones included."""
        return float(np.quantile(self.delays, part, method="inverted_cdf"))


@dataclass(frozen=True, slots=True)
class LatencyAlarms:
    """False alarms among healthy runs of ten minutes."""

    situation: Situation
    alarms: int
    runs: int

    @property
    def interval(self) -> tuple[float, float]:
        """Exact 95 % interval of their rate."""
        return rate_interval(self.alarms, self.runs)

    @property
    def valid(self) -> bool:
        """Whether the rate may be 1 %."""
        return self.interval[0] <= RATE


def situations(shares: Sequence[float]) -> Iterator[Situation]:
    """Every share, looks every 2 and 10 s, without a past and with ten minutes of it."""
    for share, look, past in product(shares, (2.0, 10.0), (0.0, 600.0)):
        yield Situation(share, look, past)


def latency_delays(sampling: Sampling, shares: Sequence[float]) -> list[LatencyLine]:
    """Every slower law in every situation."""
    lines = []
    for number, law in enumerate(SLOWER):
        for at in situations(shares):
            limit = slower_limit(law.cells, STABLE, at.share)
            rng = at.generator(sampling.seed, DELAYS + number)
            delays = crossings(rng, law.cells, at, runs=sampling.runs, seconds=_patience(limit, at.look))
            lines.append(LatencyLine(law.name, at, limit, delay_limit(law.cells, STABLE, at.share), delays))
    return lines


def latency_alarms(sampling: Sampling, shares: Sequence[float]) -> list[LatencyAlarms]:
    """Healthy canaries in every situation."""
    result = []
    for at in situations(shares):
        rng = at.generator(sampling.seed, ALARMS)
        first = crossings(rng, STABLE, at, runs=sampling.runs, seconds=HEALTHY_SECONDS)
        result.append(LatencyAlarms(at, int(np.isfinite(first).sum()), sampling.runs))
    return result


def crossings(rng: np.random.Generator, canary: Floats, at: Situation, *, runs: int, seconds: float) -> Floats:
    """When each run was rolled back, seconds (R,), infinite for never."""
    evidence = LatencyRuns(runs, ISTIO_BOUNDS)

    def served(law: Floats, requests: float) -> Floats:
        return rng.poisson(requests * law, (runs, law.size)).astype(float)

    if at.past:
        evidence.learn(served(STABLE, REQUESTS * at.past), at.past)
    first = np.full(runs, np.inf)
    for number in range(1, round(np.ceil(seconds / at.look)) + 1):
        t, requests = number * at.look, REQUESTS * at.look
        arms = served(canary, requests * at.share), served(STABLE, requests * (1.0 - at.share))
        crossed = evidence.look(*arms, since=t - at.look, until=t) > evidence.threshold
        first = np.where(np.isinf(first) & crossed, t, first)
        if np.isfinite(first).all():
            break
    return first


def _patience(limit: float, look: float) -> float:
    return max(PATIENCE * limit, 20 * look)
