"""What each method makes of the same traffic: false alarms, delays, and the errors let through meanwhile."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from scipy.stats import binomtest

from benchmarks.peers.limit import error_limit
from benchmarks.peers.method import Method, first_crossing, highest, matched_threshold
from benchmarks.peers.traffic import HORIZON, TICK, Floats, Scenario, Traffic, simulate

RATE = 0.01
# Runs at a time: their counts and evidence fit a few megabytes.
BATCH = 500
# Healthy runs are this many times as many: a false alarm rate of 1 % is a rare thing to count.
HEALTHY_TIMES = 4
# A run without a horizon is given this many times the limit.
PATIENCE = 10


class Purpose(Enum):
    """What runs are for; no two purposes share a run."""

    CALIBRATE = 0
    HEALTHY = 1
    BROKEN = 2
    TO_THE_END = 3


class Way(Enum):
    """How a threshold was chosen."""

    NOMINAL = "as published"
    MATCHED = "matched to 1 % at this stable rate"
    ONE_FOR_ALL = "one threshold for all three"


Thresholds = dict[Way, float]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many broken runs, and the seed that all randomness comes from; there are four times as many healthy ones."""

    runs: int
    seed: int

    def batches(
        self, scenario: Scenario, share: float, purpose: Purpose, seconds: float = HORIZON
    ) -> Iterator[Traffic]:
        """The same traffic for everyone who asks for the same, `BATCH` runs at a time."""
        runs = self.runs * (HEALTHY_TIMES if purpose in {Purpose.CALIBRATE, Purpose.HEALTHY} else 1)
        key = [self.seed, purpose.value, *(round(1e6 * value) for value in (scenario.stable, scenario.canary, share))]
        for batch, start in enumerate(range(0, runs, BATCH)):
            rng = np.random.default_rng([*key, batch])
            yield simulate(rng, scenario, share, runs=min(BATCH, runs - start), seconds=seconds)


@dataclass(frozen=True, slots=True)
class Line:
    """One method at one threshold: `alarms` of `healthy` runs, and of the broken runs (R,) the `delays` in seconds,
    infinite where nothing was found within the horizon, and the `excess`, errors beyond stable's rate until then.
    """

    method: str
    way: Way
    setting: str
    alarms: int
    healthy: int
    delays: Floats
    excess: Floats

    def alarm_interval(self) -> tuple[float, float]:
        """Exact 95 % interval of the false alarm rate."""
        return rate_interval(self.alarms, self.healthy)

    @property
    def valid(self) -> bool:
        """Whether false alarms may be as few as promised: the doubt that a finite number of runs leaves is the method's
        benefit.
        """
        return self.alarm_interval()[0] <= RATE

    @property
    def power(self) -> float:
        """Part of the broken runs that were found."""
        return float(np.isfinite(self.delays).mean())

    def quantile(self, part: float) -> float:
        """Of the delays, infinite ones included."""
        return float(np.quantile(self.delays, part, method="inverted_cdf"))

    @property
    def restricted(self) -> Floats:
        """Delays, none beyond the horizon."""
        return np.minimum(self.delays, HORIZON)


@dataclass(frozen=True, slots=True)
class UntilEnd:
    """Mean delay in seconds of a method without a horizon, with its standard error; `unended` is the part of runs that
    did not end within ten times the limit, which the mean counts as ending there.
    """

    mean: float
    error: float
    unended: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """All methods on one scenario at one share; `to_the_end` has those that were also run without a horizon."""

    scenario: Scenario
    share: float
    limit: float
    lines: tuple[Line, ...]
    to_the_end: dict[tuple[str, Way], UntilEnd]

    def line(self, method: str, way: Way) -> Line:
        """That of a method at a threshold; raises KeyError when it was not compared."""
        for line in self.lines:
            if (line.method, line.way) == (method, way):
                return line
        raise KeyError(f"{method}, {way.value}: not compared on {self.scenario.name}")


def rate_interval(hits: int, runs: int) -> tuple[float, float]:
    """Exact (Clopper-Pearson) 95 % interval."""
    low, high = binomtest(hits, runs).proportion_ci(0.95, method="exact")
    return float(low), float(high)


def calibrate(sampling: Sampling, scenario: Scenario, share: float, methods: Sequence[Method]) -> dict[str, Thresholds]:
    """By method, its nominal threshold and the one that 1 % of healthy runs at the scenario's stable rate exceed."""
    tops = _highest(sampling, scenario, share, methods, Purpose.CALIBRATE)
    return {
        method.name: {Way.NOMINAL: method.nominal, Way.MATCHED: matched_threshold(top, RATE)}
        for method, top in zip(methods, tops, strict=True)
    }


def with_one_for_all(calibrated: Sequence[dict[str, Thresholds]]) -> list[dict[str, Thresholds]]:
    """Adds the threshold that is valid in every scenario, the highest of the matched ones."""
    highest_of = {name: max(by[name][Way.MATCHED] for by in calibrated) for name in calibrated[0]}
    return [{name: {**ways, Way.ONE_FOR_ALL: highest_of[name]} for name, ways in by.items()} for by in calibrated]


def compare(
    sampling: Sampling,
    scenario: Scenario,
    share: float,
    methods: Sequence[Method],
    thresholds: dict[str, Thresholds],
    patient: Sequence[str],
) -> Comparison:
    """Every method at each of its thresholds, on runs that no threshold was chosen by; those whose names are `patient`
    also without a horizon.
    """
    tops = _highest(sampling, scenario, share, methods, Purpose.HEALTHY)
    found = _found(sampling, scenario, share, methods, thresholds)
    lines = tuple(
        Line(
            method=method.name,
            way=way,
            setting=method.setting(threshold),
            alarms=int(np.sum(top > threshold)),
            healthy=top.size,
            delays=found[method.name, way][0],
            excess=found[method.name, way][1],
        )
        for method, top in zip(methods, tops, strict=True)
        for way, threshold in thresholds[method.name].items()
    )
    chosen = [method for method in methods if method.name in patient]
    return Comparison(
        scenario, share, error_limit(scenario, share), lines, until_end(sampling, scenario, share, chosen, thresholds)
    )


def until_end(
    sampling: Sampling,
    scenario: Scenario,
    share: float,
    methods: Sequence[Method],
    thresholds: dict[str, Thresholds],
) -> dict[tuple[str, Way], UntilEnd]:
    """The mean delay of methods that go on until they have found what there is."""
    seconds = max(PATIENCE * error_limit(scenario, share), 20 * TICK)
    delays: dict[tuple[str, Way], list[Floats]] = {}
    for traffic in sampling.batches(scenario, share, Purpose.TO_THE_END, seconds):
        for method in methods:
            statistic = method.statistic(traffic)
            for way, threshold in thresholds[method.name].items():
                crossed = first_crossing(statistic, threshold, traffic.ends)
                delays.setdefault((method.name, way), []).append(crossed)
    return {key: _ended(np.concatenate(parts), seconds) for key, parts in delays.items()}


def _ended(delays: Floats, seconds: float) -> UntilEnd:
    ended = np.minimum(delays, seconds)
    return UntilEnd(float(ended.mean()), float(ended.std() / np.sqrt(ended.size)), float(np.isinf(delays).mean()))


def excess_errors(traffic: Traffic, delays: Floats, stable: float) -> Floats:
    """Errors of the canary beyond stable's rate, until the rollback or the horizon, (R,)."""
    beyond = np.cumsum(traffic.e_c - stable * traffic.n_c, axis=1)
    last = np.searchsorted(traffic.ends, np.minimum(delays, traffic.ends[-1]) - 1e-9)
    return np.asarray(beyond[np.arange(delays.size), last])


def _highest(
    sampling: Sampling, scenario: Scenario, share: float, methods: Sequence[Method], purpose: Purpose
) -> list[Floats]:
    """Each method's highest statistic of each healthy run."""
    batches = sampling.batches(scenario.healthy(), share, purpose)
    tops = [[highest(method.statistic(traffic)) for method in methods] for traffic in batches]
    return [np.concatenate(column) for column in zip(*tops, strict=True)]


def _found(
    sampling: Sampling,
    scenario: Scenario,
    share: float,
    methods: Sequence[Method],
    thresholds: dict[str, Thresholds],
) -> dict[tuple[str, Way], tuple[Floats, Floats]]:
    """Delays and excess errors of all broken runs."""
    parts: dict[tuple[str, Way], list[tuple[Floats, Floats]]] = {}
    for traffic in sampling.batches(scenario, share, Purpose.BROKEN):
        for method in methods:
            statistic = method.statistic(traffic)
            for way, threshold in thresholds[method.name].items():
                delays = first_crossing(statistic, threshold, traffic.ends)
                part = delays, excess_errors(traffic, delays, scenario.stable)
                parts.setdefault((method.name, way), []).append(part)
    return {key: _joined(batches) for key, batches in parts.items()}


def _joined(batches: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    delays, excess = zip(*batches, strict=True)
    return np.concatenate(delays), np.concatenate(excess)
