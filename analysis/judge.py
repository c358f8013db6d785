"""The face of the statistics: start or resume R releases, observe a tick of all of them, judge them all."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis import state as stored
from analysis.judgement import Judgement, judgements
from analysis.observation import ReleaseTick, gather, gather_latency
from analysis.quality import Finding
from analysis.settings import ReleaseSettings, Tolerance, check_settings
from analysis.verdict import Verdict

__all__ = ["Finding", "Judge", "Judgement", "ReleaseSettings", "ReleaseTick", "Tolerance", "Verdict"]


class Judge:
    """Evidence of R releases. Not safe for use from several threads at once."""

    def __init__(self, settings: Sequence[ReleaseSettings]) -> None:
        check_settings(settings)
        self._settings = tuple(settings)
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

    def observe(self, ticks: Sequence[ReleaseTick | None]) -> None:
        """Take in one tick a release; None where there is nothing new. Raises InvalidObservation, and then
        takes in nothing.
        """
        counts, histograms = gather(ticks, self._evidence.t), gather_latency(ticks)
        self._evidence.observe(counts, histograms)

    def states(self) -> list[dict[str, Any]]:
        """One JSON-serialisable state a release."""
        return stored.dump(self._evidence, self._settings)

    def judge(self, steps: Sequence[int]) -> list[Judgement]:
        """Judge every release for its step (an index into its advance_tolerances; steps beyond the last use
        the last).
        """
        if len(steps) != len(self._settings):
            raise ValueError(f"judge needs one step for each of {len(self._settings)} releases, got {len(steps)}")
        asked = np.array(
            [min(max(step, 0), len(s.advance_tolerances) - 1) for step, s in zip(steps, self._settings, strict=True)],
            dtype=np.intp,
        )
        return judgements(self._evidence, self._settings, asked)
