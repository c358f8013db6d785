"""The sequential probability ratio test that is told both error rates: nobody can have it, everybody is measured by it.

Its null is the pair of equal rates that is hardest to tell from the truth, the rate of all traffic together. The ratio
then has mean 1 as well when both arms fail at stable's rate.
"""

from dataclasses import dataclass

import numpy as np

from benchmarks.peers.traffic import Floats, Scenario, Traffic


@dataclass(frozen=True, slots=True)
class Oracle:
    """Log likelihood ratio of the scenario's rates against their mean."""

    scenario: Scenario
    nominal: float = float(np.log(100.0))

    @property
    def name(self) -> str:
        return "oracle SPRT (knows both rates)"

    def statistic(self, traffic: Traffic) -> Floats:
        p_c, p_s = self.scenario.canary, self.scenario.stable
        p = traffic.share * p_c + (1.0 - traffic.share) * p_s
        canary = traffic.e_c * np.log(p_c / p) + (traffic.n_c - traffic.e_c) * np.log((1 - p_c) / (1 - p))
        stable = traffic.e_s * np.log(p_s / p) + (traffic.n_s - traffic.e_s) * np.log((1 - p_s) / (1 - p))
        return np.cumsum(canary + stable, axis=1)

    def setting(self, threshold: float) -> str:
        return f"E > {np.exp(threshold):.3g}"
