"""What no method can beat: E[delay] >= ln(1/risk) / information a second.

The information is that of the pair of arms against the equal pair hardest to tell from it, both at the mean of all
traffic. It holds for a rule that alarms with probability at most `risk`, ever, and does not
stop looking: the mean delay of a rule with a horizon leaves out what it never finds.
"""

import math

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import rel_entr
from scipy.stats import norm

from benchmarks.peers.traffic import REQUESTS, Floats, Scenario

RISK = 0.01
ISTIO_BOUNDS = np.array([0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, math.inf])
MEDIAN, SIGMA = 80.0, 0.6
# Nats a request below which two laws are taken to be equal.
ROUNDING = 1e-12


def information(canary: Floats, stable: Floats, share: float, *, requests: float = REQUESTS) -> float:
    """Nats a second about which arm a request of `requests` a second belongs to, from cell probabilities (C,) each."""
    mean = share * canary + (1.0 - share) * stable
    return requests * float(share * rel_entr(canary, mean).sum() + (1.0 - share) * rel_entr(stable, mean).sum())


def delay_limit(canary: Floats, stable: Floats, share: float, *, risk: float = RISK) -> float:
    """Seconds; infinite for equal laws."""
    if np.array_equal(canary, stable):
        return math.inf
    return math.log(1.0 / risk) / information(canary, stable, share)


def error_limit(scenario: Scenario, share: float, *, risk: float = RISK) -> float:
    """Seconds, for error rates."""
    canary, stable = (np.array([rate, 1.0 - rate]) for rate in (scenario.canary, scenario.stable))
    return delay_limit(canary, stable, share, risk=risk)


def slower_limit(canary: Floats, stable: Floats, share: float, *, risk: float = RISK) -> float:
    """The limit of every test that alarms with probability at most `risk` whatever the laws, as long as the canary is
    stochastically no slower: seconds, infinite where it is none the slower.

    The information is that against the nearest pair of laws so ordered, which is that of maximum likelihood under the
    order (Brunk, Franck, Hanson and Hogg 1966). Cells (C,) from fast to slow.
    """
    seen = canary + stable > 0.0
    canary, stable = canary[seen], stable[seen]
    mean = share * canary + (1.0 - share) * stable
    near_canary = canary * _fitted(mean, canary, rising=False)
    near_stable = stable * _fitted(mean, stable, rising=True)
    known = share * rel_entr(canary, near_canary).sum() + (1.0 - share) * rel_entr(stable, near_stable).sum()
    return math.log(1.0 / risk) / (REQUESTS * float(known)) if known > ROUNDING else math.inf


def _fitted(mean: Floats, law: Floats, *, rising: bool) -> Floats:
    """The monotone regression of mean/law, weighted by law; cells the law never visits have no say."""
    ratio, visited = np.ones_like(law), law > 0.0
    fit = isotonic_regression(mean[visited] / law[visited], weights=law[visited], increasing=rising)
    ratio[visited] = fit.x
    return ratio


def lognormal_cells(median: float = MEDIAN, below: float = SIGMA, above: float = SIGMA) -> Floats:
    """Probabilities of Istio's cells (14,), lognormal, sigma of its own on either side of the median (milliseconds)."""
    score = np.log(ISTIO_BOUNDS / median)
    return np.diff(norm.cdf(score / np.where(score > 0, above, below)), prepend=0.0)


def wider_sigma(times: float) -> float:
    """The sigma that moves p99 up to `times` its value and leaves the median alone."""
    return SIGMA + math.log(times) / float(norm.ppf(0.99))
