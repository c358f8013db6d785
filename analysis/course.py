"""The rule: which verdict the evidence of r releases allows after each of B ticks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.error_evidence import ErrorCourse
from analysis.latency_evidence import LatencyCourse
from analysis.proportion import Floats, Rows
from analysis.settings import ReleaseSettings


@dataclass(frozen=True, slots=True)
class Risks:
    """What the log evidence of R releases has to reach: (R,) for rolling back, (R,) for advancing."""

    rollback: Floats
    advance: Floats

    @classmethod
    def of(cls, settings: Sequence[ReleaseSettings]) -> "Risks":
        """ln(1/risk) of the settings."""
        rollback = -np.log(np.array([s.wrong_rollback for s in settings], dtype=float))
        return cls(rollback, -np.log(np.array([s.wrong_advance for s in settings], dtype=float)))


@dataclass(frozen=True, slots=True)
class Weighed:
    """Log evidence (r, B), metric by metric and in all, and what may be done: `rolls_back`, `advances` (r, B)."""

    errors_rollback: Floats
    latency_rollback: Floats
    rollback: Floats
    errors_advance: Floats
    latency_advance: Floats
    advance: Floats
    rolls_back: np.ndarray
    advances: np.ndarray


@dataclass(frozen=True, slots=True)
class Course:
    """What was known of `rows` (r,) after each of B ticks that end at `t` (r, B), `doubtful` (r, B) where the data
    allow no advance, `latency_judged` (r,).
    """

    rows: Rows
    t: Floats
    errors: ErrorCourse
    latency: LatencyCourse
    doubtful: np.ndarray
    latency_judged: np.ndarray

    def weigh(self, risks: Risks, step: Rows) -> Weighed:
        """Weigh the evidence for each release's step (r,), of risks (r,).

        Roll-back evidence is the mean over the judged metrics: one dead-sure metric suffices and the risk is spent
        once (Vovk and Wang: the mean of e-values is one, whatever their dependence). An advance needs every metric.
        Rolling back goes first.
        """
        judged = self.latency_judged[:, None]
        errors, for_step = self.errors.log_rollback(), self.errors.log_advance(step)
        slower = np.where(judged, self.latency.log_rollback(), 0.0)
        as_quick = np.where(judged, self.latency.log_advance(), 0.0)
        rollback = np.where(judged, np.logaddexp(errors, slower) - np.log(2.0), errors)
        advance = np.where(judged, np.minimum(for_step, as_quick), for_step)
        rolls_back = rollback >= risks.rollback[:, None]
        advances = ~rolls_back & ~self.doubtful & (advance >= risks.advance[:, None])
        return Weighed(errors, slower, rollback, for_step, as_quick, advance, rolls_back, advances)
