"""What each method makes of the same traffic: false alarms, delays, and the errors let through meanwhile."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from scipy.stats import binomtest

from benchmarks.peers.limit import error_limit
from benchmarks.peers.method import Method, first_crossing, highest, matched_threshold
from benchmarks.peers.traffic import HORIZON, TICK, Floats, Scenario, Traffic, simulate, simulate_ramp

RATE = 0.01
# Runs at a time: their counts and evidence fit a few megabytes.
BATCH = 500
# A run without a horizon is given this many times the limit.
PATIENCE = 10


class Purpose(Enum):
    """What runs are for; no two purposes share a run."""

    CALIBRATE = 0
    HEALTHY = 1
    BROKEN = 2
    TO_THE_END = 3
    RAMP = 4


class Way(Enum):
    """How a threshold was chosen."""

    NOMINAL = "as published"
    MATCHED = "matched to 1 % at this stable rate"
    ONE_FOR_ALL = "one threshold for all three"


Thresholds = dict[Way, float]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many broken runs, and the seed that all randomness comes from.

    Healthy runs are `times` as many: a false alarm rate of 1 % is a rare thing to count.
    """

    runs: int
    seed: int
    times: int = 4

    @property
    def healthy(self) -> int:
        """How many healthy runs."""
        return self.times * self.runs

    def batches(
        self, scenario: Scenario, share: float, purpose: Purpose, seconds: float = HORIZON
    ) -> Iterator[Traffic]:
        """The same traffic for everyone who asks for the same, `BATCH` runs at a time."""
        runs = self.healthy if purpose in {Purpose.CALIBRATE, Purpose.HEALTHY} else self.runs
        for rng, size in self._generators(runs, purpose, scenario.stable, scenario.canary, share):
            yield simulate(rng, scenario, share, runs=size, seconds=seconds)

    def ramps(self, rate: float) -> Iterator[Traffic]:
        """Healthy canaries whose traffic and error rate change."""
        for rng, size in self._generators(self.runs, Purpose.RAMP, rate):
            yield simulate_ramp(rng, rate, runs=size)

    def _generators(self, runs: int, purpose: Purpose, *values: float) -> Iterator[tuple[np.random.Generator, int]]:
        key = [self.seed, purpose.value, *(round(1e6 * value) for value in values)]
        for batch, start in enumerate(range(0, runs, BATCH)):
            yield np.random.default_rng([*key, batch]), min(BATCH, runs - start)


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
    """By method, its nominal threshold and the one that 1 % of healthy runs at the scenario's stable rate exceed.

    One standard error less than 1 %, so that on other runs it is rarely more.
    """
    tops = _highest(sampling.batches(scenario.healthy(), share, Purpose.CALIBRATE), methods)
    cautious = RATE - np.sqrt(RATE * (1.0 - RATE) / sampling.healthy)
    return {
        method.name: {Way.NOMINAL: method.nominal, Way.MATCHED: matched_threshold(top, max(cautious, 0.0))}
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
    tops = _highest(sampling.batches(scenario.healthy(), share, Purpose.HEALTHY), methods)
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


def alarms_on_ramp(
    sampling: Sampling, rate: float, methods: Sequence[Method], thresholds: dict[str, Thresholds]
) -> dict[tuple[str, Way], int]:
    """False alarms of every method at its thresholds when traffic and error rate change."""
    tops = _highest(sampling.ramps(rate), methods)
    return {
        (method.name, way): int(np.sum(top > threshold))
        for method, top in zip(methods, tops, strict=True)
        for way, threshold in thresholds[method.name].items()
    }


def _highest(batches: Iterable[Traffic], methods: Sequence[Method]) -> list[Floats]:
    """Each method's highest statistic of each run."""
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
