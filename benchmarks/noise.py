"""Ways in which error rates are not steady: what both arms share, and what is a single pod's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analysis.proportion import Floats

REQUESTS, TICK, TICKS, RATE = 100.0, 10.0, 180, 0.005
PODS, CANARY_PODS, HISTORY = 20, 2, 360
Random = np.random.Generator
Rates = Callable[[Random, int], Floats]
Noise = Callable[[Random, tuple[int, int, int]], Floats]


def steady(rate: float) -> Rates:
    """The same for all, (R, T)."""
    return lambda _, runs: np.full((runs, TICKS), rate)


def bursts(rng: Random, runs: int) -> Floats:
    """Both arms' rate is multiplied anew in every tick."""
    return np.minimum(RATE * np.exp(rng.normal(-0.5, 1.0, (runs, TICKS))), 1.0)


def diurnal(rng: Random, runs: int) -> Floats:
    """A cycle of +-80 % within 20 min, of a phase of its own."""
    phase = rng.uniform(0, 2 * np.pi, (runs, 1))
    return np.asarray(RATE * (1 + 0.8 * np.sin(phase + np.arange(TICKS) * TICK * 2 * np.pi / 1200)))


def shared_wandering(rng: Random, runs: int) -> Floats:
    """The log of both arms' rate is an AR(1) of sigma 1 and 60 s."""
    return np.minimum(RATE * np.exp(wandering(rng, (runs, TICKS), 1.0) - 0.5), 1.0)


def wandering(rng: Random, shape: tuple[int, ...], sigma: float) -> Floats:
    """AR(1) of 60 s along the last axis but for pods: (R, T) or (R, T, P)."""
    noise, kept = rng.normal(0.0, sigma, shape), np.exp(-TICK / 60.0)
    for k in range(1, shape[1]):
        noise[:, k] = kept * noise[:, k - 1] + np.sqrt(1.0 - kept**2) * noise[:, k]
    return noise


def none_at_all(_: Random, shape: tuple[int, int, int]) -> Floats:
    """Every pod has the same rate."""
    return np.ones(shape)


def beta_binomial(rng: Random, shape: tuple[int, int, int]) -> Floats:
    """Each tick and pod its own rate: a dispersion of 2."""
    variance = 1.0 / (REQUESTS / PODS * TICK * RATE)
    return np.asarray(rng.gamma(1.0 / variance, variance, shape))


def pods_wander(sigma: float) -> Noise:
    """Each pod's log rate is an AR(1) of 60 s."""
    return lambda rng, shape: np.exp(wandering(rng, shape, sigma) - sigma**2 / 2)


def outages(rng: Random, shape: tuple[int, int, int]) -> Floats:
    """Each pod fails 40 times as often for 30 s, about once an hour."""
    begins = rng.random(shape) < TICK / 3600.0
    lasting = begins.copy()
    for later in (1, 2):
        lasting[:, later:] |= begins[:, :-later]
    return np.where(lasting, 40.0, 1.0)


def everything(rng: Random, shape: tuple[int, int, int]) -> Floats:
    """A shared AR(1) of sigma 1, a daily cycle and an AR(1) of sigma 0.3 of each pod."""
    shared = np.exp(wandering(rng, shape[:2], 1.0) - 0.5)
    cycle = 1 + 0.8 * np.sin(rng.uniform(0, 2 * np.pi, (shape[0], 1)) + np.arange(shape[1]) * TICK * 2 * np.pi / 1200)
    return np.asarray((shared * cycle)[:, :, None] * pods_wander(0.3)(rng, shape))
