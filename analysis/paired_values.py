"""Evidence about a value of any kind that both versions show at the same time: a gauge's mean, a ratio of counters.

What both versions share (load, the time of day) is taken out by looking at `d = canary - (1 + relative) stable -
absolute` alone, averaged over blocks of a minute so that neighbours depend on each other little. Of normal blocks with
unknown mean and spread, the likelihood ratio of the t statistic, "the mean is delta spreads above 0" to "it is 0", is
an e-process (Perez-Ortiz, Lardy, de Heide and Grunwald, "E-statistics, group invariance and anytime-valid testing",
2022): with u for sqrt(sum d^2)/sigma,

    e(delta) = exp(-n delta^2 / 2) Int u^(n-1) exp(-u^2/2 + a delta u) du / Int u^(n-1) exp(-u^2/2) du,
    a = sum d / sqrt(sum d^2).

It falls with the mean, so it holds for every mean below 0 as well. What neighbouring blocks still have in common
divides the logarithm: with a correlation r between neighbours, n blocks tell as much as n (1 - r)/(1 + r) independent
ones. That is a correction to second order and no guarantee; what it achieves is in docs/analysis.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, log, sqrt
from typing import Any, Literal

import numpy as np

from analysis.errors import InvalidObservation, InvalidSettings, InvalidState
from analysis.settings import Tolerance

BLOCK_S = 60.0
EFFECTS = np.array([0.5, 1.0, 2.0, 4.0, 8.0])
INTERVAL_RISK = 0.05
VERSION = 1
_POINTS = 600
_FIELDS = ("t", "seconds", "stable", "canary", "n", "first", "sum", "squares", "lagged", "last", "gap", "gap_squares")


@dataclass(frozen=True, slots=True)
class PairedSettings:
    """The canary may be up to `(1 + relative) stable + absolute`; for `worse="lower"` down to `(1 - relative) stable -
    absolute`. With neither part, no canary that is as good as stable can be shown to be. Raises InvalidSettings.
    """

    tolerance: Tolerance
    worse: Literal["higher", "lower"] = "higher"

    def __post_init__(self) -> None:
        for part in (self.tolerance.absolute, self.tolerance.relative):
            if not (isfinite(part) and part >= 0.0):
                raise InvalidSettings(0, "tolerance", "needs finite parts of at least 0")

    def beyond(self, stable: float, canary: float) -> float:
        """How far the canary is beyond what is tolerated, in the value's unit; below 0 within."""
        absolute, relative = self.tolerance.absolute, self.tolerance.relative
        if self.worse == "higher":
            return canary - (1.0 + relative) * stable - absolute
        return (1.0 - relative) * stable - absolute - canary


@dataclass(frozen=True, slots=True)
class PairedTick:
    """Both versions' values over `seconds` up to `t` (seconds since the first judged instant), None where not shown."""

    t: float
    seconds: float
    stable: float | None
    canary: float | None


@dataclass(slots=True)
class PairedEvidence:
    """The sums of the blocks so far, and of the block that is not full yet."""

    settings: PairedSettings
    t: float = 0.0
    seconds: float = 0.0
    stable: float = 0.0
    canary: float = 0.0
    n: float = 0.0
    first: float = 0.0
    sum: float = 0.0
    squares: float = 0.0
    lagged: float = 0.0
    last: float = 0.0
    gap: float = 0.0
    gap_squares: float = 0.0

    @classmethod
    def resume(cls, settings: PairedSettings, state: Mapping[str, Any]) -> "PairedEvidence":
        """Go on from a stored state. Raises InvalidState."""
        if state.get("version") != VERSION:
            raise InvalidState(0, "version", f"is {state.get('version')!r}; this program reads {VERSION}")
        try:
            values = {name: float(state[name]) for name in _FIELDS}
        except (KeyError, TypeError, ValueError) as cause:
            raise InvalidState(0, "paired", "is incomplete or not numeric") from cause
        if not all(isfinite(value) for value in values.values()):
            raise InvalidState(0, "paired", "holds a value that is not finite")
        return cls(settings, **values)

    def state(self) -> dict[str, Any]:
        """JSON-serialisable, of fixed size."""
        return {"version": VERSION} | {name: getattr(self, name) for name in _FIELDS}

    def observe(self, tick: PairedTick) -> None:
        """Take in one tick; one without a value of both is passed over. Raises InvalidObservation, and then takes in
        nothing.
        """
        if tick.stable is None or tick.canary is None:
            return
        for field in ("t", "seconds", "stable", "canary"):
            if not isfinite(getattr(tick, field)):
                raise InvalidObservation(0, field, "must be a finite number; send None when there is no data")
        if tick.t <= self.t or tick.seconds <= 0.0:
            raise InvalidObservation(0, "t", "must be later than the tick before")
        self.t = tick.t
        self.stable += tick.seconds * tick.stable
        self.canary += tick.seconds * tick.canary
        self.seconds += tick.seconds
        if self.seconds >= BLOCK_S * (1 - 1e-9):
            self._close()

    def _close(self) -> None:
        stable, canary = self.stable / self.seconds, self.canary / self.seconds
        beyond, gap = self.settings.beyond(stable, canary), canary - stable
        if self.n:
            self.lagged += beyond * self.last
        else:
            self.first = beyond
        self.last = beyond
        self.n += 1
        self.sum += beyond
        self.squares += beyond * beyond
        self.gap += gap
        self.gap_squares += gap * gap
        self.seconds = self.stable = self.canary = 0.0

    def log_rollback(self) -> float:
        """Log evidence against "within what is tolerated at every instant"."""
        return _log_evidence(self.n, self.sum, self.squares) / self._worth()

    def log_advance(self) -> float:
        """Log evidence against "beyond what is tolerated at every instant"."""
        return _log_evidence(self.n, -self.sum, self.squares) / self._worth()

    def _worth(self) -> float:
        """What divides the evidence: (1 + r)/(1 - r) of neighbouring blocks, r corrected for its bias in few blocks."""
        if self.n < 3:
            return 1.0
        mean = self.sum / self.n
        spread = self.squares - self.n * mean * mean
        if spread <= 1e-12 * self.squares:
            return 1.0
        ends = mean * (2.0 * self.sum - self.first - self.last)
        r = (self.lagged - ends + (self.n - 1) * mean * mean) / spread
        r = min(0.95, max(0.0, r + (2.0 + 4.0 * max(0.0, r)) / self.n))
        return (1.0 + r) / (1.0 - r)

    def detail(self) -> dict[str, Any]:
        """The mean difference over whole blocks and where it lies with 95 % at all times; None where not known yet."""
        mean = self.gap / self.n if self.n else None
        lower, upper = self._interval()
        return {"blocks": self.n, "difference": mean, "difference_lower": lower, "difference_upper": upper}

    def _interval(self) -> tuple[float | None, float | None]:
        """All differences that the two-sided evidence does not refute, by bisection."""
        if self.n < 3:
            return None, None
        mean = self.gap / self.n
        spread = sqrt(max(0.0, self.gap_squares / self.n - mean * mean))
        if spread == 0.0:
            return mean, mean
        needed = -log(INTERVAL_RISK) * self._worth()
        ends = [self._end(mean, side * spread, needed) for side in (-1.0, 1.0)]
        return ends[0], ends[1]

    def _end(self, mean: float, spread: float, needed: float) -> float | None:
        low, high = 0.0, 1.0
        while not self._refuted(mean + high * spread, needed):
            high *= 2.0
            if high > 1e6:
                return None
        for _ in range(40):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if self._refuted(mean + middle * spread, needed) else (middle, high)
        return mean + high * spread

    def _refuted(self, value: float, needed: float) -> bool:
        total = self.gap - self.n * value
        squares = self.gap_squares - 2.0 * value * self.gap + self.n * value * value
        above, below = (_log_evidence(self.n, side, squares) for side in (total, -total))
        return float(np.logaddexp(above, below)) - log(2.0) >= needed


def _log_evidence(n: float, total: float, squares: float) -> float:
    """ln of the mean of e(delta) over EFFECTS, of n blocks with sum `total` and sum of squares `squares`."""
    if n < 2 or squares <= 0.0:
        return 0.0
    a = max(-sqrt(n), min(sqrt(n), total / sqrt(squares)))
    top = sqrt(n) + max(0.0, a) * float(EFFECTS[-1]) + 10.0
    u = np.linspace(top / _POINTS, top, _POINTS)
    core = (n - 1) * np.log(u) - 0.5 * u * u
    plain = np.logaddexp.reduce(core)
    shifted = np.logaddexp.reduce(core[None] + a * EFFECTS[:, None] * u[None], axis=1) - n * EFFECTS**2 / 2.0
    return float(np.logaddexp.reduce(shifted - plain)) - log(EFFECTS.size)
