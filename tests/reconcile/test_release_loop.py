"""Whole releases through the real controller: every way to end, and what is left when they have ended."""

from __future__ import annotations

from itertools import pairwise

from delivery.cluster.kinds import DEPLOYMENT
from delivery.resources.release import Phase, Release
from tests.conditions import eventually
from tests.reconcile.rig import Rig, fast


def phases(release: Release) -> list[str]:
    """The diary, as phases."""
    return [line.phase.value for line in release.status.history]


def check_told_once(rig: Rig) -> None:
    """Every piece of news is one Event on the Deployment and at most one on the Release, told once."""
    told = [(event["involvedObject"]["kind"], event["reason"], event["message"]) for event in rig.events()]
    assert len(told) == len(set(told)), told
    assert {event.get("count") for event in rig.events()} == {1}


def test_a_good_version_is_promoted(rig: Rig) -> None:
    rig.begin()
    rig.image("web:2")
    release = rig.ended()
    assert release.status.phase is Phase.SUCCEEDED, release.status
    assert rig.weights() == [0, 5, 50, 100, 0]
    assert phases(release) == ["Preparing", "Shifting", "Shifting", "Promoting", "Succeeded"]  # a line a step
    assert [look.verdict for look in release.status.decisions] == ["Advance", "Advance"]
    assert release.status.traffic.max_weight == 100
    assert release.status.finished_at is not None
    assert release.spec.canary.images == ("web:2",)
    rig.check_unwound()
    rig.check_invariants()
    check_told_once(rig)
    assert len(rig.releases()) == 1


def test_a_bad_version_is_rolled_back(rig: Rig) -> None:
    rig.begin()
    rig.mesh.failures = 0.3
    rig.image("web:2")
    release = rig.ended()
    assert release.status.phase is Phase.ROLLED_BACK, release.status
    assert release.status.reason == "EvidenceAgainstCanary"
    assert phases(release) == ["Preparing", "Shifting", "RollingBack", "RolledBack"]
    [look] = release.status.decisions
    assert look.verdict == "RollBack"
    assert look.canary_errors > 0.2 * look.canary_requests > 0
    assert rig.weights() == [0, 5, 0]  # never above the first step, and down once
    assert rig.deployment()["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"  # Git stays the truth
    rig.check_unwound()
    rig.check_invariants()
    check_told_once(rig)


def test_a_rejected_version_is_not_tried_again_until_asked(own_rig: Rig) -> None:
    own_rig.begin()
    own_rig.mesh.failures = 0.3
    own_rig.image("web:2")
    rejected = own_rig.ended()
    own_rig.restart()  # a new controller has no memory but the record
    own_rig.annotate(note="touched")
    assert len(own_rig.releases()) == 1
    own_rig.mesh.failures = 0.001
    own_rig.ask("retry", rejected)
    release = own_rig.until(lambda newest: newest.spec.attempt == 2 and newest.status.step == 1)  # past where it fell
    assert release.name == f"{rejected.name}-2"


def test_a_newer_template_supersedes_the_one_under_judgement(own_rig: Rig) -> None:
    own_rig.begin(fast(steps=[5, {"weight": 50, "gate": "approval"}]))
    own_rig.image("web:2")
    own_rig.until(lambda release: release.status.traffic.verified_weight == 5)
    own_rig.image("web:3")
    own_rig.until(lambda release: release.spec.canary.images == ("web:3",))
    first, second = own_rig.releases()
    assert first.status.phase is Phase.SUPERSEDED, first.status
    assert first.status.traffic.verified_weight == 0
    waiting = own_rig.until(lambda release: release.status.phase is Phase.PAUSED)
    assert waiting.name == second.name
    own_rig.ask("approve", waiting)
    assert own_rig.ended().status.phase is Phase.SUCCEEDED
    own_rig.check_unwound()
    own_rig.check_invariants()


def test_a_person_aborts(own_rig: Rig) -> None:
    own_rig.begin(fast(steps=[5, 50], minStepDuration="60s"))
    own_rig.image("web:2")
    release = own_rig.until(lambda release: release.status.traffic.verified_weight == 5)
    own_rig.ask("abort", release, reason="wrong branch")
    ended = own_rig.ended()
    assert (ended.status.phase, ended.status.reason) == (Phase.ROLLED_BACK, "Aborted")
    assert ended.status.message == "aborted by ann: wrong branch"
    assert own_rig.weights() == [0, 5, 0]
    own_rig.check_unwound()


def test_unpausing_by_hand_bypasses(own_rig: Rig) -> None:
    own_rig.begin(fast(steps=[5, 50], minStepDuration="60s"))
    own_rig.image("web:2")
    own_rig.until(lambda release: release.status.traffic.verified_weight == 5)
    own_rig.edit(paused=False)
    ended = own_rig.ended()
    assert (ended.status.phase, ended.status.reason) == (Phase.BYPASSED, "UnpausedByHand")
    own_rig.adopted()  # again, once Kubernetes has finished
    own_rig.check_unwound()
    assert own_rig.deployment()["status"]["updatedReplicas"] == 2


def test_a_canary_that_never_gets_ready_sees_no_traffic(own_rig: Rig) -> None:
    own_rig.begin(fast(readyDeadline="6s"))
    own_rig.image("web:2", ready=False)
    ended = own_rig.ended()
    assert (ended.status.phase, ended.status.reason) == (Phase.ROLLED_BACK, "CanaryNotReady")
    assert "0 of 1 canary pods ready" in ended.status.message
    assert own_rig.weights() == [0]
    own_rig.check_unwound()


def test_no_data_is_no_advance(own_rig: Rig) -> None:
    own_rig.begin(fast(analysis={"noData": {"deadline": "1s"}}))
    own_rig.mesh.rps = 0
    own_rig.image("web:2")
    ended = own_rig.ended()
    assert (ended.status.phase, ended.status.reason) == (Phase.ROLLED_BACK, "NoData")
    assert "no request reached the canary" in ended.status.message
    assert own_rig.weights() == [0, 5, 0]
    own_rig.check_unwound()


def test_an_outage_of_prometheus_holds_the_release_and_nothing_is_lost(own_rig: Rig) -> None:
    own_rig.begin()
    own_rig.mesh.prometheus.down = "Prometheus http://prometheus.invalid cannot be reached: refused"
    own_rig.image("web:2")
    held = own_rig.until(lambda release: release.status.analysis.problem is not None)
    assert held.status.analysis.problem == own_rig.mesh.prometheus.down
    assert held.status.phase is Phase.SHIFTING
    assert own_rig.weights()[-1] == 5
    own_rig.mesh.prometheus.down = None
    further = own_rig.until(lambda release: release.status.step == 1)
    assert further.status.analysis.problem is None


def test_the_next_release_follows_a_promotion(own_rig: Rig) -> None:
    own_rig.begin(fast(steps=[50]))
    own_rig.image("web:2")
    own_rig.ended()
    own_rig.image("web:3")
    second = own_rig.until(lambda release: release.spec.canary.images == ("web:3",) and release.status.phase.final)
    assert second.spec.stable.images == ("web:2",)
    assert second.status.phase is Phase.SUCCEEDED
    own_rig.check_unwound()


def test_the_routes_of_a_user_who_has_none_are_made_and_removed(own_rig: Rig) -> None:
    own_rig.set_up(fast(steps=[50]), route=False)
    own_rig.deploy()
    own_rig.start()
    own_rig.adopted()
    own_rig.image("web:2")
    assert own_rig.ended().status.phase is Phase.SUCCEEDED
    assert own_rig.weights() == [0, 50, 100, 0]
    own_rig.check_unwound()


def test_the_judged_versions_size_follows_its_share(own_rig: Rig) -> None:
    own_rig.set_up(fast(steps=[5, 50], minStepDuration="500ms"))
    own_rig.deploy(replicas=4)
    own_rig.start()
    own_rig.adopted()
    own_rig.image("web:2")
    sizes: list[int] = []

    def ended() -> bool:
        canary = own_rig.cluster.find(DEPLOYMENT, "web-canary", own_rig.namespace)
        if canary and (not sizes or sizes[-1] != canary["spec"]["replicas"]):
            sizes.append(canary["spec"]["replicas"])
        return bool(own_rig.releases() and own_rig.release().status.phase.final)

    eventually(ended)
    assert [size for size in sizes if size] == [1, 2, 4]
    assert all(later > earlier for earlier, later in pairwise(sizes))
