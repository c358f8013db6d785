"""How long to wait before a read is tried again: as long as the server says, else a little longer each time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tenacity import RetryCallState, wait_exponential_jitter

from delivery.errors import Retry

LONGEST_WAIT_S = 5.0  # whatever a server asks for: it may have been meant for others


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a read is tried, and the longest wait in seconds for an answer to begin, whatever is asked."""

    attempts: int = 3
    longest_s: float = math.inf

    def bound(self, wait_s: float | None) -> float | None:
        """The wait for one call; None is for ever."""
        longest = None if math.isinf(self.longest_s) else self.longest_s
        return longest if wait_s is None else min(wait_s, self.longest_s)


USUAL = Patience()
_backing_off = wait_exponential_jitter(multiplier=0.1, max=1.0, jitter=0.1)


def between_attempts(state: RetryCallState) -> float:
    """Seconds, after the attempt that `state` tells of."""
    problem = state.outcome.exception() if state.outcome else None
    told = problem.after if isinstance(problem, Retry) else None
    return _backing_off(state) if told is None else min(told, LONGEST_WAIT_S)
