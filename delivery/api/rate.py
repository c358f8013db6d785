"""How often one caller may call."""

from __future__ import annotations

from cachetools import TTLCache

CALLERS = 10_000
WITHIN_S = 60.0


class Rate:
    """So many calls at once, and as many again within a minute, evenly (the generic cell rate algorithm).

    A number a caller, on the event loop: the limiters at hand start a thread for each call that they count.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._used_up_until: TTLCache[str, float] = TTLCache(CALLERS, WITHIN_S)

    def allows(self, caller: str, now: float) -> bool:
        """Counts the call, unless it is one too many."""
        one = WITHIN_S / self.per_minute
        until = max(self._used_up_until.get(caller, now), now) + one
        if until - now > WITHIN_S:
            return False
        self._used_up_until[caller] = until
        return True
