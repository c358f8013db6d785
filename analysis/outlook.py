"""How long an undecided release will roughly take: the evidence still missing over the information a second
brings.
"""

from collections.abc import Sequence

import numpy as np

from analysis.course import Risks, Weighed
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


def wait_for(evidence: Evidence, settings: Sequence[ReleaseSettings], asked: Rows, weighed: Weighed) -> Floats:
    """Rough further seconds (R,) until a verdict for the `asked` steps at the present traffic.

    `weighed` (R, 1) is the evidence so far. Infinite where an arm is silent or the rates so far lie between the two
    boundaries.
    """
    nulls, rows, risks = evidence.errors.nulls, np.arange(asked.size), Risks.of(settings)
    heard = evidence.supply.pace
    quiet = np.asarray((heard[:, :2] <= 0).any(axis=1))
    seconds = np.maximum(heard[:, 2], SLOWEST)
    pace = np.where(quiet[:, None], 1.0, heard[:, :2] / seconds[:, None])
    p_s, p_c = (smoothed_rate(evidence.totals[:, k + 1], evidence.totals[:, k]) for k in (0, 2))
    phi = evidence.phi * evidence.shadow.raised
    waits = []
    for missing, rho, delta, side in (
        (risks.rollback - weighed.rollback[:, 0], nulls.rho, nulls.delta, 1.0),
        (
            risks.advance - weighed.errors_advance[:, 0],
            *nulls.of_step(rows, asked),
            -1.0,
        ),
    ):
        information = information_a_second(pace[:, 0], pace[:, 1], p_s, p_c, rho=rho, delta=delta) / phi
        towards = (side * (p_c - rho * p_s - delta) > 0) & ~quiet & (information > SLOWEST)
        seconds_left = np.maximum(missing, 0.0) / np.maximum(information, SLOWEST)
        waits.append(np.where(towards, seconds_left, np.inf))
    back, on = waits
    return np.minimum(back, np.maximum(on, _latency_wait(evidence, weighed, risks)))


def _latency_wait(evidence: Evidence, weighed: Weighed, risks: Risks) -> Floats:
    """Seconds (R,) until latency allows an advance if its evidence grows as it did so far; 0 where it is not judged."""
    so_far, judged = weighed.latency_advance[:, 0], evidence.latency.nulls.judged
    missing = np.maximum(risks.advance - so_far, 0.0)
    growing = so_far > SLOWEST
    going_on = np.where(growing, missing * evidence.t / np.where(growing, so_far, 1.0), np.inf)
    return np.where(judged & (missing > 0.0), going_on, 0.0)


def smoothed_rate(errors: Floats, requests: Floats) -> Floats:
    """Errors a request with half an error added: never 0, so a forecast from few requests stays finite."""
    return np.asarray(np.minimum((errors + HALF_AN_ERROR) / (requests + 2 * HALF_AN_ERROR), 1.0))
