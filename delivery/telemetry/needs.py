"""What one release needs to know, and the instants at which all releases are asked about together."""

from __future__ import annotations

import math
from dataclasses import dataclass

from delivery.telemetry.expressions import Expression
from mesh_adapters.istio.series import ISTIO
from mesh_adapters.series import Series
from mesh_adapters.subjects import Name

INSTANTS_AT_ONCE = 30  # after a longer silence one long tick says the same, for increments add up
_SLACK_S = 1e-6  # instants are stored to the microsecond


@dataclass(frozen=True, slots=True)
class Need:
    """Both arms' counters of one release from `data_through` on, as its mesh calls them.

    `interval` in seconds; instants are its multiples. `stable_name` and `canary_name` are of workloads or of Services,
    whichever `series` counts by. `canary_counted`: something of the canary was counted before `data_through`, so that
    what it shows may be counted already.
    """

    release: str
    namespace: str
    stable_name: str
    canary_name: str
    interval: float
    data_through: float
    latency: bool = False
    series: Series = ISTIO
    expressions: tuple[Expression, ...] = ()
    canary_counted: bool = False

    @property
    def names(self) -> tuple[Name, Name]:
        """Stable's and the canary's."""
        return (self.namespace, self.stable_name), (self.namespace, self.canary_name)

    def due(self, now: float, settle: float) -> tuple[float, ...]:
        """The instants after `data_through` that were scraped by `now`, oldest first (seconds since the epoch)."""
        newest = math.floor((now - settle) / self.interval)
        first = math.floor((self.data_through + _SLACK_S) / self.interval) + 1
        if newest < first:
            return ()
        if newest - first >= INSTANTS_AT_ONCE:
            return (newest * self.interval,)
        return tuple(number * self.interval for number in range(first, newest + 1))
