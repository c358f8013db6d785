"""The face of the statistics: start or resume R releases, observe a tick of all of them, judge them all."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis import state as stored
from analysis.course import Course, Risks, Weighed
from analysis.judgement import Judgement, judgements
from analysis.observation import LatencyCounts, ReleaseTick, TickCounts, check, gather, gather_latency
from analysis.proportion import Rows
from analysis.quality import Finding
from analysis.settings import ReleaseSettings, Tolerance, check_settings
from analysis.verdict import Verdict

__all__ = ["Finding", "Judge", "Judgement", "ReleaseSettings", "ReleaseTick", "Tolerance", "Verdict"]


class Judge:
    """Evidence of R releases. Not safe for use from several threads at once."""

    def __init__(self, settings: Sequence[ReleaseSettings]) -> None:
        check_settings(settings)
        self._settings = tuple(settings)
        self._risks = Risks.of(self._settings)
        self._last_step = np.array([len(s.advance_tolerances) - 1 for s in self._settings], dtype=np.intp)
        self._evidence = stored.Evidence.nothing_yet(self._settings)

    @classmethod
    def start(cls, settings: Sequence[ReleaseSettings]) -> "Judge":
        """Releases of which nothing has been seen. Raises InvalidSettings."""
        return cls(settings)

    @classmethod
    def resume(cls, settings: Sequence[ReleaseSettings], states: Sequence[Mapping[str, Any]]) -> "Judge":
        """Go on from stored states, bit-equal to never having stopped. Raises InvalidSettings, InvalidState."""
        judge = cls(settings)
        judge._evidence = stored.load(judge._settings, states)
        return judge

    def learn_stable(self, tick: TickCounts, histograms: Sequence[LatencyCounts] = ()) -> None:
        """Learn what stable is like from its ticks before the first judged instant, whose canary counts are 0. Nothing
        of it is evidence. Raises InvalidObservation, and then takes in nothing.
        """
        check(tick, histograms, np.full(len(self._settings), -np.inf))
        self._evidence.learn_stable(tick, histograms)

    def observe(self, ticks: Sequence[ReleaseTick | None]) -> None:
        """Take in one tick a release; None where there is nothing new. Raises InvalidObservation, and then
        takes in nothing.
        """
        self.observe_arrays(gather(ticks, self._evidence.t), gather_latency(ticks))

    def observe_arrays(self, tick: TickCounts, histograms: Sequence[LatencyCounts] = ()) -> Course:
        """Take in B ticks of each of r releases at once, as if one after the other: what was known after each.

        Raises InvalidObservation, and then takes in nothing.
        """
        check(tick, histograms, self._evidence.t)
        return self._evidence.observe(tick, histograms)

    def states(self) -> list[dict[str, Any]]:
        """One JSON-serialisable state a release."""
        return stored.dump(self._evidence, self._settings)

    def weigh(self, steps: Sequence[int] | Rows, course: Course | None = None) -> Weighed:
        """What the evidence allows, as arrays and without sentences: of the ticks of a course (r, B), or now (R, 1).

        `steps` has one step for each of all R releases, as for `judge`.
        """
        asked, risks = self._asked(steps), self._risks
        if course is None:
            return self._evidence.now().weigh(risks, asked)
        part = Risks(risks.rollback[course.rows], risks.advance[course.rows])
        return course.weigh(part, asked[course.rows])

    def judge(self, steps: Sequence[int], now: Sequence[float] | None = None) -> list[Judgement]:
        """Judge every release for its step (an index into its advance_tolerances; steps beyond the last use
        the last). `now`, seconds on each release's own clock, lets data that stopped coming be seen as stale.
        """
        present = None if now is None else np.asarray(now, dtype=float)
        return judgements(self._evidence, self._settings, self._asked(steps), present)

    def _asked(self, steps: Sequence[int] | Rows) -> Rows:
        if len(steps) != len(self._settings):
            raise ValueError(f"judge needs one step for each of {len(self._settings)} releases, got {len(steps)}")
        return np.minimum(np.maximum(np.asarray(steps, dtype=np.intp), 0), self._last_step)
