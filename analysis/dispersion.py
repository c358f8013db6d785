"""How much noisier than chance single instances are, learned from the stable version's own history.

Noise that all pods share cancels in a comparison; noise of one arm's pods does not, and turns into false
alarms. Estimated from the release itself it would swallow the regression, so it is learned beforehand,
between stable pods.
"""

from dataclasses import dataclass

import numpy as np

from analysis.proportion import Floats

BLOCKS = (10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
# The estimate errs to both sides: half as much again of what exceeds chance kept the promise in every noise tried.
CAUTION = 1.5
WITHOUT_HISTORY = 2.0
SHORTEST = 1800.0
FEWEST_BLOCKS = 5
FEWEST_ERRORS = 20.0


@dataclass(frozen=True, slots=True)
class Dispersion:
    """`phi` to divide log evidence by; `measured` the estimate behind it, None without enough history; `note`
    says which.
    """

    phi: float
    measured: float | None
    note: str


def learn_dispersion(requests: Floats, errors: Floats, *, tick: float, exposure: float = 1.0) -> Dispersion:
    """From stable history per instance, (T, P) requests and errors of T ticks of `tick` seconds and P
    instances.

    `exposure` is the requests a canary instance will serve over those a stable instance served: twice the
    traffic an instance doubles what its noise adds to chance. The estimate is the largest Pearson dispersion
    between instances over block lengths of 10 to 300 s, the block's mean removed, so that shared outages and
    daily cycles count for nothing. Raises ValueError on tables that are not (T, P) of finite counts.
    """
    if requests.ndim != 2 or requests.shape != errors.shape:
        raise ValueError(f"history must be two (ticks, instances) tables, got {requests.shape} and {errors.shape}")
    if not (np.isfinite(requests).all() and np.isfinite(errors).all() and (errors >= 0).all()):
        raise ValueError("history must hold finite, non-negative counts; leave ticks without data out")
    seconds, instances = requests.shape[0] * tick, int((requests.sum(axis=0) > 0).sum())
    if instances < 2 or seconds < SHORTEST or errors.sum() < FEWEST_ERRORS:
        return Dispersion(WITHOUT_HISTORY, None, _too_thin(instances, seconds, float(errors.sum())))
    lengths = sorted({max(1, round(length / tick)) for length in BLOCKS})
    usable = [length for length in lengths if requests.shape[0] // length >= FEWEST_BLOCKS]
    measured = max(1.0, *(pearson_dispersion(requests, errors, length) for length in usable))
    phi = 1.0 + CAUTION * exposure * (measured - 1.0)
    return Dispersion(phi, measured, f"learned from {instances} instances over {seconds / 60:.0f} min")


def pearson_dispersion(requests: Floats, errors: Floats, length: int) -> float:
    """Sum of squared standardised deviations between instances within blocks of `length` ticks, per degree of
    freedom; 1 by chance.
    """
    blocks = requests.shape[0] // length
    n, e = (
        table[: blocks * length].reshape(blocks, length, table.shape[1]).sum(axis=1) for table in (requests, errors)
    )
    rate = e.sum(axis=1, keepdims=True) / np.maximum(n.sum(axis=1, keepdims=True), 1.0)
    variance = n * rate * (1.0 - rate)
    told = variance > 0
    squares = np.where(told, (e - n * rate) ** 2 / np.where(told, variance, 1.0), 0.0)
    freedom = np.maximum(told.sum(axis=1) - 1, 0).sum()
    return float(squares.sum() / freedom) if freedom else 1.0


def _too_thin(instances: int, seconds: float, errors: float) -> str:
    if instances < 2:
        why = "fewer than two stable instances served traffic"
    elif seconds < SHORTEST:
        why = f"only {seconds / 60:.0f} min of history"
    else:
        why = f"only {errors:.0f} errors in the history"
    return f"{why}: a cautious {WITHOUT_HISTORY:g} is assumed"
