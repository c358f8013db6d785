"""Evidence about the error rate of R releases, both ways, as one struct of arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.observation import TickCounts
from analysis.onset import OnsetBets
from analysis.proportion import Floats, bernoulli_log_evidence, relative_log_evidence
from analysis.settings import ReleaseSettings
from analysis.stable_rate import StableRate

# Roll-back alternatives: the odds of an error are psi times those at the boundary.
PSI = np.array([1.25, 1.5, 2.0, 3.5, 8.0, 18.0])
PSI_WEIGHTS = np.array([0.07, 0.22, 0.28, 0.12, 0.14, 0.17])
# Advance alternatives: the canary fails kappa times as often as the stable version.
KAPPA = np.array([0.8, 1.0, 1.2])
KAPPA_WEIGHTS = np.array([0.2, 0.6, 0.2])
ROLLBACK_ONSET = OnsetBets(at_once=0.73)
# A bad first minute must not silence a release for good, yet most canaries are healthy from the start.
ADVANCE_ONSET = OnsetBets(at_once=0.9)
HIGHEST_BOUNDARY = 0.97
WIDEST = 0.9


@dataclass(frozen=True, slots=True)
class ErrorNulls:
    """Boundaries of R releases: `rho, delta` (R,) for rolling back, `rho_step, delta_step` (R, S) for
    advancing, `phi` (R,).
    """

    rho: Floats
    delta: Floats
    rho_step: Floats
    delta_step: Floats
    phi: Floats

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
            phi=np.array([s.dispersion for s in settings], dtype=float),
        )


@dataclass(slots=True)
class ErrorEvidence:
    """`rollback` (R, 6) log bets, one an alternative, `advance` (R, S, 4) likewise per step, and the estimate
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

    def observe(self, tick: TickCounts, since: Floats) -> None:
        """Take in a tick that began at `since` (r,)."""
        rows = tick.rows
        expected = self.stable_rate.estimate(rows)
        phi = self.nulls.phi[rows]
        against = self._against_tolerance(tick, expected) / phi[:, None]
        for_step = self._against_harm(tick, expected) / phi[:, None, None]
        self.rollback[rows] = ROLLBACK_ONSET.roll_on(self.rollback[rows], against, since=since, until=tick.t)
        self.advance[rows] = ADVANCE_ONSET.roll_on(self.advance[rows], for_step, since=since, until=tick.t)
        served = tick.n_s > 0
        self.stable_rate.learn(rows[served], tick.e_s[served], tick.n_s[served], (tick.t - since)[served])

    def log_rollback(self, t: Floats) -> Floats:
        """Log evidence against "within tolerance at every instant", (R,)."""
        return ROLLBACK_ONSET.log_total(self.rollback, PSI_WEIGHTS, t)

    def log_advance(self, t: Floats) -> Floats:
        """Log evidence against "as bad as the step forbids at every instant", (R, S)."""
        return ADVANCE_ONSET.log_total(self.advance, KAPPA_WEIGHTS, t)

    def _against_tolerance(self, tick: TickCounts, expected: Floats) -> Floats:
        rho, delta = self.nulls.rho[tick.rows], self.nulls.delta[tick.rows]
        gain = np.empty((tick.rows.size, PSI.size))
        ratio_only = delta == 0.0
        for mask, rule in ((ratio_only, _relative), (~ratio_only, _mixed)):
            chosen = np.flatnonzero(mask)
            n_c, e_c, n_s, e_s = (a[chosen, None] for a in (tick.n_c, tick.e_c, tick.n_s, tick.e_s))
            gain[chosen] = rule(n_c, e_c, n_s, e_s, rho[chosen, None], delta[chosen, None], expected[chosen, None])
        return gain

    def _against_harm(self, tick: TickCounts, expected: Floats) -> Floats:
        rho, delta = (a[tick.rows][:, :, None] for a in (self.nulls.rho_step, self.nulls.delta_step))
        p_s = np.minimum(expected[:, None, None], (HIGHEST_BOUNDARY - delta) / rho)
        p_c = np.minimum(KAPPA * p_s, 0.9 * (rho * p_s + delta))
        n_c, e_c, n_s, e_s = (a[:, None, None] for a in (tick.n_c, tick.e_c, tick.n_s, tick.e_s))
        return bernoulli_log_evidence(n_c, e_c, n_s, e_s, p_c=p_c, p_s=p_s, rho=rho, delta=delta)


def _relative(n_c: Floats, e_c: Floats, n_s: Floats, e_s: Floats, rho: Floats, _: Floats, __: Floats) -> Floats:
    return relative_log_evidence(n_c, e_c, n_s, e_s, rho=rho, psi=PSI)


def _mixed(n_c: Floats, e_c: Floats, n_s: Floats, e_s: Floats, rho: Floats, delta: Floats, expected: Floats) -> Floats:
    p_s = np.minimum(expected, (HIGHEST_BOUNDARY - delta) / rho)
    bound = rho * p_s + delta
    p_c = PSI * bound / (1.0 - bound + PSI * bound)
    return bernoulli_log_evidence(n_c, e_c, n_s, e_s, p_c=p_c, p_s=p_s, rho=rho, delta=delta)
