"""How long to wait before a read is tried again: as long as the server says, else a little longer each time."""

from __future__ import annotations

from tenacity import RetryCallState, wait_exponential_jitter

from delivery.errors import Retry

LONGEST_WAIT_S = 5.0  # whatever a server asks for: it may have been meant for others

_backing_off = wait_exponential_jitter(multiplier=0.1, max=1.0, jitter=0.1)


def between_attempts(state: RetryCallState) -> float:
    """Seconds, after the attempt that `state` tells of."""
    problem = state.outcome.exception() if state.outcome else None
    told = problem.after if isinstance(problem, Retry) else None
    return _backing_off(state) if told is None else min(told, LONGEST_WAIT_S)
