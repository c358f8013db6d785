"""Evidence that the canary answers more slowly than stable, or no slower than tolerated, from counts in the cells of
a common histogram.

Shapes: r rows (a release at a tick) of the same bounds, C cells, A alternatives; inside, cells come first and rows
last, which is how a processor adds cells up quickest. An alternative tilts the stable
cells (known from earlier ticks only) by `exp(strength x h)`, h increasing in latency: a shift of everything, of the
upper half, or of the slowest tenth.
"""

import numpy as np
from scipy.special import ndtri

from analysis.proportion import Floats, Rows
from analysis.slowing import Slowing, cuts, standing

SHIFT = (0.15, 0.4, 1.0)
UPPER = (0.4,)
SLOWEST = (0.5, 1.4)
Z90 = float(ndtri(0.9))
SLOWER = len(SHIFT) + len(UPPER) + len(SLOWEST)
# Advancing asks what a harmless canary looks like: a little quicker or a little slower.
HARMLESS = (-0.05, 0.1)
SMOOTHING = 0.5
LARGEST_STAKE = 0.99
# Rows at a time: what they need fits a processor cache.
BLOCK = 448
# Which factors the canary's side has is a matter of power, not of validity, so half precision of them is enough; what
# stable pays for them is worked out in full.
ROUGH = np.float32
# A cell that slowing empties altogether (a bound that is the factor times another) must not divide by 0.
EMPTIEST = np.float32(1e-30)


def tilted(stable: Floats, score: Floats) -> Floats:
    """The slower alternatives' cell probabilities: stable (C, r) and the cells' middle scores (C, r) -> (C, 6, r)."""
    upper, slowest = np.maximum(score, 0.0), np.maximum(score - Z90, 0.0)
    powers = [
        strength * h for h, strengths in ((score, SHIFT), (upper, UPPER), (slowest, SLOWEST)) for strength in strengths
    ]
    return _by_powers(stable, powers)


def harmless(stable: Floats, score: Floats) -> Floats:
    """The harmless alternatives' cell probabilities: (C, r), (C, r) -> (C, 2, r)."""
    return _by_powers(stable, [strength * score for strength in HARMLESS])


def _by_powers(stable: Floats, powers: list[Floats]) -> Floats:
    raw = np.exp(np.stack(powers, axis=1, dtype=ROUGH, casting="same_kind"))
    raw *= stable.astype(ROUGH)[:, None]
    raw /= raw.sum(axis=0)
    return np.asarray(raw)


def latency_log_evidence(
    canary: Floats, stable: Floats, earlier: Floats, bounds: Floats, *, slower: float, harm: float
) -> tuple[Floats, Floats]:
    """Log evidence (r, 6) against "the canary is stochastically no slower than `slower` (>= 1) times stable", and
    (r, 2) against "it is at least `harm` (> 1) times slower".

    `canary, stable` (r, C) are a tick's cell counts under upper `bounds` (C,), `earlier` (r, C) the stable cells of
    the ticks before. With M the slowing of the cells, the canary's factors s_c rise (for the second: fall) with
    latency and the stable ones follow from them, `n_c (M' s_c) + n_s s_s = n` in every cell: the expectation is at
    most 1 whatever the cells' law (arithmetic over geometric mean). At `slower` = 1 nothing is assumed; beyond 1 M
    rests on how requests lie within buckets (see `slowing`). Zero where either arm has no requests or nothing is
    known of stable.
    """
    back, on = np.empty((canary.shape[0], SLOWER)), np.empty((canary.shape[0], len(HARMLESS)))
    for start in range(0, canary.shape[0], BLOCK):
        part = slice(start, start + BLOCK)
        x, y, known = (np.ascontiguousarray(cells[part].T) for cells in (canary, stable, earlier))
        back[part], on[part] = _block(x, y, known, bounds, slower, harm)
    return back, on


def _block(
    canary: Floats, stable: Floats, earlier: Floats, bounds: Floats, slower: float, harm: float
) -> tuple[Floats, Floats]:
    n_c, n_s = canary.sum(axis=0), stable.sum(axis=0)
    usable = ((n_c > 0) & (n_s > 0) & (earlier.sum(axis=0) > 0))[:, None]
    odds = np.where(usable[:, 0], n_c, 1.0) / np.where(usable[:, 0], n_s, 1.0)
    known = earlier + SMOOTHING / earlier.shape[0]
    q_s = known / known.sum(axis=0)
    # not smoothed: what was never seen below a bucket must not pull the bucket's own requests down in it
    within, score = standing(earlier / np.maximum(earlier.sum(axis=0), 1e-300))
    middle, anchor = _middle(q_s), (within[:-1] < 0.5).sum(axis=0)
    cut = cuts(within, score, bounds, harm)
    moved: Slowing | None = cut.moving_fewer()
    factor = _factors(harmless(q_s, middle), q_s[:, None], odds, moved, anchor, rising=False)
    on = _gain(factor, odds, moved, canary, stable)
    if slower == 1.0:
        moved = None
    else:
        cut = cut if slower == harm else cuts(within, score, bounds, slower)
        moved = cut.moving_more()
    factor = _factors(tilted(q_s, middle), q_s[:, None], odds, moved, anchor, rising=True)
    back = _gain(factor, odds, moved, canary, stable)
    return np.where(usable, back.T, 0.0), np.where(usable, on.T, 0.0)


def _middle(cells: Floats) -> Floats:
    """Nearly the normal score of the middle of each cell, (C, r), within 0.2 out to one in 10,000. Which increasing
    function it is is a matter of power only.
    """
    above = np.cumsum(cells, axis=0) - 0.5 * cells
    logit = np.log(above / (1.0 - above))
    return np.asarray(np.copysign(4.177 * (np.sqrt(1.0 + 0.3 * np.abs(logit)) - 1.0), logit))


def _factors(q_c: Floats, q_s: Floats, odds: Floats, moved: Slowing | None, anchor: Rows, *, rising: bool) -> Floats:
    """`q_c / null` at nearly the null nearest to the alternative, made monotone in latency and scaled to expect 1
    under it; (C, A, r).
    """
    part, q_s = (odds / (1.0 + odds)).astype(ROUGH), q_s.astype(ROUGH)
    if moved is None:
        return np.asarray(q_c / (part * q_c + (1.0 - part) * q_s))
    moved = moved.roughly()
    null = moved.back(q_c / np.maximum(moved.forward(q_s), EMPTIEST))
    null *= part
    null += 1.0 - part
    null *= q_s
    slowed = np.maximum(moved.forward(null), EMPTIEST)
    factor = _made_monotone(q_c / slowed, anchor, rising)
    # an alternative on the null's side has no monotone factor: what is left is the constant 1, which stakes nothing
    slowed *= factor
    factor /= slowed.sum(axis=0)
    return np.asarray(factor)


def _made_monotone(factor: Floats, anchor: Rows, rising: bool) -> Floats:
    """Factors (C, A, r) flattened, where they fall (or rise), outwards from the `anchor` cell (r,): what the rare cells
    at either end say must not level out what the many in the middle say.
    """
    up, down = (np.maximum, np.minimum) if rising else (np.minimum, np.maximum)
    lowest, highest = int(anchor.min()), int(anchor.max())
    for cell in range(lowest + 1, factor.shape[0]):
        beyond = True if cell > highest else cell > anchor
        up(factor[cell - 1], factor[cell], out=factor[cell], where=beyond)
    for cell in range(highest - 1, -1, -1):
        below = True if cell < lowest else cell < anchor
        down(factor[cell + 1], factor[cell], out=factor[cell], where=below)
    return factor


def _gain(factor: Floats, odds: Floats, moved: Slowing | None, canary: Floats, stable: Floats) -> Floats:
    """Log evidence (A, r) of the rows' counts for the canary's factors; the stable ones follow from them."""
    factor = factor.astype(float)
    factor -= 1.0
    paid = odds * factor if moved is None else moved.times(odds).back(factor)
    shrink = np.minimum(1.0, LARGEST_STAKE / np.maximum(paid.max(axis=0), 1e-300))
    factor *= shrink
    won = np.log1p(factor, out=factor)
    won *= canary[:, None]
    paid *= -shrink
    lost = np.log1p(paid, out=paid)
    lost *= stable[:, None]
    won += lost
    return np.asarray(won.sum(axis=0))
