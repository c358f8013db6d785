"""Shifting and Paused: enough pods before a weight, evidence before the next, a person where the policy wants one."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.decision.actions import Announce, EnsureCanary, SetWeight
from delivery.decision.snapshot import CanaryState, RouteState, Watch
from delivery.resources.release import AnalysisRecord, Intent, Phase, Stage, Traffic
from tests.decision.given import (
    NOW,
    POLICY,
    RELEASE,
    decided,
    kinds,
    look,
    only,
    policy,
    recorded,
    release,
    stable_set,
    touching,
)

GATED = policy(steps=[{"weight": 5, "gate": "approval"}, 50])
PAUSING = {**POLICY, "analysis": {**POLICY["analysis"], "noData": {"deadline": "30s", "action": "pause"}}}
FED = AnalysisRecord(started_at=NOW - 100, last_data_at=NOW - 2)
SILENT = AnalysisRecord(started_at=NOW - 100, last_data_at=NOW - 31, silent=31)


def canary(replicas: int, ready: int) -> CanaryState:
    return CanaryState(exists=True, of_release=RELEASE, replicas=replicas, ready=ready, pods=replicas)


def advanced(**fields: Any) -> Any:
    """At the second step (50 %, two pods), while the mesh still carries the first."""
    return release(step=1, weight=5.0, step_since=None, analysis=FED, **fields)


def test_more_pods_come_before_more_weight() -> None:
    few = decided(advanced())
    assert only(few, EnsureCanary).replicas == 2
    assert "SetWeight" not in kinds(few)
    waiting = decided(advanced(), canary=canary(2, 1))
    assert touching(waiting) == []
    enough = decided(advanced(), canary=canary(2, 2))
    assert only(enough, SetWeight).weight == recorded(enough).traffic.desired_weight == 50


def test_pods_that_never_get_ready_for_a_step_roll_back() -> None:
    late = recorded(decided(advanced(stage_since=NOW - 31), canary=canary(2, 1)))
    assert (late.outcome, late.reason) == (Phase.ROLLED_BACK, "CanaryNotReady")
    assert late.traffic.desired_weight == 0


def test_the_steps_clock_starts_when_the_weight_was_read_back() -> None:
    fresh = release(step_since=None, traffic=Traffic(desired_weight=5.0))
    unread = recorded(decided(fresh, route=RouteState(weight=0.0)))
    assert (unread.step_since, unread.traffic.verified_weight) == (None, None)
    status = recorded(decided(fresh, route=RouteState(weight=5.0)))
    assert (status.step_since, status.traffic.verified_weight, status.traffic.max_weight) == (NOW, 5.0, 5.0)
    assert status.analysis.started_at == NOW + 4, "after the warm-up"


def test_the_analysis_starts_once() -> None:
    status = recorded(decided(release(step_since=None, analysis=FED)))
    assert status.analysis == FED


def test_a_healthy_step_is_left_after_its_shortest_time() -> None:
    early = release(step_since=NOW - 9, analysis=FED)
    assert recorded(decided(early, look=look("Advance"))).step == 0
    decision = decided(release(analysis=FED), look=look("Advance"))
    status = recorded(decision)
    assert (status.step, status.step_since, status.progress) == (1, None, "2/2")
    assert status.decisions == (status.evidence,), "the evidence of each step is kept"
    assert touching(decision) == []


def test_a_step_may_have_a_shortest_time_of_its_own() -> None:
    own = release(spec=policy(steps=[{"weight": 5, "minDuration": "25s"}, 50]), analysis=FED)
    assert recorded(decided(own, look=look("Advance"))).step == 0


def test_the_last_step_leads_to_promotion() -> None:
    last = release(step=1, weight=50.0, analysis=FED)
    status = recorded(decided(last, canary=canary(2, 2), look=look("Advance")))
    assert (status.phase, status.stage) == (Phase.PROMOTING, Stage.SHIFT_ALL)


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.PAUSED])
def test_evidence_against_the_canary_rolls_back_at_once_whoever_asked_for_what(phase: Phase) -> None:
    asked = release(phase, analysis=FED, intents=[Intent(verb="approve")], step_since=NOW - 1)
    decision = decided(asked, look=look("RollBack"))
    status = recorded(decision)
    assert (status.phase, status.outcome, status.reason) == (
        Phase.ROLLING_BACK,
        Phase.ROLLED_BACK,
        "EvidenceAgainstCanary",
    )
    assert status.message == "the evidence says RollBack"
    assert only(decision, SetWeight).weight == 0
    assert status.decisions[-1].verdict == "RollBack"


@pytest.mark.parametrize("seen", [None, look("Undecided")])
def test_no_data_and_undecided_evidence_hold_the_weight(seen: Any) -> None:
    decision = decided(release(analysis=FED), look=seen)
    assert (recorded(decision).step, recorded(decision).phase, touching(decision)) == (0, Phase.SHIFTING, [])


def test_after_the_no_data_deadline_the_policy_decides() -> None:
    rolled_back = recorded(decided(release(step_since=NOW - 50, analysis=SILENT)))
    assert (rolled_back.outcome, rolled_back.reason) == (Phase.ROLLED_BACK, "NoData")
    assert "no data on the canary for 31 s" in rolled_back.message
    held = decided(release(step_since=NOW - 50, analysis=SILENT, spec=PAUSING))
    assert (recorded(held).phase, recorded(held).reason) == (Phase.PAUSED, "NoData")
    assert touching(held) == []


def test_the_resolved_problem_of_the_telemetry_is_in_the_message() -> None:
    problem = SILENT.model_copy(update={"problem": "Prometheus answered 503"})
    assert "Prometheus answered 503" in recorded(decided(release(step_since=NOW - 50, analysis=problem))).message


def test_the_no_data_deadline_runs_from_the_latest_of_data_warm_up_and_step() -> None:
    assert recorded(decided(release(step_since=NOW - 29, analysis=SILENT))).phase is Phase.SHIFTING
    warm = AnalysisRecord(started_at=NOW + 3, silent=31)
    assert recorded(decided(release(step_since=NOW - 31, analysis=warm))).phase is Phase.SHIFTING


def test_only_time_in_which_somebody_looked_counts_against_the_no_data_deadline() -> None:
    away = AnalysisRecord(started_at=NOW - 4000, last_data_at=NOW - 3600, silent=12)
    shifting = release(step_since=NOW - 3900, analysis=away)
    for not_looked in (None, Watch(NOW), Watch(NOW - 3700)):
        assert recorded(decided(shifting, watch=not_looked)).phase is Phase.SHIFTING
    assert recorded(decided(shifting, watch=Watch(NOW - 17, looked_at=NOW - 17))).phase is Phase.SHIFTING
    given_up = recorded(decided(shifting, watch=Watch(NOW - 19, looked_at=NOW - 19)))
    assert given_up.reason == "NoData"
    assert "for 31 s" in given_up.message  # 12 s by the former controller's record, 19 s by this one


def test_a_route_that_is_not_followed_counts_from_when_somebody_could_put_it_right() -> None:
    waiting = release(step_since=None, stage_since=NOW - 3600, analysis=AnalysisRecord())
    gone = RouteState(problem="VirtualService shop/web is gone; put it back")
    assert recorded(decided(waiting, route=gone, watch=Watch(NOW - 29))).reason == "RouteInvalid"
    assert recorded(decided(waiting, route=gone, watch=Watch(NOW - 31))).reason == "NoData"


def test_a_mesh_that_does_not_follow_is_asked_again_and_given_up_at_the_deadline() -> None:
    asked = decided(release(analysis=FED), route=RouteState(weight=1.0))
    assert only(asked, SetWeight).weight == 5
    given_up = recorded(decided(release(step_since=NOW - 50, analysis=SILENT), route=RouteState(weight=1.0)))
    assert given_up.reason == "NoData"
    gone = RouteState(problem="VirtualService shop/web is gone; put it back")
    assert recorded(decided(release(analysis=FED), route=gone)).reason == "RouteInvalid"
    assert "is gone" in recorded(decided(release(step_since=NOW - 50, analysis=SILENT), route=gone)).message


def test_still_undecided_at_the_longest_time_is_inconclusive() -> None:
    slow = release(step_since=NOW - 61, analysis=FED)
    held = recorded(decided(slow, look=look("Undecided", seconds_to_decide=600)))
    assert (held.phase, held.reason) == (Phase.PAUSED, "Inconclusive")
    assert "about 600 s more would decide" in held.message
    strict = release(step_since=NOW - 61, analysis=FED, spec=policy(onInconclusive="rollback"))
    assert recorded(decided(strict, look=look("Undecided"))).outcome is Phase.ROLLED_BACK


def test_inconclusive_never_comes_before_the_shortest_time_of_a_step() -> None:
    long = release(step_since=NOW - 70, analysis=FED, spec=policy(minStepDuration="2m"))
    assert recorded(decided(long, look=look("Undecided"))).phase is Phase.SHIFTING


def test_a_gate_asks_a_person_before_the_step_is_left() -> None:
    decision = decided(release(analysis=FED, spec=GATED), look=look("Advance"))
    assert (recorded(decision).phase, recorded(decision).reason) == (Phase.PAUSED, "AwaitingApproval")
    assert not only(decision, Announce).warning
    assert touching(decision) == []


def test_an_approval_advances_and_a_resume_goes_on_with_the_same_step() -> None:
    approved = recorded(decided(release(Phase.PAUSED, intents=[Intent(verb="approve", by="ann")], spec=GATED)))
    assert (approved.phase, approved.step, approved.intents_done) == (Phase.SHIFTING, 1, 1)
    assert "approved by ann" in approved.message
    resumed = recorded(decided(release(Phase.PAUSED, intents=[Intent(verb="resume")])))
    assert (resumed.phase, resumed.step, resumed.step_since) == (Phase.SHIFTING, 0, NOW)
    last = recorded(decided(release(Phase.PAUSED, step=1, weight=50.0, intents=[Intent(verb="approve")])))
    assert last.phase is Phase.PROMOTING


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.PAUSED])
def test_a_person_may_promote_without_the_rest_of_the_evidence(phase: Phase) -> None:
    asked = Intent(verb="promote", by="ann", reason="the fix is urgent")
    status = recorded(decided(release(phase, intents=[asked], analysis=FED), look=look("Undecided")))
    assert (status.phase, status.stage, status.intents_done) == (Phase.PROMOTING, Stage.SHIFT_ALL, 1)
    assert status.reason == "PromotedByRequest"
    assert status.message == "promoted by ann before the evidence was complete: the fix is urgent"
    condemned = recorded(decided(release(phase, intents=[asked], analysis=FED), look=look("RollBack")))
    assert condemned.phase is Phase.ROLLING_BACK


def test_a_person_may_pause() -> None:
    decision = decided(
        release(intents=[Intent(verb="pause", by="ann", reason="lunch")], analysis=FED), look=look("Advance")
    )
    assert (recorded(decision).phase, recorded(decision).message) == (Phase.PAUSED, "paused by ann: lunch")
    assert touching(decision) == []


@pytest.mark.parametrize(
    ("phase", "verb"),
    [
        (Phase.SHIFTING, "approve"),
        (Phase.SHIFTING, "resume"),
        (Phase.SHIFTING, "retry"),
        (Phase.PAUSED, "pause"),
        (Phase.PAUSED, "retry"),
    ],
)
def test_a_wish_that_does_not_apply_is_answered_and_changes_nothing(phase: Phase, verb: Any) -> None:
    before = release(phase, intents=[Intent(verb=verb)], analysis=FED)
    decision = decided(before)
    assert recorded(decision) == before.status.model_copy(update={"intents_done": 1})
    assert decision.actions == ()


def test_paused_keeps_its_weight_and_its_evidence_but_does_not_advance() -> None:
    decision = decided(release(Phase.PAUSED, analysis=FED), look=look("Advance"))
    assert (recorded(decision).phase, recorded(decision).verdict, touching(decision)) == (Phase.PAUSED, "Advance", [])
    drifted = decided(release(Phase.PAUSED, analysis=FED), route=RouteState(weight=20.0))
    assert only(drifted, SetWeight).weight == 5


def test_paused_before_the_first_look_is_judged_all_the_same() -> None:
    """Traffic on the canary is always judged: pausing must not stop the analysis from starting."""
    status = recorded(decided(release(Phase.PAUSED, step_since=None, traffic=Traffic(desired_weight=5.0))))
    assert status.analysis.started_at is not None
    assert status.traffic.verified_weight == 5.0


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.PAUSED])
def test_a_canary_without_a_ready_pod_loses_its_weight_at_once(phase: Phase) -> None:
    decision = decided(release(phase, analysis=FED), canary=canary(1, 0))
    status = recorded(decision)
    assert kinds(decision) == ["SetWeight", "Announce"]
    assert only(decision, SetWeight).weight == status.traffic.desired_weight == 0
    assert (status.phase, status.canary_losses) == (phase, 1)


def test_a_withdrawal_that_was_recorded_but_not_carried_out_is_carried_out() -> None:
    crashed = release(canary_losses=1, traffic=Traffic(desired_weight=0.0))
    decision = decided(crashed, canary=canary(1, 0), route=RouteState(weight=5.0))
    assert only(decision, SetWeight).weight == 0
    assert recorded(decision).canary_losses == 1, "one loss is not counted twice"


def test_a_lost_canary_comes_back_with_its_pods_and_is_rolled_back_the_third_time() -> None:
    lost = release(canary_losses=2, weight=0.0, step_since=None)
    assert only(decided(lost), SetWeight).weight == 5
    third = recorded(decided(release(canary_losses=2), canary=canary(1, 0)))
    assert (third.outcome, third.reason) == (Phase.ROLLED_BACK, "CanaryLost")


def test_the_canary_follows_the_stable_pods_both_ways() -> None:
    half = release(step=1, weight=50.0, analysis=FED)
    grown = decided(half, canary=canary(2, 2), stable=stable_set(replicas=10, ready=10))
    assert only(grown, EnsureCanary).replicas == 5
    shrunk = decided(half, canary=canary(5, 5))
    assert only(shrunk, EnsureCanary).replicas == 2
    assert "SetWeight" not in kinds(grown) + kinds(shrunk)


def test_a_step_that_is_left_leaves_a_line_in_the_diary() -> None:
    status = decided(release(weight=5.0, analysis=FED), look=look("Advance")).status
    assert status is not None
    assert (status.step, status.history[-1].phase, status.history[-1].reason) == (1, Phase.SHIFTING, "Advancing")
    assert "advancing to 50 %" in status.history[-1].message
