"""The legal moves between phases, and the one way to make one."""

from __future__ import annotations

from delivery.resources.release import Phase, ReleaseStatus, Stage, Transition

HISTORY_LIMIT = 45
LINE_LIMIT = 200  # characters of a line's message; the whole of it is in an Event

MOVES: dict[Phase, frozenset[Phase]] = {
    Phase.PENDING: frozenset({Phase.PREPARING, Phase.PROMOTING, Phase.FAILED, Phase.ROLLING_BACK}),
    Phase.PREPARING: frozenset({Phase.SHIFTING, Phase.ROLLING_BACK}),
    Phase.SHIFTING: frozenset({Phase.PAUSED, Phase.PROMOTING, Phase.ROLLING_BACK}),
    Phase.PAUSED: frozenset({Phase.SHIFTING, Phase.PROMOTING, Phase.ROLLING_BACK}),
    Phase.PROMOTING: frozenset({Phase.SUCCEEDED, Phase.STALLED, Phase.ROLLING_BACK}),
    Phase.STALLED: frozenset({Phase.PROMOTING, Phase.ROLLING_BACK}),
    Phase.ROLLING_BACK: frozenset({Phase.ROLLED_BACK, Phase.SUPERSEDED, Phase.BYPASSED, Phase.FAILED}),
    Phase.SUCCEEDED: frozenset(),
    Phase.ROLLED_BACK: frozenset(),
    Phase.SUPERSEDED: frozenset(),
    Phase.BYPASSED: frozenset(),
    Phase.FAILED: frozenset(),
}

FIRST_STAGE: dict[Phase, Stage] = {
    Phase.PREPARING: Stage.BACK_ENDS,
    Phase.PROMOTING: Stage.SHIFT_ALL,
    Phase.ROLLING_BACK: Stage.WITHDRAW,
}

STAGES: dict[Phase, frozenset[Stage]] = {
    Phase.PREPARING: frozenset({Stage.BACK_ENDS, Stage.ROUTE, Stage.CANARY}),
    Phase.PROMOTING: frozenset(
        {
            Stage.SHIFT_ALL,
            Stage.ROLL_OUT,
            Stage.SETTLE,
            Stage.SHIFT_BACK,
            Stage.RESTORE_ROUTE,
            Stage.REMOVE_CANARY,
            Stage.REMOVE_BACK_ENDS,
        }
    ),
    Phase.ROLLING_BACK: frozenset({Stage.WITHDRAW, Stage.REMOVE_CANARY, Stage.RESTORE_ROUTE, Stage.REMOVE_BACK_ENDS}),
}


class IllegalMove(Exception):
    """A phase was asked to become one that the table does not allow."""


def move(status: ReleaseStatus, phase: Phase, reason: str, message: str, now: float) -> ReleaseStatus:
    """The status in its new phase, at that phase's first stage, with one line more in its diary.

    Raises IllegalMove.
    """
    if phase not in MOVES[status.phase]:
        raise IllegalMove(f"{status.phase} -> {phase} ({reason})")
    moved = record(status.model_copy(update={"phase": phase}), reason, message, now)
    return moved.model_copy(
        update={
            "stage": FIRST_STAGE.get(phase, Stage.NONE),
            "stage_since": now,
            "started_at": status.started_at or now,
            "finished_at": now if phase.final else None,
        }
    )


def enter(status: ReleaseStatus, stage: Stage, now: float) -> ReleaseStatus:
    """The status at a later stage of the same phase."""
    return status.model_copy(update={"stage": stage, "stage_since": now})


def record(status: ReleaseStatus, reason: str, message: str, now: float) -> ReleaseStatus:
    """The status with another present reason and message, and a line of it in the diary."""
    weight = status.traffic.verified_weight or 0.0
    line = Transition(at=now, phase=status.phase, reason=reason, message=_line(message), weight=weight)
    return note(status, reason, message).model_copy(update={"history": (*status.history, line)[-HISTORY_LIMIT:]})


def note(status: ReleaseStatus, reason: str, message: str) -> ReleaseStatus:
    """The status with another present reason and message; no line in the diary."""
    return status.model_copy(update={"reason": reason, "message": message})


def _line(message: str) -> str:
    return message if len(message) <= LINE_LIMIT else f"{message[: LINE_LIMIT - 1]}…"
