"""An absolute objective on the error rate of both arms together.

A canary that overloads what both versions depend on harms both alike and cannot be seen by comparing them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.observation import TickCounts
from analysis.onset import OnsetBets
from analysis.proportion import Floats
from analysis.settings import ReleaseSettings

# Alternatives: the odds of an error are so many times those at the objective.
ODDS = np.array([1.5, 3.0, 10.0])
WEIGHTS = np.array([0.4, 0.3, 0.3])
ONSET = OnsetBets(at_once=0.5)
UNASKED = np.nan


@dataclass(slots=True)
class ObjectiveEvidence:
    """`rate` (R,) the highest error rate allowed, NaN where none is asked for; `bets` (R, 3) log bets."""

    rate: Floats
    bets: Floats

    @classmethod
    def nothing_yet(cls, settings: Sequence[ReleaseSettings]) -> "ObjectiveEvidence":
        """The state before the first tick."""
        rate = np.array([UNASKED if s.objective is None else s.objective for s in settings], dtype=float)
        return cls(rate, ONSET.first((len(settings), ODDS.size)))

    def observe(self, tick: TickCounts, phi: Floats) -> Floats:
        """Log evidence after each tick against "both arms together keep to the objective at every instant", (r, B).

        Bernoulli likelihood ratios at `ODDS`, divided by `phi` (r, B); 0 where there is no objective.
        """
        rows = tick.rows
        asked = ~np.isnan(self.rate[rows])
        if not asked.any():
            return np.zeros_like(tick.t)
        rate = np.where(asked, self.rate[rows], 0.5)[:, None, None]
        requests, errors = (tick.n_s + tick.n_c)[:, :, None], (tick.e_s + tick.e_c)[:, :, None]
        success = -np.log1p(rate * (ODDS - 1.0))
        gain = (errors * np.log(ODDS) + requests * success) / phi[:, :, None]
        gain = np.where((tick.t > tick.since)[:, :, None], gain, 0.0)
        bets = ONSET.roll_on(self.bets[rows], gain, since=tick.since, until=tick.t)
        self.bets[rows] = bets[:, -1]
        return np.where(asked[:, None], ONSET.log_total(bets, WEIGHTS, tick.t), 0.0)

    def log_evidence(self, t: Floats) -> Floats:
        """The same at the last instants t (R,), (R,)."""
        return np.where(np.isnan(self.rate), 0.0, ONSET.log_total(self.bets, WEIGHTS, t))
