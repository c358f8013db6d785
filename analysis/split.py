"""Does the mesh split the traffic as it was told? A sample-ratio mismatch test that may be looked at always.

Lindon and Malek, "Anytime-valid inference for multinomial count data" (2022): a Dirichlet mixture over splits
against the commanded one. Each commanded share is a regime of its own; regime j needs j(j+1) times the
evidence, so all together spend the risk once.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from analysis.observation import TickCounts
from analysis.proportion import Floats

PRIOR = 100.0
# Meshes round weights and clients keep connections: a tenth off, relatively, is still the split that was asked for.
LEEWAY = 0.1
RISK = 0.001
UNTOLD = -1.0
SHARE, CANARY, STABLE, REGIME = range(4)


def log_split_evidence(canary: Floats, stable: Floats, share: Floats, leeway: float = 0.0) -> Floats:
    """Log evidence that requests are not split as `share` (canary's part, in (0, 1)), within a relative
    leeway; all (r,).

    1/exp of it is Lindon and Malek's sequential p-value for prior `100 x share`. With leeway the likeliest
    split inside it is the null, which can only lower the evidence.
    """
    told = np.stack([share, 1.0 - share], axis=-1)
    counts = np.stack([canary, stable], axis=-1)
    alpha, total = PRIOR * told, counts.sum(axis=-1)
    mixture = gammaln(PRIOR) - gammaln(PRIOR + total) + (gammaln(alpha + counts) - gammaln(alpha)).sum(axis=-1)
    seen = canary / np.maximum(total, 1.0)
    room = leeway * np.minimum(share, 1.0 - share)
    null = np.clip(seen, share - room, share + room)
    return np.asarray(mixture - canary * np.log(null) - stable * np.log1p(-null))


@dataclass(slots=True)
class SplitEvidence:
    """`seen` (R, 4): the commanded share (or -1), canary and stable requests under it, and how many regimes
    there have been.
    """

    seen: Floats

    @classmethod
    def nothing_yet(cls, releases: int) -> "SplitEvidence":
        """The state before the first tick."""
        return cls(np.tile([UNTOLD, 0.0, 0.0, 0.0], (releases, 1)))

    def observe(self, tick: TickCounts) -> Floats:
        """What is known after each of B ticks, (r, B, 4). Shares that are unknown, 0 or 1 say nothing."""
        before = self.seen[tick.rows]
        told = (tick.share > 0.0) & (tick.share < 1.0)
        share = _latest(np.concatenate([before[:, None, SHARE], np.where(told, tick.share, np.nan)], axis=1))
        changed = share[:, 1:] != share[:, :-1]
        requests = np.where(told[:, :, None], np.stack([tick.n_c, tick.n_s], axis=2), 0.0)
        grown = np.cumsum(requests, axis=1)
        # a regime counts from its first tick: take off what had been counted by the one before it
        first = np.maximum.accumulate(np.where(changed, np.arange(share.shape[1] - 1), -1), axis=1)[:, :, None]
        earlier = np.take_along_axis(grown - requests, np.maximum(first, 0), axis=1)
        counted = np.where(first < 0, before[:, None, CANARY : STABLE + 1] + grown, grown - earlier)
        regime = before[:, None, REGIME] + np.cumsum(changed, axis=1)
        course = np.concatenate([share[:, 1:, None], counted, regime[:, :, None]], axis=2)
        self.seen[tick.rows] = course[:, -1]
        return course


def _latest(values: Floats) -> Floats:
    """Each NaN of (r, B) replaced by what stands before it; the first column has none."""
    place = np.where(np.isnan(values), 0, np.arange(values.shape[1]))
    return np.asarray(np.take_along_axis(values, np.maximum.accumulate(place, axis=1), axis=1))


def mismatch(seen: Floats) -> np.ndarray:
    """Whether the present regime's split is refuted at a risk of 0.1 % a release: (..., 4) -> (...,) bool."""
    told = seen[..., SHARE] > 0.0
    share = np.where(told, seen[..., SHARE], 0.5)
    evidence = log_split_evidence(seen[..., CANARY], seen[..., STABLE], share, LEEWAY)
    regime = np.maximum(seen[..., REGIME], 1.0)
    return np.asarray(told & (evidence >= np.log(regime * (regime + 1.0) / RISK)))
