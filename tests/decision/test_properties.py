"""`decide` over every phase, every stage and arbitrary snapshots: total, pure, and within the invariants."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.decision.actions import Announce, PauseDeployment, RestoreRoute, SetTemplate, SetWeight
from delivery.decision.phases import MOVES, STAGES
from delivery.decision.planner import decide
from delivery.decision.snapshot import BackEnds, CanaryState, Configuration, RouteState, Snapshot, Watch
from delivery.resources.release import AnalysisRecord, Intent, Phase, Release, Stage, Traffic
from tests.decision.given import (
    CANARY,
    NOW,
    POLICY,
    RELEASE,
    ROUTE,
    STABLE,
    THIRD,
    look,
    parsed,
    policy,
    release,
    stable_set,
    workload,
)

UNREADABLE: dict[str, Any] = {"strategy": {"canary": {"steps": []}}}
WEIGHTS = st.sampled_from([None, 0.0, 0.01, 5.0, 50.0, 100.0])
TIMES = st.sampled_from([None, NOW - 1000, NOW - 20, NOW - 0.5, NOW, NOW + 10])
COUNTS = st.integers(0, 5)
PLACES = [(phase, stage) for phase in Phase if not phase.final for stage in sorted(STAGES.get(phase, {Stage.NONE}))]
CONFIGURATIONS = [Configuration(), Configuration("p", parsed(), "web"), Configuration(problem="no")]


@st.composite
def releases(draw: st.DrawFn, phase: Phase, stage: Stage) -> Release:
    verbs = st.sampled_from(["abort", "approve", "pause", "promote", "resume", "retry"])
    traffic = Traffic(desired_weight=draw(WEIGHTS), verified_weight=draw(WEIGHTS), first_weight_at=draw(TIMES))
    return release(
        phase,
        stage,
        spec=draw(
            st.sampled_from([POLICY, UNREADABLE, {"onRollback": "restoreTemplate"}, policy(onInconclusive="rollback")])
        ),
        intents=[Intent(verb=verb) for verb in draw(st.lists(verbs, max_size=3))],
        traffic=traffic,
        stage_since=draw(TIMES),
        step_since=draw(TIMES),
        step=draw(st.integers(-2, 25)),
        routes=draw(st.sampled_from([(), (ROUTE,)])),
        outcome=draw(st.sampled_from([None, *Phase])),
        analysis=AnalysisRecord(started_at=draw(TIMES), last_data_at=draw(TIMES)),
        canary_losses=draw(COUNTS),
        intents_done=draw(st.integers(-1, 4)),
    )


@st.composite
def snapshots(draw: st.DrawFn, phase: Phase, stage: Stage) -> Snapshot:
    hashes = st.sampled_from([STABLE, CANARY, THIRD])
    flag = st.booleans()
    own = st.none() | st.builds(
        workload, hashes, replicas=COUNTS, paused=flag, rolled_out=flag, stuck=flag,
        strategy=st.sampled_from(["RollingUpdate", "Recreate"]),
    )  # fmt: skip
    canary = st.builds(
        CanaryState,
        exists=flag,
        ours=flag,
        of_release=st.sampled_from(["", RELEASE]),
        replicas=COUNTS,
        ready=COUNTS,
        pods=COUNTS,
    )
    back_ends = st.builds(
        BackEnds, exist=flag, partly=flag, foreign=st.sampled_from([(), ("web-canary",)]),
        stable_hash=hashes.map("pod-{}".format), stable_ready=COUNTS,
    )  # fmt: skip
    route = st.builds(
        RouteState,
        weight=WEIGHTS | st.just(float("inf")),
        problem=st.none() | st.just("VirtualService shop/web is gone; put it back"),
        records=st.sampled_from([(), (ROUTE.model_dump(),)]),
        fenced=flag,
        marked=flag,
    )
    return Snapshot(
        workload=draw(own),
        opted_in=draw(flag),
        configuration=draw(st.sampled_from(CONFIGURATIONS)),
        stable=draw(st.none() | st.builds(stable_set, hashes, replicas=COUNTS, ready=COUNTS)),
        canary=draw(canary),
        back_ends=draw(back_ends),
        route=draw(route),
        release=draw(releases(phase, stage)),
        previous=tuple(draw(st.lists(releases(Phase.ROLLED_BACK, Stage.NONE), max_size=1))),
        look=draw(st.none() | st.sampled_from(["RollBack", "Advance", "Undecided"]).map(look)),
        watch=draw(st.none() | st.builds(Watch, TIMES.filter(bool), TIMES)),
    )  # fmt: skip


def of(found: Snapshot) -> Release:
    assert found.release is not None
    return found.release


@pytest.mark.parametrize(("phase", "stage"), PLACES, ids=lambda value: value.name)
@settings(max_examples=15, derandomize=True, deadline=None)
@given(data=st.data())
def test_every_snapshot_of_every_phase_and_stage_has_a_lawful_answer(
    phase: Phase, stage: Stage, data: st.DataObject
) -> None:
    check_answer(data.draw(snapshots(phase, stage)))


@settings(max_examples=100, derandomize=True, deadline=None)
@given(data=st.data())
def test_a_stage_that_is_not_the_phases_own_and_a_final_phase_have_an_answer_too(data: st.DataObject) -> None:
    phase, stage = data.draw(st.sampled_from(list(Phase))), data.draw(st.sampled_from(list(Stage)))
    check_answer(data.draw(snapshots(phase, stage)))


def check_answer(seen: Snapshot) -> None:
    phase = of(seen).status.phase
    before = deepcopy(seen)
    decision = decide(seen, NOW)
    assert seen == before, "the snapshot was changed"
    assert decide(seen, NOW) == decision, "the same snapshot got another answer"
    moves_of_traffic = [action for action in decision.actions if isinstance(action, SetWeight | RestoreRoute)]
    assert len(moves_of_traffic) <= 1
    if phase.final:
        assert decision.status is None
        assert not moves_of_traffic
        return
    assert decision.status is not None
    assert decision.status.phase in reachable_in_one_pass(phase)
    for action in moves_of_traffic:
        if isinstance(action, SetWeight):
            assert decision.status.traffic.desired_weight == action.weight, "intent first"
            assert action.weight == 0 or carries(decision.status.phase, seen)
    check_who_touches_the_deployment(seen, decision.actions, decision.status.stage)
    if phase is Phase.ROLLING_BACK:
        check_withdrawn_first(seen, decision.actions)


def reachable_in_one_pass(phase: Phase) -> set[Phase]:
    """One move, none, or two at once: resumed by an approval of the last step."""
    approved = {Phase.PROMOTING} if phase is Phase.PAUSED else set()
    return {phase, *MOVES[phase], *approved}


def carries(phase: Phase, seen: Snapshot) -> bool:
    return phase in {Phase.SHIFTING, Phase.PAUSED, Phase.PROMOTING, Phase.STALLED} and seen.canary.ready > 0


def check_who_touches_the_deployment(seen: Snapshot, actions: tuple[Any, ...], stage: Stage) -> None:
    early = {Phase.PENDING, Phase.PREPARING, Phase.SHIFTING, Phase.PAUSED}
    for action in actions:
        if isinstance(action, PauseDeployment | SetTemplate):
            assert of(seen).status.phase not in early
        if isinstance(action, PauseDeployment) and not action.paused:
            assert stage is Stage.ROLL_OUT, "an unpause that was not announced looks like the emergency exit"
            weight = seen.route.weight
            assert weight is None or weight == 100.0


def check_withdrawn_first(seen: Snapshot, actions: tuple[Any, ...]) -> None:
    workload_ = seen.workload
    native = workload_ is not None and not workload_.paused
    if native or not (seen.route.weight or 0) > 0:
        return
    assert [action for action in actions if not isinstance(action, Announce)] == [
        SetWeight(0.0, of(seen).status.reason)
    ]


@pytest.mark.parametrize("stage", [Stage.NONE])
@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.PAUSED])
@settings(max_examples=60, derandomize=True, deadline=None)
@given(data=st.data())
def test_no_look_and_an_undecided_one_never_advance(phase: Phase, stage: Stage, data: st.DataObject) -> None:
    seen = data.draw(snapshots(phase, stage))
    seen = replace(seen, look=data.draw(st.sampled_from([None, look("Undecided")])))
    asked = [intent.verb for intent in of(seen).spec.intents]
    status = decide(seen, NOW).status
    assert status is not None
    if not {"approve", "promote"} & set(asked):
        assert status.phase is not Phase.PROMOTING
        assert status.step <= max(0, of(seen).status.step)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(data=st.data())
def test_once_rolling_back_the_weight_never_rises(data: st.DataObject) -> None:
    stage = data.draw(st.sampled_from(list(Stage)))
    seen = data.draw(snapshots(Phase.ROLLING_BACK, stage))
    assert all(action.weight == 0 for action in decide(seen, NOW).actions if isinstance(action, SetWeight))
