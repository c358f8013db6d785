"""The split test keeps its risk on honest meshes and finds a dishonest one."""

import numpy as np
import pytest

from analysis.split import SplitEvidence, mismatch
from tests.calibration.simulation import most_expected, tick_of

RELEASES, TICKS = 2000, 200


def flagged(real: float, told: float, seed: int) -> np.ndarray:
    """Releases ever flagged, (R,), at 200 requests/s in ticks of 5 s."""
    rng = np.random.default_rng(seed)
    evidence = SplitEvidence.nothing_yet(RELEASES)
    ever = np.zeros(RELEASES, dtype=bool)
    nobody = np.zeros(RELEASES, dtype=np.int64)
    for k in range(1, TICKS + 1):
        canary = rng.binomial(1000, real, RELEASES)
        tick = tick_of(5.0 * k, 5.0, 1000 - canary, nobody, canary, nobody)
        tick.share[:] = told
        ever |= mismatch(evidence.observe(tick)[:, -1])
    return ever


@pytest.mark.parametrize(("real", "told"), [(0.05, 0.05), (0.052, 0.05), (0.5, 0.5), (0.11, 0.1)])
def test_a_split_within_the_leeway_is_left_alone(real: float, told: float) -> None:
    assert flagged(real, told, seed=3).sum() <= most_expected(RELEASES, 0.001)


def test_half_the_commanded_share_is_always_found() -> None:
    assert flagged(0.05, 0.1, seed=4).all()
