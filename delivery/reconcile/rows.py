"""Many stored states judged as one: resumed, brought forward tick by tick, judged, stored again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.errors import InvalidObservation, InvalidState
from analysis.judge import Judge, Judgement, ReleaseSettings, ReleaseTick


@dataclass(slots=True)
class Row:
    """One series of evidence: its settings, its state so far (empty: none yet), and its new ticks, the oldest first.

    `learn` is given the judge and the row's number before the first tick. Afterwards `state` goes on, `judgement` is
    there, and `problem` says what had to be left out.
    """

    settings: ReleaseSettings
    state: Mapping[str, Any]
    ticks: list[ReleaseTick]
    step: int
    learn: Callable[[Judge, int], None] | None = None
    judgement: Judgement | None = None
    problem: str | None = None


def judge_rows(rows: Sequence[Row]) -> None:
    """Judges all of them at once; one that cannot be true, or cannot be read, does not keep the others from it."""
    if not rows:
        return
    judge = _resumed(rows)
    for number, row in enumerate(rows):
        if row.learn is not None:
            row.learn(judge, number)
    for depth in range(max(len(row.ticks) for row in rows)):
        _observe(judge, rows, [row.ticks[depth] if depth < len(row.ticks) else None for row in rows])
    judgements = judge.judge([row.step for row in rows])
    for row, judgement, state in zip(rows, judgements, judge.states(), strict=True):
        row.judgement, row.state = judgement, state


def _resumed(rows: Sequence[Row]) -> Judge:
    settings = [row.settings for row in rows]
    states = [row.state or _nothing_yet(row.settings) for row in rows]
    while True:
        try:
            return Judge.resume(settings, states)
        except InvalidState as problem:
            told = f"{problem.field} {problem.problem}"
            rows[problem.index].problem = f"the evidence so far could not be read and is begun anew: {told}"
            states[problem.index] = _nothing_yet(settings[problem.index])


def _nothing_yet(settings: ReleaseSettings) -> dict[str, Any]:
    return Judge.start([settings]).states()[0]


def _observe(judge: Judge, rows: Sequence[Row], ticks: list[ReleaseTick | None]) -> None:
    while any(tick is not None for tick in ticks):
        try:
            judge.observe(ticks)
        except InvalidObservation as mistake:
            rows[mistake.index].problem = f"a sample was left out: {mistake.field} {mistake.problem}"
            ticks[mistake.index] = None
        else:
            return
