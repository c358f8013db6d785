"""Recorded releases judged again: side by side, many ticks at once, as one step that never ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import numpy as np

from analysis.course import Course as TickCourse
from analysis.course import Weighed
from analysis.dispersion import Dispersion, learn_dispersion
from analysis.errors import InvalidObservation
from analysis.judge import Finding, Judge, Judgement, ReleaseSettings
from analysis.proportion import Floats, Rows
from delivery.backtest.padded import Padded, learned_from
from delivery.backtest.recording import InvalidRecording, Recording

# Ticks of all releases at a time: their arrays stay small, and a release that is decided soon costs little more.
TICKS_AT_ONCE = 16384
FIRST_TICKS = 32
LAST_STEP = [sys.maxsize]
NO_HISTORY = "no stable lines come before the first canary line: noise of single instances is not allowed for"
NOT_RECORDED = Dispersion(1.0, None, NO_HISTORY)


@dataclass(slots=True)
class Course:
    """What was known after each tick, as long as the release was open, in pieces: seconds (k,), log evidence (k,), and
    whether each step of the policy might have been left (k, S).
    """

    t: list[Floats] = field(default_factory=list)
    rollback: list[Floats] = field(default_factory=list)
    advance: list[Floats] = field(default_factory=list)
    leaves: list[np.ndarray] = field(default_factory=list)

    def joined(self) -> tuple[Floats, np.ndarray]:
        """Seconds (k,) and which steps might have been left (k, S)."""
        return np.concatenate(self.t), np.concatenate(self.leaves)

    def evidence(self) -> tuple[Floats, Floats]:
        """Log evidence for rolling back and for advancing, (k,) each."""
        return np.concatenate(self.rollback), np.concatenate(self.advance)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One release's end: the last judgement made of it, and when, in the recording's seconds (None: undecided)."""

    release: str
    judgement: Judgement
    decided_at: float | None
    dispersion: Dispersion
    notes: tuple[Finding, ...]
    course: Course


def replay(
    recordings: Sequence[Recording],
    settings: ReleaseSettings,
    *,
    dispersion: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Outcome]:
    """Judge every recording by `settings`, in the order given, for the last of its steps.

    `dispersion` fixes phi; None learns it from each recording's history. `progress` is told how many releases ended.
    Raises InvalidRecording.
    """
    outcomes: dict[int, Outcome] = {}
    for group in _of_like_length(recordings):
        members = [recordings[i] for i in group]
        for place, outcome in _outcomes(members, settings, dispersion):
            outcomes[group[place]] = outcome
            if progress:
                progress(len(outcomes))
    return [outcomes[i] for i in range(len(recordings))]


def _of_like_length(recordings: Sequence[Recording]) -> Iterator[list[int]]:
    """Releases whose lengths differ by less than a factor of two, and of equal bounds: arrays without much filling."""

    def kind(i: int) -> tuple[int, tuple[float, ...]]:
        return int(recordings[i].t.size).bit_length(), recordings[i].bounds

    for _, members in groupby(sorted(range(len(recordings)), key=kind), key=kind):
        yield list(members)


def _outcomes(
    recordings: Sequence[Recording], settings: ReleaseSettings, dispersion: float | None
) -> Iterator[tuple[int, Outcome]]:
    """Each release's number and outcome as it ends; recordings of like length and equal bounds."""
    noise = [_noise(recording, dispersion) for recording in recordings]
    side = _SideBySide(recordings, [_settings(settings, *pair) for pair in zip(recordings, noise, strict=True)])
    while side.rows.size:
        for row, judgement, when in side.go_on():
            recording = recordings[row]
            notes = _notes(recording, settings, noise[row])
            yield row, Outcome(recording.release, judgement, when, noise[row], notes, side.courses[row])


class _SideBySide:
    """The releases still open, judged together. `rows` (r,) are their numbers among the recordings."""

    def __init__(self, recordings: Sequence[Recording], settings: list[ReleaseSettings]) -> None:
        self._recordings, self._settings = recordings, settings
        self._arrays, self._judge = Padded.of(recordings), Judge.start(settings)
        self._start, self._size = 0, FIRST_TICKS
        self.rows = np.arange(len(recordings))
        self.courses = [Course() for _ in recordings]
        for row, recording in enumerate(recordings):
            if recording.history is not None:
                self._judge.learn_stable(*learned_from(row, recording))

    def go_on(self) -> list[tuple[int, Judgement, float | None]]:
        """Some ticks more: who ended, with what was judged then and when it was decided (None: the data ended)."""
        self._size = max(1, min(2 * self._size, TICKS_AT_ONCE // self.rows.size))
        ticks = slice(self._start, self._start + self._size)
        before = self._judge.states()
        course = self._observe(ticks)
        weighed = self._judge.weigh(LAST_STEP * self.rows.size, course)
        decided = weighed.rolls_back | weighed.advances
        last_tick = self._arrays.lengths[self.rows] - 1 - self._start
        last = np.where(decided.any(axis=1), decided.argmax(axis=1), last_tick)
        self._note(weighed, ticks, last)
        self._note_steps(course, last)
        ended = np.flatnonzero(last < decided.shape[1])
        judgements = self._judged_at(before, ended, ticks, last[ended])
        found = [
            (row, judgement, float(self.courses[row].t[-1][-1]) if sure else None)
            for row, judgement, sure in zip(
                self.rows[ended].tolist(), judgements, decided.any(axis=1)[ended].tolist(), strict=True
            )
        ]
        self._leave(ended)
        self._start = ticks.stop
        return found

    def _observe(self, ticks: slice) -> TickCourse:
        try:
            return self._judge.observe_arrays(*self._arrays.part(self.rows, ticks))
        except InvalidObservation as mistake:
            release = self._recordings[int(self.rows[mistake.index])].release
            raise InvalidRecording(f"release {release!r}: {mistake.field} {mistake.problem}") from mistake

    def _note(self, weighed: Weighed, ticks: slice, last: Rows) -> None:
        for place, row in enumerate(self.rows.tolist()):
            heard = slice(0, int(last[place]) + 1)
            course = self.courses[row]
            course.t.append(self._arrays.t[row, ticks][heard] + self._recordings[row].start)
            course.rollback.append(weighed.rollback[place, heard])
            course.advance.append(weighed.advance[place, heard])

    def _note_steps(self, course: TickCourse, last: Rows) -> None:
        steps = len(self._settings[0].advance_tolerances)
        leaves = [self._judge.weigh([step] * self.rows.size, course).advances for step in range(steps)]
        told = np.stack(leaves, axis=2)
        for place, row in enumerate(self.rows.tolist()):
            self.courses[row].leaves.append(told[place, : int(last[place]) + 1])

    def _judged_at(self, before: list[dict[str, Any]], ended: Rows, ticks: slice, last: Rows) -> list[Judgement]:
        """The judgements of those who ended, as they stood after their last tick and not later."""
        if not ended.size:
            return []
        part = slice(ticks.start, ticks.start + int(last.max()) + 1)
        judge = Judge.resume([self._settings[i] for i in ended], [before[i] for i in ended])
        judge.observe_arrays(*self._arrays.part(self.rows[ended], part, last))
        return judge.judge(LAST_STEP * ended.size)

    def _leave(self, ended: Rows) -> None:
        """Go on without those who ended."""
        if not ended.size:
            return
        stay = np.setdiff1d(np.arange(self.rows.size), ended)
        states = self._judge.states()
        self._settings, self.rows = [self._settings[i] for i in stay], self.rows[stay]
        self._judge = Judge.resume(self._settings, [states[i] for i in stay])


def _noise(recording: Recording, fixed: float | None) -> Dispersion:
    if fixed is not None:
        return Dispersion(fixed, fixed, "fixed by the policy")
    history = recording.history
    if history is None:
        return NOT_RECORDED
    tick = float(np.median(np.diff(history.t))) if history.t.size > 1 else recording.interval
    return learn_dispersion(history.requests, history.errors, tick=tick, exposure=recording.exposure)


def _settings(settings: ReleaseSettings, recording: Recording, noise: Dispersion) -> ReleaseSettings:
    judge_latency = settings.judge_latency and any(recording.arm_bounds)
    return replace(settings, judge_latency=judge_latency, dispersion=noise.phi, interval=recording.interval)


def _notes(recording: Recording, settings: ReleaseSettings, noise: Dispersion) -> tuple[Finding, ...]:
    """What the recording itself leaves open."""
    notes = []
    if noise.measured is None:
        notes.append(Finding("noise-unknown", noise.note, withholds=False))
    stable, canary = recording.arm_bounds
    if settings.judge_latency and not (stable or canary):
        told = "the recording has no latency histograms: latency was not judged"
        notes.append(Finding("no-histogram", told, withholds=False))
    elif stable != canary:
        told = f"stable has {len(stable)} histogram bounds, the canary {len(canary)}"
        notes.append(Finding("bounds-differ", f"{told}: {len(recording.bounds)} in common", withholds=False))
    return tuple(notes)
