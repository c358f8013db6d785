"""How long an undecided release will roughly take: the evidence still missing over the information a second
brings.
"""

import numpy as np

from analysis.proportion import Floats, poisson_projection

CONTINUITY = 0.5


def information_a_second(
    pace_s: Floats, pace_c: Floats, p_s: Floats, p_c: Floats, *, rho: Floats, delta: Floats
) -> Floats:
    """Expected growth, in nats a second, of the best evidence against the boundary if the rates are as given;
    all (r,).
    """
    lam = poisson_projection(pace_c, pace_s, p_c=p_c, p_s=p_s, rho=rho, delta=delta)
    lam_c = rho * lam + delta
    return np.asarray(
        pace_c * (p_c * np.log(p_c / lam_c) - p_c + lam_c) + pace_s * (p_s * np.log(p_s / lam) - p_s + lam)
    )


def seconds_to_decide(missing: Floats, information: Floats) -> Floats:
    """Rough further seconds, (r,); infinite where nothing is learned."""
    return np.where(information > 1e-9, np.maximum(missing, 0.0) / np.maximum(information, 1e-9), np.inf)


def smoothed_rate(errors: Floats, requests: Floats) -> Floats:
    """Errors a request with half an error added: never 0, so that a forecast from few requests stays finite."""
    return np.asarray(np.minimum((errors + CONTINUITY) / (requests + 2 * CONTINUITY), 1.0))
