"""Evidence when nobody knows when the trouble began.

Evidence that the canary is healthy counts against a regression that starts later. So half of the bet starts at once and the other
half is spread over all later onsets: the bet on an onset within the first t seconds is `0.5 (1 - 1/(1 + t/60))`. A bet waits as
cash until its onset. Bets on different onsets share their later factors, so their sum obeys `M <- (M + newly placed) x e`: one
number a component, whatever the number of onsets, and one may start at every tick.
"""

import numpy as np

from analysis.proportion import Floats

AT_ONCE = 0.5
HALF_PLACED_AFTER = 60.0


def first_bets(releases: int, components: int) -> Floats:
    """Log bets running from the first instant, (R, K)."""
    return np.full((releases, components), np.log(AT_ONCE))


def cash(t: Floats) -> Floats:
    """The part of the bet not yet placed at t seconds, (r,)."""
    return np.asarray((1.0 - AT_ONCE) / (1.0 + t / HALF_PLACED_AFTER))


def roll_on(log_bets: Floats, gain: Floats, *, since: Floats, until: Floats) -> Floats:
    """Place the bets of (since, until], then multiply all by the tick's evidence; (r, K), (r, K), (r,), (r,) -> (r, K)."""
    placed = np.log(cash(since) - cash(until))
    return np.asarray(np.logaddexp(log_bets, placed[:, None]) + gain)


def log_total(log_bets: Floats, weights: Floats, t: Floats) -> Floats:
    """Log evidence of the whole bet, cash included: (R, K), weights (K,) summing to 1, (R,) -> (R,)."""
    running = log_sum_exp(log_bets + np.log(weights))
    return np.asarray(np.logaddexp(running, np.log(cash(t))))


def log_sum_exp(logs: Floats) -> Floats:
    """ln sum exp over the last axis; plain NumPy keeps it bit-equal for every number of rows."""
    top = logs.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(logs - top).sum(axis=-1)) + top[..., 0])
