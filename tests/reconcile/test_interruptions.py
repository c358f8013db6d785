"""Controllers that die, writes that fail, answers that are lost: a release ends as it would have."""

from __future__ import annotations

import pytest

from delivery.resources.release import Phase, Release
from tests.conditions import eventually
from tests.conftest import Planes
from tests.reconcile.flaky import FlakyCluster
from tests.reconcile.rig import Rig

ENDS = {0.001: (Phase.SUCCEEDED, [0, 5, 50, 100, 0]), 0.3: (Phase.ROLLED_BACK, [0, 5, 0])}


def place(release: Release) -> tuple[str, str, int]:
    return release.status.phase.value, release.status.stage.value, release.status.step


@pytest.mark.parametrize("failures", ENDS)
def test_a_new_controller_at_every_place_goes_on_where_the_last_one_stopped(own_rig: Rig, failures: float) -> None:
    own_rig.begin()
    own_rig.mesh.failures = failures
    own_rig.image("web:2")
    seen: set[tuple[str, str, int]] = set()

    def step() -> bool:
        newest = own_rig.newest
        if newest and place(newest) not in seen:
            seen.add(place(newest))
            own_rig.restart()
        return bool(newest and newest.status.phase.final)

    eventually(step, 60)
    phase, weights = ENDS[failures]
    release = own_rig.release()
    assert release.status.phase is phase, release.status
    assert own_rig.weights() == weights
    assert len(seen) >= 5, seen
    own_rig.check_unwound()
    own_rig.check_invariants()


@pytest.mark.parametrize(("failures", "seed"), [(0.001, 1), (0.3, 2)])
def test_writes_that_fail_delay_a_release_and_change_nothing_else(
    own_rig: Rig, planes: Planes, failures: float, seed: int
) -> None:
    flaky = FlakyCluster.with_failures(planes("embedded").kubeconfig, 0.25, seed)
    own_rig.controllers_cluster = flaky
    own_rig.begin()
    own_rig.mesh.failures = failures
    own_rig.image("web:2")
    release = own_rig.ended(60)
    phase, weights = ENDS[failures]
    assert release.status.phase is phase, release.status
    assert own_rig.weights() == weights
    assert flaky.failed > 5
    own_rig.check_unwound()
    own_rig.check_invariants()


def test_every_request_is_counted_exactly_once_across_controllers(own_rig: Rig) -> None:
    own_rig.begin()
    own_rig.image("web:2")
    looked = own_rig.until(lambda release: release.status.evidence is not None)
    own_rig.restart()
    ended = own_rig.ended()
    assert looked.status.analysis.data_through is not None
    counts = [
        (status.evidence.canary_requests, status.evidence.stable_requests)
        for _, _, status in own_rig.statuses
        if status.evidence
    ]
    assert counts == sorted(counts)
    start, end = ended.status.analysis.started_at, ended.status.analysis.data_through
    assert start is not None
    assert end is not None
    served = own_rig.mesh.served(start, end)
    assert ended.status.evidence is not None
    told = ended.status.evidence
    assert (told.canary_requests, told.stable_requests) == (served["web-canary"], served["web"])
