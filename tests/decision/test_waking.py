from delivery.decision.snapshot import Watch
from delivery.decision.waking import (
    ADVANCE,
    RESYNC_S,
    ROLL_BACK,
    SOONEST_S,
    last_heard,
    moves,
    next_deadline,
    silent_for,
)
from delivery.resources.policy import DeliveryPolicySpec, NoData
from delivery.resources.release import AnalysisRecord, Phase, ReleaseStatus
from tests.decision.given import NOW

CANARY = {"steps": [5, 50], "minStepDuration": "30s", "maxStepDuration": "5m"}
POLICY = DeliveryPolicySpec.model_validate(
    {"strategy": {"canary": CANARY}, "analysis": {"noData": {"deadline": "45s"}, "interval": "10s"}}
)


def _status(phase: Phase = Phase.SHIFTING, since: float | None = NOW, heard: float | None = NOW) -> ReleaseStatus:
    return ReleaseStatus(phase=phase, step_since=since, analysis=AnalysisRecord(started_at=NOW - 5, last_data_at=heard))


def test_a_condemning_look_moves_at_once_an_advancing_one_when_the_step_may_be_left() -> None:
    assert moves(_status(), ROLL_BACK, POLICY, NOW)
    assert not moves(_status(), ADVANCE, POLICY, NOW + 29)
    assert moves(_status(), ADVANCE, POLICY, NOW + 30)


def test_any_look_moves_once_the_step_was_undecided_for_too_long() -> None:
    assert not moves(_status(), "Undecided", POLICY, NOW + 300)
    assert moves(_status(), "Undecided", POLICY, NOW + 301)


def test_nothing_but_a_condemning_look_moves_a_paused_release() -> None:
    paused = _status(Phase.PAUSED)
    assert not moves(paused, ADVANCE, POLICY, NOW + 300)
    assert moves(paused, ROLL_BACK, POLICY, NOW + 300)


def test_the_next_deadline_is_the_first_that_lies_ahead() -> None:
    watch = Watch(NOW - 9, NOW)
    assert next_deadline(_status(), POLICY, watch, NOW) == 30 + SOONEST_S  # the step may be left
    assert next_deadline(_status(), POLICY, watch, NOW + 31) == 14 + SOONEST_S  # silent for too long
    watch = Watch(NOW - 9, NOW + 290)
    assert next_deadline(_status(heard=NOW + 290), POLICY, watch, NOW + 290) == 10 + SOONEST_S  # undecided for too long


def test_a_deadline_far_away_does_not_keep_from_looking() -> None:
    canary = POLICY.strategy.canary.model_copy(update={"max_step_duration": 7200.0})
    relaxed = POLICY.model_copy(
        update={
            "analysis": POLICY.analysis.model_copy(update={"no_data": NoData.model_validate({"deadline": "15m"})}),
            "strategy": POLICY.strategy.model_copy(update={"canary": canary}),
        }
    )
    assert next_deadline(_status(), relaxed, Watch(NOW - 9, NOW), NOW + 31) == RESYNC_S


def test_silence_counts_from_the_step_where_nothing_was_heard_in_it() -> None:
    assert last_heard(_status(heard=None)) == NOW
    assert last_heard(_status(since=None, heard=None)) == NOW - 5
    assert last_heard(ReleaseStatus()) is None


def test_a_process_that_has_not_looked_knows_of_no_silence() -> None:
    status = _status(since=NOW - 900, heard=NOW - 800)
    assert silent_for(status, None, NOW) is None
    assert silent_for(status, Watch(NOW - 9), NOW) is None
    assert silent_for(status, Watch(NOW - 9, NOW - 5), NOW) == 5
    assert next_deadline(status, POLICY, Watch(NOW - 9), NOW) == 45 + SOONEST_S
