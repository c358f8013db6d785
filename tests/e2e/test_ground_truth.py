"""A controller that is killed, over pods and a Prometheus that are: it counts what was served, once."""

from __future__ import annotations

import pytest

from benchmarks.ground_truth import KILLS, Applications, counts, run_once
from delivery.lab.laboratory import laboratory
from delivery.resources.release import Phase

pytestmark = pytest.mark.e2e
SECONDS = 75.0  # five minutes are for the report


def test_what_was_served_is_counted_once_whoever_dies() -> None:
    with laboratory(None) as lab:
        killer, truth = run_once(lab, SECONDS)
        applications = Applications(lab.pods_folder)
        assert killer.release is not None
        found = counts(killer.release, truth, applications)
    assert killer.release.status.phase is Phase.SHIFTING
    assert len(killer.killed) == len(KILLS)
    assert all(one.counted > 0 for one in found)
    assert [one for one in found if not one.holds] == []
