"""Evidence about the error rate of R releases, both ways, as one struct of arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.observation import TickCounts
from analysis.onset import OnsetBets
from analysis.proportion import Floats, Rows, bernoulli_log_evidence, relative_log_evidence
from analysis.settings import ReleaseSettings
from analysis.stable_rate import StableRate

# Roll-back alternatives: the odds of an error are psi times those at the boundary.
PSI = np.array([1.25, 1.5, 2.0, 3.5, 8.0, 18.0])
PSI_WEIGHTS = np.array([0.06, 0.19, 0.4, 0.07, 0.15, 0.13])
# Advance alternatives: the canary fails kappa times as often as the stable version.
KAPPA = np.array([0.9, 1.1])
KAPPA_WEIGHTS = np.array([0.5, 0.5])
ROLLBACK_ONSET = OnsetBets(at_once=0.82)
# A bad first minute must not silence a release for good, yet most canaries are healthy from the start.
ADVANCE_ONSET = OnsetBets(at_once=0.9)
HIGHEST_BOUNDARY = 0.97
WIDEST = 0.9
# Ticks at a time: what they need stays in a processor cache.
AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class ErrorNulls:
    """Boundaries of R releases: `rho, delta` (R,) for rolling back, `rho_step, delta_step` (R, S) for advancing."""

    rho: Floats
    delta: Floats
    rho_step: Floats
    delta_step: Floats

    @classmethod
    def of(cls, settings: Sequence[ReleaseSettings]) -> "ErrorNulls":
        """Lay the settings out; shorter step lists are padded with their last step."""
        steps = max((len(s.advance_tolerances) for s in settings), default=1)
        ladders = [
            s.advance_tolerances + s.advance_tolerances[-1:] * (steps - len(s.advance_tolerances)) for s in settings
        ]
        return cls(
            rho=np.array([1.0 + s.error_tolerance.relative for s in settings]),
            delta=np.array([min(s.error_tolerance.absolute, WIDEST) for s in settings], dtype=float),
            rho_step=np.array([[1.0 + t.relative for t in ladder] for ladder in ladders]).reshape(-1, steps),
            delta_step=np.array([[min(t.absolute, WIDEST) for t in ladder] for ladder in ladders], dtype=float).reshape(
                -1, steps
            ),
        )

    def of_step(self, rows: Rows, step: Rows) -> tuple[Floats, Floats]:
        """`rho` and `delta` of the rows' steps, (r,) each."""
        return self.rho_step[rows, step], self.delta_step[rows, step]


@dataclass(slots=True)
class ErrorEvidence:
    """`rollback` (R, 6) log bets, one an alternative, `advance` (R, S, 2) likewise per step, and the estimate
    they stake by.
    """

    nulls: ErrorNulls
    stable_rate: StableRate
    rollback: Floats
    advance: Floats

    @classmethod
    def nothing_yet(cls, nulls: ErrorNulls) -> "ErrorEvidence":
        """The state before the first tick."""
        releases, steps = nulls.rho_step.shape
        return cls(
            nulls,
            StableRate.unknown(releases),
            ROLLBACK_ONSET.first((releases, PSI.size)),
            ADVANCE_ONSET.first((releases, steps, KAPPA.size)),
        )

    def observe(self, tick: TickCounts, phi: Floats) -> "ErrorCourse":
        """Take in B ticks of the rows, whose log evidence is divided by `phi` (r, B); what was known after each."""
        expected = self.stable_rate.foretell(tick.rows, tick.e_s, tick.n_s, tick.t - tick.since)
        # a tick without length is no evidence
        over = np.where(tick.t > tick.since, 1.0 / phi, 0.0)
        rows, shape = tick.rows, tick.t.shape
        rollback = np.empty((*shape, PSI.size))
        advance = np.empty((*shape, *self.advance.shape[1:]))
        size = max(1, AT_ONCE // shape[1])
        for start in range(0, rows.size, size):
            part = slice(start, start + size)
            rollback[part], advance[part] = self._roll_on(tick.of(part), expected[part], over[part, :, None])
        self.rollback[rows], self.advance[rows] = rollback[:, -1], advance[:, -1]
        return ErrorCourse(tick.t, rollback, advance)

    def _roll_on(self, tick: TickCounts, expected: Floats, over: Floats) -> tuple[Floats, Floats]:
        """The bets after each tick, of rolling back and of advancing."""
        against = self._against_tolerance(tick, expected) * over
        for_step = self._against_harm(tick, expected) * over[:, :, :, None]
        when = {"since": tick.since, "until": tick.t}
        return (
            ROLLBACK_ONSET.roll_on(self.rollback[tick.rows], against, **when),
            ADVANCE_ONSET.roll_on(self.advance[tick.rows], for_step, **when),
        )

    def now(self, t: Floats) -> "ErrorCourse":
        """What is known at the last instants t (R,), as a course of one tick."""
        return ErrorCourse(t[:, None], self.rollback[:, None], self.advance[:, None])

    def _against_tolerance(self, tick: TickCounts, expected: Floats) -> Floats:
        rho, delta = self.nulls.rho[tick.rows], self.nulls.delta[tick.rows]
        gain = np.empty((*expected.shape, PSI.size))
        ratio_only = delta == 0.0
        for mask, rule in ((ratio_only, _relative), (~ratio_only, _mixed)):
            chosen = np.flatnonzero(mask)
            n_c, e_c, n_s, e_s = (a[chosen, :, None] for a in (tick.n_c, tick.e_c, tick.n_s, tick.e_s))
            margin = rho[chosen, None, None], delta[chosen, None, None]
            gain[chosen] = rule(n_c, e_c, n_s, e_s, *margin, expected[chosen, :, None])
        return gain

    def _against_harm(self, tick: TickCounts, expected: Floats) -> Floats:
        rho, delta = (a[tick.rows][:, None, :, None] for a in (self.nulls.rho_step, self.nulls.delta_step))
        p_s = np.minimum(expected[:, :, None, None], (HIGHEST_BOUNDARY - delta) / rho)
        p_c = np.minimum(KAPPA * p_s, 0.9 * (rho * p_s + delta))
        n_c, e_c, n_s, e_s = (a[:, :, None, None] for a in (tick.n_c, tick.e_c, tick.n_s, tick.e_s))
        # towards stable's own rate the Poisson point is near enough at every rate at which canaries are advanced
        return bernoulli_log_evidence(n_c, e_c, n_s, e_s, p_c=p_c, p_s=p_s, rho=rho, delta=delta, newton_steps=0)


@dataclass(frozen=True, slots=True)
class ErrorCourse:
    """Bets of r releases after each of B ticks that end at `t` (r, B): `rollback` (r, B, 6), `advance` (r, B, S, 2)."""

    t: Floats
    rollback: Floats
    advance: Floats

    def log_rollback(self) -> Floats:
        """Log evidence against "within tolerance at every instant", (r, B)."""
        return ROLLBACK_ONSET.log_total(self.rollback, PSI_WEIGHTS, self.t)

    def log_advance(self, step: Rows) -> Floats:
        """Log evidence against "as bad as step (r,) forbids at every instant", (r, B)."""
        asked = np.take_along_axis(self.advance, step[:, None, None, None], axis=2)[:, :, 0]
        return ADVANCE_ONSET.log_total(asked, KAPPA_WEIGHTS, self.t)


def _relative(n_c: Floats, e_c: Floats, n_s: Floats, e_s: Floats, rho: Floats, _: Floats, __: Floats) -> Floats:
    return relative_log_evidence(n_c, e_c, n_s, e_s, rho=rho, psi=PSI)


def _mixed(n_c: Floats, e_c: Floats, n_s: Floats, e_s: Floats, rho: Floats, delta: Floats, expected: Floats) -> Floats:
    p_s = np.minimum(expected, (HIGHEST_BOUNDARY - delta) / rho)
    bound = rho * p_s + delta
    p_c = PSI * bound / (1.0 - bound + PSI * bound)
    return bernoulli_log_evidence(n_c, e_c, n_s, e_s, p_c=p_c, p_s=p_s, rho=rho, delta=delta)
