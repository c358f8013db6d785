"""With phi learned from an hour of history, noise of single pods keeps the promise that without it is broken.

100 requests/s over 20 pods, 2 of them the canary's, 0.5 % errors, looks every 10 s for 30 min, ratio margin only.
"""

from collections.abc import Callable

import numpy as np
import pytest

from analysis.dispersion import learn_dispersion
from analysis.error_evidence import ErrorEvidence, ErrorNulls
from analysis.proportion import Floats
from analysis.settings import ReleaseSettings, Tolerance
from tests.calibration.simulation import most_expected, tick_of

RELEASES, PODS, CANARIES, HISTORY, TICKS, TICK = 400, 20, 2, 360, 180, 10.0
Noise = Callable[[np.random.Generator], Floats]


def bursts(rng: np.random.Generator) -> Floats:
    """Each tick and pod its own rate: a beta-binomial dispersion of 2."""
    variance = 1.0 / (100.0 / PODS * TICK * 0.005)
    return np.asarray(rng.gamma(1.0 / variance, variance, (RELEASES, HISTORY + TICKS, PODS)))


def wandering(rng: np.random.Generator) -> Floats:
    """Each pod's log rate an AR(1) of sigma 0.5 and 60 s."""
    log_rate = rng.normal(0.0, 0.5, (RELEASES, HISTORY + TICKS, PODS))
    kept = np.exp(-TICK / 60.0)
    for k in range(1, HISTORY + TICKS):
        log_rate[:, k] = kept * log_rate[:, k - 1] + np.sqrt(1.0 - kept**2) * log_rate[:, k]
    return np.asarray(np.exp(log_rate - 0.125))


def false_alarms(noise: Noise, seed: int) -> tuple[int, int]:
    """Releases of RELEASES rolled back without and with the learned phi, on the same traffic."""
    rng = np.random.default_rng(seed)
    requests = rng.poisson(100.0 / PODS * TICK, (RELEASES, HISTORY + TICKS, PODS))
    errors = rng.binomial(requests, np.minimum(0.005 * noise(rng), 1.0))
    past = [(requests[r, :HISTORY].astype(float), errors[r, :HISTORY].astype(float)) for r in range(RELEASES)]
    learned = [learn_dispersion(n, e, tick=TICK).phi for n, e in past]
    now = requests[:, HISTORY:], errors[:, HISTORY:]
    return alarms(*now, [1.0] * RELEASES), alarms(*now, learned)


def alarms(requests: np.ndarray, errors: np.ndarray, phi: list[float]) -> int:
    settings = ReleaseSettings(error_tolerance=Tolerance())
    evidence = ErrorEvidence.nothing_yet(ErrorNulls.of([settings] * RELEASES))
    crossed = np.zeros(RELEASES, dtype=bool)
    for k in range(TICKS):
        arms = (
            table[:, k, pods].sum(axis=1)
            for pods in (slice(CANARIES, None), slice(CANARIES))
            for table in (requests, errors)
        )
        course = evidence.observe(tick_of((k + 1) * TICK, TICK, *arms), np.array(phi)[:, None])
        crossed |= course.log_rollback()[:, 0] >= np.log(100.0)
    return int(crossed.sum())


@pytest.mark.parametrize(("noise", "seed"), [(bursts, 1), (wandering, 2)])
def test_learned_noise_keeps_the_promise(noise: Noise, seed: int) -> None:
    plain, learned = false_alarms(noise, seed)
    assert plain > most_expected(RELEASES, 0.01)
    assert learned <= most_expected(RELEASES, 0.01)
