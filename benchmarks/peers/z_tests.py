"""z tests of two proportions: once, at every look, and with the risk spent over looks.

Counts are pooled over time, as is usual, or compared within each tick and then added up (stratified: Cochran 1954,
Mantel and Haenszel 1959), which is nobody's product but what a careful statistician would do when traffic changes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from benchmarks.peers.method import NEVER, at_looks
from benchmarks.peers.traffic import HORIZON, Floats, Traffic

NOMINAL = float(norm.ppf(0.99))
RISK = 0.01
STRATIFIED = ", stratified"
# Points of the density between two looks, and how many standard deviations below zero it reaches.
POINTS, DEPTH = 401, 8.0


def pooled_z(n_c: Floats, e_c: Floats, n_s: Floats, e_s: Floats) -> Floats:
    """Difference of the error rates in standard errors under equal rates.

    -inf where that is not defined: an arm without requests, or all requests alike.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled = (e_c + e_s) / (n_c + n_s)
        z = (e_c / n_c - e_s / n_s) / np.sqrt(pooled * (1.0 - pooled) * (1.0 / n_c + 1.0 / n_s))
    return np.where(np.isfinite(z), z, NEVER)


def running_z(traffic: Traffic) -> Floats:
    """z of all traffic so far, (R, T)."""
    return pooled_z(*(np.cumsum(a, axis=1) for a in traffic.counts()))


def stratified_z(traffic: Traffic) -> Floats:
    """z of the canary's errors over those expected given each tick's errors of both arms, all ticks so far, (R, T)."""
    n_c, e_c, n_s, e_s = traffic.counts()
    n, m = n_c + n_s, e_c + e_s
    with np.errstate(invalid="ignore", divide="ignore"):
        beyond = np.where(n > 0, e_c - n_c * m / n, 0.0)
        variance = np.where(n > 1, n_c * n_s * m * (n - m) / (n**2 * (n - 1)), 0.0)
        z = np.cumsum(beyond, axis=1) / np.sqrt(np.cumsum(variance, axis=1))
    return np.where(np.isfinite(z), z, NEVER)


@dataclass(frozen=True, slots=True)
class FixedHorizon:
    """One look, after `seconds`."""

    seconds: float = 600.0
    nominal: float = NOMINAL

    @property
    def name(self) -> str:
        return f"fixed-horizon z at {self.seconds:g} s"

    def statistic(self, traffic: Traffic) -> Floats:
        return np.where(np.isclose(traffic.ends, self.seconds), running_z(traffic), NEVER)

    def setting(self, threshold: float) -> str:
        return f"z > {threshold:.2f}"


@dataclass(frozen=True, slots=True)
class EveryLook:
    """The same test at every tick."""

    nominal: float = NOMINAL
    stratified: bool = False

    @property
    def name(self) -> str:
        return f"z at every look{STRATIFIED if self.stratified else ''}"

    def statistic(self, traffic: Traffic) -> Floats:
        return stratified_z(traffic) if self.stratified else running_z(traffic)

    def setting(self, threshold: float) -> str:
        return f"z > {threshold:.2f}"


@dataclass(frozen=True, slots=True)
class AlphaSpending:
    """Lan and DeMets: `looks` within the horizon, by the t-th part of which `risk t^power` is spent. The statistic is z
    over its boundary.
    """

    looks: int = 30
    power: float = 2.0
    risk: float = RISK
    horizon: float = HORIZON
    nominal: float = 1.0
    stratified: bool = False

    @property
    def name(self) -> str:
        return f"alpha spending t^{self.power:g}, {self.looks} looks{STRATIFIED if self.stratified else ''}"

    def statistic(self, traffic: Traffic) -> Floats:
        boundary = np.array(power_boundaries(self.looks, self.risk, self.power))

        def over_boundary(looks: Traffic) -> Floats:
            z = (stratified_z(looks) if self.stratified else running_z(looks))[:, : self.looks]
            return np.asarray(z / boundary[: z.shape[1]])

        return at_looks(traffic, self.horizon / self.looks, over_boundary)

    def setting(self, threshold: float) -> str:
        return f"boundaries x {threshold:.3f}"


@lru_cache
def power_boundaries(looks: int, risk: float, power: float) -> tuple[float, ...]:
    """Boundaries for z at equally spaced looks when `risk t^power` is spent by the part t of the horizon."""
    return spending_boundaries(looks, lambda t: risk * t**power)


def spending_boundaries(looks: int, spent: Callable[[float], float]) -> tuple[float, ...]:
    """One-sided boundaries for z: Brownian motion first exceeds the k-th at look k with probability
    `spent(k/looks) - spent((k-1)/looks)`.

    The density of the paths not yet stopped is carried from look to look on a grid (Armitage, McPherson and Rowe 1969;
    Lan and DeMets 1983), Simpson's rule, errors below 1e-4 in z.
    """
    step = 1.0 / looks
    deviation = np.sqrt(step)
    grid, mass = np.zeros(1), np.ones(1)
    boundaries = []
    for look in range(1, looks + 1):
        share = spent(look * step) - spent((look - 1) * step)

        def excess(at: float, grid: Floats = grid, mass: Floats = mass, share: float = share) -> float:
            return float(mass @ norm.sf((at - grid) / deviation)) - share

        top = brentq(excess, -DEPTH, 2 * DEPTH, xtol=1e-12)
        boundaries.append(float(top / np.sqrt(look * step)))
        ahead = np.linspace(-DEPTH * np.sqrt(look * step), top, POINTS)
        weights = np.full(POINTS, 2.0)
        weights[1:-1:2], weights[[0, -1]] = 4.0, 1.0
        density = norm.pdf((ahead[:, None] - grid) / deviation) @ mass / deviation
        grid, mass = ahead, density * weights * (ahead[1] - ahead[0]) / 3.0
    return tuple(boundaries)
