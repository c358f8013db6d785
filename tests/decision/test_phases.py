"""The table of moves, and what a move writes."""

from __future__ import annotations

import pytest

from delivery.decision.phases import FIRST_STAGE, HISTORY_LIMIT, LINE_LIMIT, MOVES, STAGES, IllegalMove, enter, move
from delivery.resources.release import Phase, ReleaseStatus, Stage
from tests.decision.given import NOW

ILLEGAL = [(one, other) for one in Phase for other in Phase if other not in MOVES[one]]


@pytest.mark.parametrize(("one", "other"), ILLEGAL, ids=lambda phase: phase.value)
def test_a_move_the_table_does_not_allow_raises(one: Phase, other: Phase) -> None:
    with pytest.raises(IllegalMove, match=f"{one} -> {other}"):
        move(ReleaseStatus(phase=one), other, "Because", "", NOW)


def test_every_phase_is_in_the_table_and_only_final_ones_lead_nowhere() -> None:
    assert set(MOVES) == set(Phase)
    assert {phase for phase in Phase if not MOVES[phase]} == {phase for phase in Phase if phase.final}


@pytest.mark.parametrize("phase", [phase for phase in Phase if not phase.final])
def test_every_phase_can_still_end_well_or_be_withdrawn(phase: Phase) -> None:
    reached, new = {phase}, {phase}
    while new:
        new = set().union(*(MOVES[one] for one in new)) - reached
        reached |= new
    assert Phase.ROLLED_BACK in reached
    assert phase is Phase.ROLLING_BACK or Phase.SUCCEEDED in reached


def test_nothing_comes_back_from_rolling_back() -> None:
    assert all(phase.final for phase in MOVES[Phase.ROLLING_BACK])
    assert Phase.SUCCEEDED not in MOVES[Phase.ROLLING_BACK]


def test_a_move_begins_at_the_phases_first_stage_and_writes_one_line() -> None:
    moved = move(ReleaseStatus(phase=Phase.SHIFTING, stage_since=1.0), Phase.PROMOTING, "Healthy", "so it is", NOW)
    assert (moved.stage, moved.stage_since, moved.finished_at) == (Stage.SHIFT_ALL, NOW, None)
    [line] = moved.history
    assert (line.at, line.phase, line.reason, line.message) == (NOW, Phase.PROMOTING, "Healthy", "so it is")
    assert all(FIRST_STAGE[phase] in stages for phase, stages in STAGES.items())


def test_a_final_move_notes_the_end_and_the_diary_is_bounded() -> None:
    status = ReleaseStatus(phase=Phase.ROLLING_BACK, started_at=NOW - 9)
    ended = move(status, Phase.ROLLED_BACK, "Aborted", "", NOW)
    assert (ended.started_at, ended.finished_at) == (NOW - 9, NOW)
    status = ReleaseStatus(phase=Phase.SHIFTING)
    for _ in range(HISTORY_LIMIT):
        status = move(move(status, Phase.PAUSED, "A", "", NOW), Phase.SHIFTING, "B", "", NOW)
    assert len(status.history) == HISTORY_LIMIT
    told = move(status, Phase.PAUSED, "A", "x" * 1000, NOW)
    assert (len(told.history[-1].message), len(told.message)) == (LINE_LIMIT, 1000)


def test_entering_a_stage_starts_its_clock_and_nothing_else() -> None:
    status = ReleaseStatus(phase=Phase.PROMOTING, stage=Stage.SHIFT_ALL, stage_since=1.0, reason="Healthy")
    entered = enter(status, Stage.ROLL_OUT, NOW)
    assert entered == status.model_copy(update={"stage": Stage.ROLL_OUT, "stage_since": NOW})
