"""Evidence for and against a boundary `p_c = rho p_s + delta` between two error rates, one tick at a time.

Every function is elementwise over NumPy arrays that broadcast. `n_c, e_c` are the canary's requests and
errors in a tick, `n_s, e_s` the stable version's. A returned log evidence is the natural logarithm of an
e-value: its expectation is at most 1 whatever the stable rate is in that tick, as long as the hypothesis
holds. Products over ticks are therefore test supermartingales and may be looked at always (Ville).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

# The point may be rough (see bernoulli_log_evidence): a step more changed no expected evidence by 1 %.
NEWTON_STEPS = 1
LARGEST_STAKE = 0.99


def canary_part(n_c: Any, n_s: Any, psi: Any) -> Floats:
    """theta(psi): the probability that an error of the tick falls on the canary when p_c = psi p_s."""
    exposed = np.asarray(n_c * psi, dtype=float)
    return np.asarray(exposed / (exposed + n_s))


def relative_log_evidence(n_c: Any, e_c: Any, n_s: Any, e_s: Any, *, rho: Any, psi: Any) -> Floats:
    """Log evidence against `p_c <= rho p_s`, given the tick's total of errors; the alternative is `p_c = rho
    psi p_s`.

    The true law given the total is hypergeometric, below the binomial in convex order (Hoeffding 1963):
    valid, conservative. Zero where either arm has no requests.
    """
    usable = (np.asarray(n_c) > 0) & (np.asarray(n_s) > 0)
    n_c, n_s = np.where(usable, n_c, 1.0), np.where(usable, n_s, 1.0)
    # theta(rho psi)/theta(rho) and its complement, written without differences of nearly equal numbers
    base, tilted = n_c * rho + n_s, n_c * rho * psi + n_s
    change = np.log(base) - np.log(tilted)
    return np.where(usable, e_c * (np.log(psi) + change) + e_s * change, 0.0)


def poisson_projection(n_c: Any, n_s: Any, *, p_c: Any, p_s: Any, rho: Any, delta: Any) -> Floats:
    """The stable rate lambda of the boundary point nearest, in Poisson divergence, to the alternative (p_c,
    p_s).
    """
    a = (n_c * rho + n_s) * rho
    b = (n_c * rho + n_s) * delta - n_c * p_c * rho - n_s * p_s * rho
    c = -(n_s * p_s * delta)
    root = np.sqrt(b * b - 4.0 * a * c)
    # of the two ways to write the positive root, the one that does not cancel
    away = np.where(b > 0, b + root, root - b)
    return np.asarray(np.where(b > 0, -2.0 * c / away, away / (2.0 * a)))


def poisson_log_evidence(n_c: Any, e_c: Any, n_s: Any, e_s: Any, *, p_c: Any, p_s: Any, rho: Any, delta: Any) -> Floats:
    """Log evidence against the boundary's far side, for the alternative (p_c, p_s); expectation 1 all along
    it for Poisson counts.
    """
    lam = poisson_projection(n_c, n_s, p_c=p_c, p_s=p_s, rho=rho, delta=delta)
    lam_c = rho * lam + delta
    return np.asarray(e_c * np.log(p_c / lam_c) + e_s * np.log(p_s / lam) - n_c * (p_c - lam_c) - n_s * (p_s - lam))


def bernoulli_log_evidence(
    n_c: Any,
    e_c: Any,
    n_s: Any,
    e_s: Any,
    *,
    p_c: Any,
    p_s: Any,
    rho: Any,
    delta: Any,
    newton_steps: int = NEWTON_STEPS,
) -> Floats:
    """Log evidence of a safe 2x2 block (Turner, Ly, Gruenwald) with canary alternative p_c and stable
    alternative near p_s.

    Against `p_c <= rho p_s + delta` when the alternative lies above the boundary, against `>=` when it lies
    below. Works at any rate. The boundary point (lam_c, lam) is nearly the divergence-nearest one; the stable
    stake then *follows* from it, so that the expectation's condition, n_c E_c + n_s E_s = n along the
    boundary, holds to rounding however rough the point was. Zero where either arm has no requests. Domain:
    p_c, p_s in (0, 1), rho p_s + delta < 1.
    """
    usable = (np.asarray(n_c) > 0) & (np.asarray(n_s) > 0)
    n_c, n_s = np.where(usable, n_c, 1.0), np.where(usable, n_s, 1.0)
    lam = _boundary_point(n_c, n_s, p_c, p_s, rho, delta, newton_steps)
    lam_c = rho * lam + delta
    stake_c = (p_c - lam_c) / (lam_c * (1.0 - lam_c))
    stake_s = -rho * n_c / n_s * stake_c
    # an error pays 1 + stake (1 - lam), a success 1 - stake lam: all four have to stay positive
    worst = np.maximum.reduce(
        [
            -stake_c * (1.0 - lam_c),
            stake_c * lam_c,
            -stake_s * (1.0 - lam),
            stake_s * lam,
            np.full_like(lam, 1e-300),
        ]
    )
    shrink = np.minimum(1.0, LARGEST_STAKE / worst)
    stake_c, stake_s = stake_c * shrink, stake_s * shrink
    gain = e_c * np.log1p(stake_c * (1.0 - lam_c)) + (n_c - e_c) * np.log1p(-stake_c * lam_c)
    gain = gain + e_s * np.log1p(stake_s * (1.0 - lam)) + (n_s - e_s) * np.log1p(-stake_s * lam)
    return np.where(usable, gain, 0.0)


def _boundary_point(n_c: Any, n_s: Any, p_c: Any, p_s: Any, rho: Any, delta: Any, newton_steps: int) -> Floats:
    """Nearly the Bernoulli projection: the Poisson one, improved by Newton steps on the stationarity cubic,
    bracketed.
    """
    reach = (p_c - delta) / rho
    low = np.maximum(np.minimum(p_s, reach), p_s * 1e-6)
    high = np.minimum(np.maximum(p_s, reach), (1.0 - delta) / rho * (1.0 - 1e-9))
    lam = np.clip(poisson_projection(n_c, n_s, p_c=p_c, p_s=p_s, rho=rho, delta=delta), low, high)
    for _ in range(newton_steps):
        lam_c = rho * lam + delta
        var_s, var_c = lam * (1.0 - lam), lam_c * (1.0 - lam_c)
        pull_c, pull_s = n_c * rho * (lam_c - p_c), n_s * (lam - p_s)
        value = pull_c * var_s + pull_s * var_c
        slope = n_c * rho * rho * var_s + pull_c * (1.0 - 2.0 * lam) + n_s * var_c + pull_s * rho * (1.0 - 2.0 * lam_c)
        moved = lam - value / np.where(slope > 0, slope, np.inf)
        lam = np.clip(moved, low, high)
    return np.asarray(lam)
