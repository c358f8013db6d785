"""Seeded traffic of many runs at once: Poisson requests, binomial errors, two arms."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
REQUESTS = 100.0
TICK = 10.0
HORIZON = 1800.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """Error rates of the two arms, from the first request on."""

    stable: float
    canary: float

    @property
    def name(self) -> str:
        """As the tables say it."""
        return f"{100 * self.stable:g} -> {100 * self.canary:g} %"

    def healthy(self) -> "Scenario":
        """The A/A counterpart: the canary fails as often as stable."""
        return replace(self, canary=self.stable)


SCENARIOS = (Scenario(0.001, 0.01), Scenario(0.01, 0.02), Scenario(0.005, 0.0075))
SHARES = (0.05, 0.1, 0.25, 0.5)
# A canary's shares in the runs whose traffic changes.
RAMP = (0.05, 0.2, 0.5)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Counts of R runs in T ticks of `tick` seconds, (R, T) each; `share` is the canary's part of all requests."""

    tick: float
    share: float
    n_c: Floats
    e_c: Floats
    n_s: Floats
    e_s: Floats

    @property
    def ends(self) -> Floats:
        """When each tick ends, seconds, (T,)."""
        return np.arange(1, self.n_c.shape[1] + 1) * self.tick

    def every(self, seconds: float) -> "Traffic":
        """The same traffic in longer ticks; what is left at the end is dropped. Raises ValueError unless `seconds` is
        a multiple of the tick.
        """
        size = round(seconds / self.tick)
        if size < 1 or abs(size * self.tick - seconds) > 1e-9:
            raise ValueError(f"interval {seconds:g} s: choose a multiple of the tick of {self.tick:g} s")
        runs, ticks = self.n_c.shape[0], self.n_c.shape[1] // size
        counts = (a[:, : ticks * size].reshape(runs, ticks, size).sum(axis=2) for a in self.counts())
        return Traffic(seconds, self.share, *counts)

    def counts(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Requests and errors of the canary, requests and errors of stable."""
        return self.n_c, self.e_c, self.n_s, self.e_s


def simulate(
    rng: np.random.Generator,
    scenario: Scenario,
    share: float,
    *,
    runs: int,
    seconds: float = HORIZON,
    tick: float = TICK,
    requests: float = REQUESTS,
) -> Traffic:
    """`requests` a second of both arms together, in whole ticks covering `seconds`."""
    shape = runs, max(1, int(np.ceil(seconds / tick - 1e-9)))
    return _served(rng, shape, tick, requests, share, np.array([scenario.canary]), np.array([scenario.stable]))


def simulate_ramp(rng: np.random.Generator, rate: float, *, runs: int) -> Traffic:
    """A healthy canary over RAMP's steps of equal length, while both arms' error rate, from `rate` on, is doubled with
    every step. The traffic's `share` is that of the last step.
    """
    per_step = round(HORIZON / TICK / len(RAMP))
    shares, times = np.repeat(RAMP, per_step), np.repeat(2.0 ** np.arange(len(RAMP)), per_step)
    return _served(rng, (runs, shares.size), TICK, REQUESTS, shares, rate * times, rate * times)


def _served(
    rng: np.random.Generator,
    shape: tuple[int, int],
    tick: float,
    requests: float,
    share: Floats | float,
    canary: Floats,
    stable: Floats,
) -> Traffic:
    n_c = rng.poisson(requests * tick * np.asarray(share), shape)
    n_s = rng.poisson(requests * tick * (1.0 - np.asarray(share)), shape)
    e_c, e_s = rng.binomial(n_c, canary), rng.binomial(n_s, stable)
    last = float(np.asarray(share).flat[-1])
    return Traffic(tick, last, *(a.astype(float) for a in (n_c, e_c, n_s, e_s)))
