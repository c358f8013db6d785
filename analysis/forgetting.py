"""Sums that forget: `S_k = S_(k-1) exp(-age_k) + added_k`, for a whole block of ticks at once."""

import numpy as np

from analysis.proportion import Floats

# exp of twice this is still finite, so no product of a sum and its growth overflows.
LONGEST = 300.0


def forgetting_sums(start: Floats, added: Floats, age: Floats) -> Floats:
    """The sums after every tick: start (r, K), added (r, B, K), age >= 0 (r, B, K) or (r, B, 1) -> (r, B, K).

    Over more than one tick the closed form `exp(-A_k) (start + sum added_i exp(A_i))`, A the running age, is used,
    in pieces that cannot overflow; one tick is the recursion itself.
    """
    if added.shape[1] == 1:
        return np.asarray((start * np.exp(-age[:, 0]) + added[:, 0])[:, None])
    running = np.cumsum(age, axis=1)
    if running[:, -1].size and running[:, -1].max() > LONGEST:
        half = added.shape[1] // 2
        first = forgetting_sums(start, added[:, :half], age[:, :half])
        return np.concatenate([first, forgetting_sums(first[:, -1], added[:, half:], age[:, half:])], axis=1)
    return np.asarray(np.exp(-running) * (start[:, None] + np.cumsum(added * np.exp(running), axis=1)))


def before_each(start: Floats, after: Floats) -> Floats:
    """What was known before each tick, from what was known after it: (r, K), (r, B, K) -> (r, B, K)."""
    if after.shape[1] == 1:
        return start[:, None]
    return np.concatenate([start[:, None], after[:, :-1]], axis=1)
