"""What every way to judge looks like: a running statistic and a threshold."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from benchmarks.peers.traffic import Floats, Traffic

NEVER = -np.inf


class Method(Protocol):
    """Rolls back at the first tick whose statistic exceeds the threshold.

    One statistic serves every threshold, so a method can be shown as its authors set it (`nominal`) and at the
    threshold at which it gives as many false alarms as the others.
    """

    @property
    def name(self) -> str:
        """As the tables say it."""
        ...

    @property
    def nominal(self) -> float:
        """The threshold as its authors set it."""
        ...

    def statistic(self, traffic: Traffic) -> Floats:
        """(R, T), `NEVER` at the ticks at which the method does not look."""
        ...

    def setting(self, threshold: float) -> str:
        """The threshold in words."""
        ...


def first_crossing(statistic: Floats, threshold: float, ends: Floats) -> Floats:
    """When the statistic (R, T) first exceeds the threshold: seconds (R,), infinite for never."""
    above = statistic > threshold
    return np.where(above.any(axis=1), ends[above.argmax(axis=1)], np.inf)


def highest(statistic: Floats) -> Floats:
    """The threshold just not exceeded in each run, (R,)."""
    return np.asarray(statistic.max(axis=1))


def matched_threshold(highest_healthy: Floats, rate: float) -> float:
    """The lowest threshold that at most `rate` of the healthy runs (R,) exceed."""
    allowed = int(np.floor(rate * highest_healthy.size))
    return float(np.sort(highest_healthy)[::-1][min(allowed, highest_healthy.size - 1)])


def at_looks(traffic: Traffic, interval: float, judge: Callable[[Traffic], Floats], delay: float = 0.0) -> Floats:
    """The statistic (R, T) of a method that looks every `interval` seconds only, and acts `delay` seconds later."""
    statistic: Floats = np.full(traffic.n_c.shape, NEVER)
    looks = judge(traffic.every(interval))
    step, later = round(interval / traffic.tick), round(delay / traffic.tick)
    columns = np.arange(1, looks.shape[1] + 1) * step - 1 + later
    inside = columns < statistic.shape[1]
    statistic[:, columns[inside]] = looks[:, inside]
    return statistic
