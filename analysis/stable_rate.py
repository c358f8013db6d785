"""A predictable estimate of the stable error rate: only ticks before the one it is used for have a say.

Four exponentially forgetting gamma-Poisson estimates, averaged with weights that follow how well each
foretold the recent ticks (dynamic model averaging). A steady rate is learned from everything; a diurnal slope
or a shared outage is followed within ticks.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from analysis.proportion import Floats, Rows

MEMORIES = np.array([3.0, 20.0, 150.0, 1200.0])
# One error in 500 requests, believed as if it came from 100; only the first tick leans on it.
PRIOR_ERRORS, PRIOR_REQUESTS = 0.2, 100.0
SCORE_MEMORY = 30.0
LOWEST, HIGHEST = 1e-7, 0.95


@dataclass(slots=True)
class StableRate:
    """Struct of arrays over R releases: `errors`, `requests`, `score` are (R, 4)."""

    errors: Floats
    requests: Floats
    score: Floats

    @classmethod
    def unknown(cls, releases: int) -> "StableRate":
        """Nothing seen yet: the prior."""
        shape = (releases, MEMORIES.size)
        return cls(np.zeros(shape), np.zeros(shape), np.zeros(shape))

    def estimate(self, rows: Rows) -> Floats:
        """The rate foretold for the next tick of the given rows, (r,)."""
        score = self.score[rows]
        weight = np.exp(score - score.max(axis=1, keepdims=True))
        rate = (self.errors[rows] + PRIOR_ERRORS) / (self.requests[rows] + PRIOR_REQUESTS)
        mean = (weight * rate).sum(axis=1) / weight.sum(axis=1)
        return np.asarray(np.clip(mean, LOWEST, HIGHEST))

    def learn(self, rows: Rows, errors: Floats, requests: Floats, seconds: Floats) -> None:
        """Take in a tick: (r,) errors, requests (all above 0) and seconds of the given rows."""
        seen = requests[:, None]
        shape = self.errors[rows] + PRIOR_ERRORS
        inverse_scale = self.requests[rows] + PRIOR_REQUESTS
        fit = _negative_binomial(errors[:, None], shape, inverse_scale / (inverse_scale + seen))
        score = self.score[rows] * np.exp(-seconds / SCORE_MEMORY)[:, None] + fit
        self.score[rows] = score - score.max(axis=1, keepdims=True)
        kept = np.exp(-seconds[:, None] / MEMORIES)
        self.errors[rows] = self.errors[rows] * kept + errors[:, None]
        self.requests[rows] = self.requests[rows] * kept + seen


def _negative_binomial(count: Floats, shape: Floats, probability: Floats) -> Floats:
    """Log probability of the count, without the part that all memories share; probability is below 1."""
    return np.asarray(
        gammaln(shape + count) - gammaln(shape) + shape * np.log(probability) + count * np.log1p(-probability)
    )
