"""Flagger's way: a fixed objective for the canary's success rate, and a count of failed checks.

Every interval the success rate of the last interval is checked. A failed check raises a counter that nothing but a
new revision sets back, so failures need not follow one another; no requests at all is a failed check too. The counter
is compared with its limit before the next check, so the rollback comes one interval after the last failure it took.
"""

from dataclasses import dataclass

import numpy as np

from benchmarks.peers.method import at_looks
from benchmarks.peers.traffic import Floats, Traffic


@dataclass(frozen=True, slots=True)
class SuccessRateObjective:
    """Rolls back after `failures` checks with more than a threshold of errors; the statistic is the error rate that
    so many checks exceeded so far.
    """

    interval: float = 60.0
    failures: int = 5
    nominal: float = 0.01

    @property
    def name(self) -> str:
        return f"Flagger style, every {self.interval:g} s"

    def statistic(self, traffic: Traffic) -> Floats:
        return at_looks(traffic, self.interval, self._worst_checks, delay=self.interval)

    def setting(self, threshold: float) -> str:
        return f"success < {100 * (1 - threshold):.2f} %, {self.failures} times"

    def _worst_checks(self, looks: Traffic) -> Floats:
        """The `failures`-th highest error rate of the checks so far, -inf before there were as many."""
        with np.errstate(invalid="ignore", divide="ignore"):
            rate = np.where(looks.n_c > 0, looks.e_c / looks.n_c, np.inf)
        worst = np.full((rate.shape[0], self.failures + 1), -np.inf)
        result = np.empty_like(rate)
        for look in range(rate.shape[1]):
            worst[:, 0] = rate[:, look]
            worst.sort(axis=1)
            result[:, look] = worst[:, 1]
        return result
