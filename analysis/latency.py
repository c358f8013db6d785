"""Evidence that the canary answers more slowly than stable, from counts in the cells of a common histogram.

Shapes: r releases of the same bounds, C cells, A = 8 alternatives. An alternative tilts the stable cells
(known from earlier ticks only) by `exp(strength x h)`, h increasing in latency: a shift of everything, of the
upper half, or of the slowest tenth.
"""

import numpy as np
from scipy.special import ndtri

from analysis.proportion import Floats
from analysis.slowing import Slowing, slow_down

SHIFT = (0.15, 0.4, 1.0)
UPPER = (0.3, 0.8)
SLOWEST = (0.4, 0.9, 2.0)
Z90 = float(ndtri(0.9))
ALTERNATIVES = len(SHIFT) + len(UPPER) + len(SLOWEST)
SMOOTHING = 0.5
# One step of expectation-maximisation; more changed no delay that was measured.
PROJECTION_STEPS = 1
LARGEST_STAKE = 0.99
# Releases at a time: what they need fits a processor cache.
BLOCK = 256


def tilted(stable: Floats) -> Floats:
    """The alternatives' cell probabilities, (r, C) -> (r, A, C)."""
    above = np.cumsum(stable, axis=1)
    score = ndtri(np.clip(above - 0.5 * stable, 1e-12, 1 - 1e-12))
    upper, slowest = np.maximum(score, 0.0), np.maximum(score - Z90, 0.0)
    powers = np.stack(
        [
            strength * h
            for h, strengths in ((score, SHIFT), (upper, UPPER), (slowest, SLOWEST))
            for strength in strengths
        ],
        axis=1,
    )
    raw = stable[:, None, :] * np.exp(powers)
    return np.asarray(raw / raw.sum(axis=2, keepdims=True))


def latency_log_evidence(canary: Floats, stable: Floats, earlier: Floats, bounds: Floats, slower: float) -> Floats:
    """Log evidence (r, A) against "the canary is stochastically no slower than `slower` (>= 1) times stable".

    `canary, stable` (r, C) are the tick's cell counts under upper `bounds` (C,), `earlier` (r, C) the stable
    cells of the ticks before. With M the slowing of the cells, the canary's factors s_c rise with latency and
    the stable ones follow from them, `n_c (M' s_c) + n_s s_s = n` in every cell: the expectation is at most 1
    whatever the cells' law (arithmetic over geometric mean). At `slower` = 1 nothing is assumed; above it M
    rests on how requests lie within buckets (see `slowing`). Zero where either arm has no requests or nothing
    is known of stable.
    """
    gain = np.empty((canary.shape[0], ALTERNATIVES))
    for start in range(0, canary.shape[0], BLOCK):
        part = slice(start, start + BLOCK)
        gain[part] = _block_log_evidence(canary[part], stable[part], earlier[part], bounds, slower)
    return gain


def _block_log_evidence(canary: Floats, stable: Floats, earlier: Floats, bounds: Floats, slower: float) -> Floats:
    n_c, n_s = canary.sum(axis=1), stable.sum(axis=1)
    usable = (n_c > 0) & (n_s > 0) & (earlier.sum(axis=1) > 0)
    odds = np.where(usable, n_c, 1.0) / np.where(usable, n_s, 1.0)
    known = earlier + SMOOTHING / earlier.shape[1]
    q_s = known / known.sum(axis=1, keepdims=True)
    q_c = tilted(q_s)
    moved = None if slower == 1.0 else slow_down(q_s, bounds, slower)
    stake = _stake(q_c, q_s[:, None, :], odds[:, None, None], moved)
    paid = odds[:, None, None] * (stake if moved is None else moved.back(stake))
    shrink = np.minimum(1.0, LARGEST_STAKE / np.maximum(paid.max(axis=2, keepdims=True), 1e-300))
    gain = np.einsum("rac,rc->ra", np.log1p(shrink * stake), canary)
    gain += np.einsum("rac,rc->ra", np.log1p(-shrink * paid), stable)
    return np.where(usable[:, None], gain, 0.0)


def _stake(q_c: Floats, q_s: Floats, odds: Floats, moved: Slowing | None) -> Floats:
    """`q_c / null - 1` at nearly the null nearest to the alternative, made to rise with latency; (r, A, C)."""
    part = odds / (1.0 + odds)
    null = part * q_c + (1.0 - part) * q_s
    if moved is None:
        return np.asarray(q_c / null - 1.0)
    slowed = moved.forward(null)
    for _ in range(PROJECTION_STEPS):
        null = null * part * moved.back(q_c / slowed) + (1.0 - part) * q_s
        slowed = moved.forward(null)
    factor = np.maximum.accumulate(q_c / slowed, axis=2)
    # an alternative within tolerance has no rising factor: what is left of it is the constant 1, which stakes nothing
    return np.asarray(factor / (factor * slowed).sum(axis=2, keepdims=True) - 1.0)
