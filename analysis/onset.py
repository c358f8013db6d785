"""Evidence when nobody knows when the trouble began.

Evidence that the canary is healthy counts against a regression that starts later. So part of the bet starts
at once and the rest is spread over all later onsets: the bets on an onset within (0, t] add up to `(1 -
at_once) (1 - 1/(1 + t/half_placed))`. A bet waits as cash until its onset. Bets on different onsets share
their later factors, so their sum obeys `M <- (M + newly placed) x e`: one number a component however many
onsets there are, and one may lie at every tick.
"""

from dataclasses import dataclass

import numpy as np

from analysis.proportion import Floats


@dataclass(frozen=True, slots=True)
class OnsetBets:
    """How a stake of 1 is spread over onsets: `at_once` immediately, half of the rest within `half_placed`
    seconds.
    """

    at_once: float
    half_placed: float = 600.0

    def first(self, shape: tuple[int, ...]) -> Floats:
        """Log bets running from the first instant."""
        return np.full(shape, np.log(self.at_once))

    def cash(self, t: Floats) -> Floats:
        """The part of the stake not yet placed at t seconds."""
        return np.asarray((1.0 - self.at_once) / (1.0 + t / self.half_placed))

    def roll_on(self, log_bets: Floats, gain: Floats, *, since: Floats, until: Floats) -> Floats:
        """Place the bets of each tick (since, until], then multiply all by its log evidence, tick after tick:
        (r, K...), (r, B, K...), (r, B), (r, B) -> log bets after each tick (r, B, K...). A tick without length places
        nothing.
        """
        # cash(since) - cash(until), written without the difference of nearly equal numbers
        reach = (self.half_placed + since) * (self.half_placed + until)
        with np.errstate(divide="ignore"):
            placed = np.log((1.0 - self.at_once) * self.half_placed * (until - since) / reach)
        placed = placed.reshape(placed.shape + (1,) * (gain.ndim - 2))
        if gain.shape[1] == 1:
            return np.asarray(np.logaddexp(log_bets[:, None], placed) + gain)
        grown = np.cumsum(gain, axis=1)
        at_start = np.concatenate([np.zeros_like(gain[:, :1]), grown[:, :-1]], axis=1)
        stakes = np.concatenate([log_bets[:, None], placed - at_start], axis=1)
        return np.asarray(np.logaddexp.accumulate(stakes, axis=1)[:, 1:] + grown)

    def log_total(self, log_bets: Floats, weights: Floats, t: Floats) -> Floats:
        """Log evidence of the whole stake, cash included: (*t.shape, ..., K), weights (K,) summing to 1, t seconds ->
        (*t.shape, ...).
        """
        running = log_sum_exp(log_bets + np.log(weights))
        waiting = np.log(self.cash(t)).reshape(t.shape + (1,) * (running.ndim - t.ndim))
        return np.asarray(np.logaddexp(running, waiting))


def log_sum_exp(logs: Floats) -> Floats:
    """ln sum exp over the last axis; plain NumPy keeps it bit-equal for every number of rows."""
    top = logs.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(logs - top).sum(axis=-1)) + top[..., 0])
