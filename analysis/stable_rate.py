"""A predictable estimate of the stable error rate: only ticks before the one it is used for have a say.

Four exponentially forgetting gamma-Poisson estimates, averaged with weights that follow how well each
foretold the recent ticks (dynamic model averaging). A steady rate is learned from everything; a diurnal slope
or a shared outage is followed within ticks.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from analysis.forgetting import before_each, forgetting_sums
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

    def foretell(self, rows: Rows, errors: Floats, requests: Floats, seconds: Floats) -> Floats:
        """The rate foretold for each tick from those before it, (r, B); the ticks are learned on the way.

        `errors`, `requests` and `seconds` are (r, B). A tick without requests teaches nothing and ages nothing.
        """
        served = (requests > 0)[:, :, None]
        passed = np.where(served, seconds[:, :, None], 0.0)
        seen, failed = np.where(served, requests[:, :, None], 0.0), np.where(served, errors[:, :, None], 0.0)
        age = passed / MEMORIES
        errors_after = forgetting_sums(self.errors[rows], np.broadcast_to(failed, age.shape), age)
        requests_after = forgetting_sums(self.requests[rows], np.broadcast_to(seen, age.shape), age)
        shape = before_each(self.errors[rows], errors_after) + PRIOR_ERRORS
        inverse_scale = before_each(self.requests[rows], requests_after) + PRIOR_REQUESTS
        fit = _negative_binomial(failed, shape, inverse_scale / (inverse_scale + seen))
        score_after = forgetting_sums(self.score[rows], np.where(served, fit, 0.0), passed / SCORE_MEMORY)
        score = before_each(self.score[rows], score_after)
        weight = np.exp(score - score.max(axis=2, keepdims=True))
        mean = (weight * (shape / inverse_scale)).sum(axis=2) / weight.sum(axis=2)
        self.errors[rows], self.requests[rows] = errors_after[:, -1], requests_after[:, -1]
        self.score[rows] = score_after[:, -1] - score_after[:, -1].max(axis=1, keepdims=True)
        return np.asarray(np.clip(mean, LOWEST, HIGHEST))


def _negative_binomial(count: Floats, shape: Floats, probability: Floats) -> Floats:
    """Log probability of the count, without the part that all memories share."""
    missing = np.log1p(-np.minimum(probability, 1.0 - 1e-16))
    return np.asarray(gammaln(shape + count) - gammaln(shape) + shape * np.log(probability) + count * missing)
