"""How long an undecided release will roughly take: the evidence still missing over the information a second
brings.
"""

from collections.abc import Sequence

import numpy as np

from analysis.proportion import Floats, Rows, poisson_projection
from analysis.settings import ReleaseSettings
from analysis.state import Evidence

HALF_AN_ERROR = 0.5
SLOWEST = 1e-9


def information_a_second(
    pace_s: Floats, pace_c: Floats, p_s: Floats, p_c: Floats, *, rho: Floats, delta: Floats
) -> Floats:
    """Expected growth, nats a second, of the best evidence against the boundary if the rates are as given;
    all (r,).
    """
    lam = poisson_projection(pace_c, pace_s, p_c=p_c, p_s=p_s, rho=rho, delta=delta)
    lam_c = rho * lam + delta
    canary = pace_c * (p_c * np.log(p_c / lam_c) - p_c + lam_c)
    return np.asarray(canary + pace_s * (p_s * np.log(p_s / lam) - p_s + lam))


def wait_for(
    evidence: Evidence, settings: Sequence[ReleaseSettings], asked: Rows, rollback: Floats, advance: Floats
) -> Floats:
    """Rough further seconds (R,) until the error rate decides for the `asked` steps at the present traffic.

    `rollback` and `advance` (R,) are the log evidence so far. Infinite where an arm is silent or the rates so
    far lie between the two boundaries.
    """
    nulls, rows = evidence.errors.nulls, np.arange(asked.size)
    quiet = np.asarray((evidence.pace[:, :2] <= 0).any(axis=1))
    seconds = np.maximum(evidence.pace[:, 2], SLOWEST)
    pace = np.where(quiet[:, None], 1.0, evidence.pace[:, :2] / seconds[:, None])
    p_s, p_c = (smoothed_rate(evidence.totals[:, k + 1], evidence.totals[:, k]) for k in (0, 2))
    risk_back = np.array([s.wrong_rollback for s in settings])
    risk_on = np.array([s.wrong_advance for s in settings])
    soonest = np.full(asked.size, np.inf)
    for missing, rho, delta, side in (
        (-np.log(risk_back) - rollback, nulls.rho, nulls.delta, 1.0),
        (-np.log(risk_on) - advance, nulls.rho_step[rows, asked], nulls.delta_step[rows, asked], -1.0),
    ):
        information = information_a_second(pace[:, 0], pace[:, 1], p_s, p_c, rho=rho, delta=delta) / nulls.phi
        towards = (side * (p_c - rho * p_s - delta) > 0) & ~quiet & (information > SLOWEST)
        seconds_left = np.maximum(missing, 0.0) / np.maximum(information, SLOWEST)
        soonest = np.minimum(soonest, np.where(towards, seconds_left, np.inf))
    return soonest


def smoothed_rate(errors: Floats, requests: Floats) -> Floats:
    """Errors a request with half an error added: never 0, so a forecast from few requests stays finite."""
    return np.asarray(np.minimum((errors + HALF_AN_ERROR) / (requests + 2 * HALF_AN_ERROR), 1.0))
