"""The memory of evidence stays small and spans the whole course."""

from itertools import pairwise

import pytest

from analysis.trace import followed


@pytest.mark.parametrize(("entries", "most"), [(1, 4), (5, 4), (64, 64), (65, 64), (1000, 16), (3000, 64)])
def test_first_and_newest_stay_and_no_stretch_is_forgotten(entries: int, most: int) -> None:
    trace: tuple[int, ...] = ()
    for entry in range(entries):
        trace = followed(trace, entry, float, most)
    assert len(trace) == min(entries, most)
    assert (trace[0], trace[-1]) == (0, entries - 1)
    assert list(trace) == sorted(set(trace))
    widest = max((later - earlier for earlier, later in pairwise(trace)), default=0)
    assert widest <= max(1, 4 * entries / most)
