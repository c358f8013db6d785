"""What one release needs to know, and the instants at which all releases are asked about together."""

from __future__ import annotations

import math
from dataclasses import dataclass

from delivery.telemetry.expressions import Expression
from mesh_adapters.adapter import Series
from mesh_adapters.istio.series import ISTIO

INSTANTS_AT_ONCE = 30  # after a longer silence one long tick says the same, for increments add up
_SLACK_S = 1e-6  # instants are stored to the microsecond


@dataclass(frozen=True, slots=True)
class Need:
    """Both arms' counters of one release from `data_through` on, as its mesh calls them.

    `interval` in seconds; instants are its multiples.
    """

    release: str
    namespace: str
    stable_workload: str
    canary_workload: str
    interval: float
    data_through: float
    latency: bool = False
    series: Series = ISTIO
    expressions: tuple[Expression, ...] = ()

    def due(self, now: float, settle: float) -> tuple[float, ...]:
        """The instants after `data_through` that were scraped by `now`, oldest first (seconds since the epoch)."""
        newest = math.floor((now - settle) / self.interval)
        first = math.floor((self.data_through + _SLACK_S) / self.interval) + 1
        if newest < first:
            return ()
        if newest - first >= INSTANTS_AT_ONCE:
            return (newest * self.interval,)
        return tuple(number * self.interval for number in range(first, newest + 1))
