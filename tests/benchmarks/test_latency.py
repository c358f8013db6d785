"""The latency runs the comparison makes: near the limit when the canary is slower, silent when it is not."""

import numpy as np
import pytest

from benchmarks.peers.latency import SLOWER, STABLE, LatencyAlarms, Situation, SlowerLaw, crossings, situations
from benchmarks.peers.limit import lognormal_cells, slower_limit


@pytest.mark.parametrize("law", SLOWER, ids=lambda law: law.name)
def test_slower_canaries_are_all_found_within_three_times_the_limit(law: SlowerLaw) -> None:
    limit = slower_limit(law.cells, STABLE, 0.1)
    at = Situation(share=0.1, look=2.0, past=600.0)
    first = crossings(np.random.default_rng(1), law.cells, at, runs=100, seconds=10 * limit)
    assert np.isfinite(first).all()
    assert limit < first.mean() <= 3 * limit


def test_a_known_past_spares_the_first_look() -> None:
    slow = lognormal_cells(240.0)
    for past, first in ((0.0, 20.0), (600.0, 10.0)):
        at = Situation(share=0.25, look=10.0, past=past)
        assert (crossings(np.random.default_rng(2), slow, at, runs=20, seconds=100) == first).all()


def test_equal_and_faster_canaries_are_left_alone() -> None:
    at = Situation(share=0.25, look=10.0, past=600.0)
    for cells in (STABLE, lognormal_cells(60.0)):
        assert np.isfinite(crossings(np.random.default_rng(3), cells, at, runs=100, seconds=200)).sum() <= 5


def test_situations_have_randomness_of_their_own() -> None:
    drawn = {at.generator(1, purpose).integers(2**62) for at in situations((0.05, 0.1)) for purpose in (10, 20)}
    assert len(drawn) == 16


def test_alarms_are_doubted_in_the_methods_favour() -> None:
    at = Situation(0.1, 2.0, 0.0)
    assert LatencyAlarms(at, 17, 1000).valid
    assert not LatencyAlarms(at, 18, 1000).valid
