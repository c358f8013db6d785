"""The face of the statistics: start or resume R releases, observe a tick of all of them, judge them all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis import state as stored
from analysis.observation import ReleaseTick, gather
from analysis.outlook import information_a_second, seconds_to_decide, smoothed_rate
from analysis.proportion import Floats
from analysis.ratio_interval import ratio_interval
from analysis.reason import explain
from analysis.settings import ReleaseSettings, Tolerance, check_settings
from analysis.verdict import Verdict

__all__ = ["Judge", "Judgement", "ReleaseSettings", "ReleaseTick", "Tolerance", "Verdict"]

INTERVAL_RISK = 0.05


@dataclass(frozen=True, slots=True)
class Judgement:
    """One release, judged now. Evidence is in natural logarithms: compare with ln(1/wrong_rollback) and
    ln(1/wrong_advance).
    """

    verdict: Verdict
    reason: str
    carried_by: str | None
    log_evidence_rollback: float
    log_evidence_advance: float
    stable_requests: float
    stable_errors: float
    canary_requests: float
    canary_errors: float
    metrics: dict[str, Any]
    seconds_to_decide: float | None


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
        counts = gather(ticks, self._evidence.t)
        self._evidence.observe(counts)

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
        evidence = self._evidence
        rollback = evidence.errors.log_rollback(evidence.t)
        advance = evidence.errors.log_advance(evidence.t)[np.arange(asked.size), asked]
        wait = self._wait(rollback, advance, asked)
        ends = ratio_interval(evidence.ratio, INTERVAL_RISK)
        columns = zip(
            self._settings,
            evidence.totals.tolist(),
            rollback.tolist(),
            advance.tolist(),
            wait.tolist(),
            *(end.tolist() for end in ends),
            strict=True,
        )
        return [_judgement(*column) for column in columns]

    def _wait(self, rollback: Floats, advance: Floats, asked: np.ndarray) -> Floats:
        evidence, nulls = self._evidence, self._evidence.errors.nulls
        rows = np.arange(asked.size)
        pace_s, pace_c = (evidence.pace[:, i] / np.maximum(evidence.pace[:, 2], 1e-9) for i in (0, 1))
        quiet = (pace_s <= 0) | (pace_c <= 0)
        pace_s, pace_c = np.where(quiet, 1.0, pace_s), np.where(quiet, 1.0, pace_c)
        p_s = smoothed_rate(evidence.totals[:, 1], evidence.totals[:, 0])
        p_c = smoothed_rate(evidence.totals[:, 3], evidence.totals[:, 2])
        waits = [np.where(quiet, np.inf, np.inf)]
        for grown, risk, rho, delta, side in (
            (rollback, [s.wrong_rollback for s in self._settings], nulls.rho, nulls.delta, 1.0),
            (
                advance,
                [s.wrong_advance for s in self._settings],
                nulls.rho_step[rows, asked],
                nulls.delta_step[rows, asked],
                -1.0,
            ),
        ):
            information = information_a_second(pace_s, pace_c, p_s, p_c, rho=rho, delta=delta) / nulls.phi
            towards = side * (p_c - rho * p_s - delta) > 0
            missing = -np.log(np.array(risk)) - grown
            waits.append(np.where(towards & ~quiet, seconds_to_decide(missing, information), np.inf))
        return np.asarray(np.minimum.reduce(waits))


def _judgement(
    settings: ReleaseSettings,
    totals: list[float],
    rollback: float,
    advance: float,
    wait: float,
    lower: float,
    likeliest: float,
    upper: float,
) -> Judgement:
    if rollback >= -np.log(settings.wrong_rollback):
        verdict, carried_by, decisive = Verdict.ROLL_BACK, "errors", rollback
    elif advance >= -np.log(settings.wrong_advance):
        verdict, carried_by, decisive = Verdict.ADVANCE, "errors", advance
    else:
        verdict, carried_by, decisive = Verdict.UNDECIDED, None, 0.0
    n_s, e_s, n_c, e_c = totals
    undecided = verdict is Verdict.UNDECIDED
    return Judgement(
        verdict=verdict,
        reason=explain(verdict, totals=(n_s, e_s, n_c, e_c), log_evidence=decisive, carried_by=carried_by, wait=wait),
        carried_by=carried_by,
        log_evidence_rollback=rollback,
        log_evidence_advance=advance,
        stable_requests=n_s,
        stable_errors=e_s,
        canary_requests=n_c,
        canary_errors=e_c,
        metrics={
            "errors": {
                "log_evidence_rollback": rollback,
                "log_evidence_advance": advance,
                "stable_rate": e_s / n_s if n_s > 0 else None,
                "canary_rate": e_c / n_c if n_c > 0 else None,
                "ratio": likeliest if e_s + e_c > 0 else None,
                "ratio_lower": lower,
                "ratio_upper": upper if np.isfinite(upper) else None,
            }
        },
        seconds_to_decide=wait if undecided and np.isfinite(wait) else None,
    )
