"""The sufficient statistics of R releases, and their JSON form of one release."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analysis.course import Course
from analysis.error_evidence import ErrorEvidence, ErrorNulls
from analysis.errors import InvalidState
from analysis.latency_evidence import FEWEST_BOUNDS, LatencyEvidence, LatencyNulls
from analysis.objective import ObjectiveEvidence
from analysis.observation import LatencyCounts, TickCounts, selected
from analysis.proportion import Floats
from analysis.ratio_interval import GRID, grid_log_likelihood
from analysis.settings import ReleaseSettings
from analysis.shadow import ShadowEvidence
from analysis.split import SplitEvidence, mismatch
from analysis.supply import Supply

VERSION = 2


@dataclass(slots=True)
class Evidence:
    """`t` (R,) last instant; `totals` (R, 4) requests and errors, stable then canary; `ratio` (R, 64) log likelihood
    over the grid of ratios; then one struct of arrays for each kind of evidence. `phi`, `risk_back` and `warm_up`
    (R,) come from the settings.
    """

    t: Floats
    totals: Floats
    ratio: Floats
    errors: ErrorEvidence
    latency: LatencyEvidence
    objective: ObjectiveEvidence
    shadow: ShadowEvidence
    split: SplitEvidence
    supply: Supply
    phi: Floats
    risk_back: Floats
    warm_up: Floats

    @classmethod
    def nothing_yet(cls, settings: Sequence[ReleaseSettings]) -> "Evidence":
        """The state before the first tick."""
        n = len(settings)
        return cls(
            t=np.zeros(n),
            totals=np.zeros((n, 4)),
            ratio=np.zeros((n, GRID.size)),
            errors=ErrorEvidence.nothing_yet(ErrorNulls.of(settings)),
            latency=LatencyEvidence.nothing_yet(LatencyNulls.of(settings)),
            objective=ObjectiveEvidence.nothing_yet(settings),
            shadow=ShadowEvidence.nothing_yet(n),
            split=SplitEvidence.nothing_yet(n),
            supply=Supply.nothing_yet(settings),
            phi=np.array([s.dispersion for s in settings], dtype=float),
            risk_back=np.array([s.wrong_rollback for s in settings], dtype=float),
            warm_up=np.array([s.warm_up for s in settings], dtype=float),
        )

    def observe(self, tick: TickCounts, histograms: Sequence[LatencyCounts]) -> Course:
        """Take in checked ticks; what was known after each."""
        rows = tick.rows
        supply, split = self.supply.observe(tick), self.split.observe(tick)
        judged = self._judged(tick)
        phi = self.shadow.observe(judged, self.phi[rows])
        errors = self.errors.observe(judged, phi)
        latency = self.latency.observe(histograms, judged, phi)
        missed = self.objective.observe(judged, phi) >= -np.log(self.risk_back[rows, None])
        counted = (judged.t > judged.since) | (self.warm_up[rows, None] == 0.0)
        counts = np.stack([tick.n_s, tick.e_s, tick.n_c, tick.e_c], axis=2)
        at = selected(rows, self.t.size)
        self.totals[at] += np.where(counted[:, :, None], counts, 0.0).sum(axis=1)
        self.ratio[at] += grid_log_likelihood(*(np.where(counted, a, 0.0) for a in _arms(tick)))
        self.t[rows] = tick.t[:, -1]
        doubtful = supply.doubtful() | mismatch(split) | missed | self.few_bounds()[rows, None]
        return Course(rows, tick.t, errors, latency, doubtful, self.latency.nulls.judged[rows])

    def learn_stable(self, tick: TickCounts, histograms: Sequence[LatencyCounts]) -> None:
        """Learn what stable is like from ticks before the release; nothing of it is evidence."""
        self.errors.stable_rate.foretell(tick.rows, tick.e_s, tick.n_s, tick.t - tick.since)
        for histogram in histograms:
            at = np.searchsorted(tick.rows, histogram.rows)
            self.latency.learn_stable(histogram, (tick.t - tick.since)[at])

    def now(self) -> Course:
        """What is known at the last instants, as a course of one tick."""
        t, rows = np.maximum(self.t - self.warm_up, 0.0), np.arange(self.t.size)
        doubtful = mismatch(self.split.seen) | self.objective_missed() | self.few_bounds()
        doubtful = doubtful[:, None] | self.supply.now().doubtful()
        judged = self.latency.nulls.judged
        return Course(rows, self.t[:, None], self.errors.now(t), self.latency.now(t), doubtful, judged)

    def few_bounds(self) -> np.ndarray:
        """Whether latency is judged by a histogram with too few bounds, (R,) bool."""
        return self.latency.with_bounds(1, FEWEST_BOUNDS - 1)

    def objective_missed(self) -> np.ndarray:
        """Whether the error rate of both arms together is surely above the objective, (R,) bool."""
        t = np.maximum(self.t - self.warm_up, 0.0)
        return np.asarray(self.objective.log_evidence(t) >= -np.log(self.risk_back))

    def _judged(self, tick: TickCounts) -> TickCounts:
        """The ticks on the clock of evidence, which starts after the warm-up; one that began before has no length."""
        warm_up = self.warm_up[tick.rows, None]
        if not warm_up.any():
            return tick
        since, t = (np.maximum(a - warm_up, 0.0) for a in (tick.since, tick.t))
        return replace(tick, since=np.where(tick.since < warm_up, t, since), t=t)

    def fields(self) -> dict[str, Floats]:
        """Every array by its stored name; the first axis counts releases."""
        rate = self.errors.stable_rate
        return {
            "t": self.t,
            "totals": self.totals,
            "ratio": self.ratio,
            "rate_errors": rate.errors,
            "rate_requests": rate.requests,
            "rate_score": rate.score,
            "rollback": self.errors.rollback,
            "advance": self.errors.advance,
            "objective": self.objective.bets,
            "shadow": self.shadow.bets,
            "shadow_since": self.shadow.since,
            "shadow_raised": self.shadow.raised,
            "split": self.split.seen,
            "pace": self.supply.pace,
            "trouble": self.supply.trouble,
        }


def _arms(tick: TickCounts) -> tuple[Floats, Floats, Floats, Floats]:
    return tick.n_c, tick.e_c, tick.n_s, tick.e_s


def dump(evidence: Evidence, settings: Sequence[ReleaseSettings]) -> list[dict[str, Any]]:
    """One JSON-serialisable state a release; Python writes and reads floats exactly, so resuming is
    bit-equal.
    """
    columns = {name: array.tolist() for name, array in evidence.fields().items()}
    states: list[dict[str, Any]] = []
    for index, release in enumerate(settings):
        state: dict[str, Any] = {"version": VERSION}
        state.update({name: column[index] for name, column in columns.items()})
        state["advance"] = state["advance"][: len(release.advance_tolerances)]
        if release.judge_latency:
            state["latency"] = evidence.latency.dump(index)
        states.append(state)
    return states


def load(settings: Sequence[ReleaseSettings], states: Sequence[Mapping[str, Any]]) -> Evidence:
    """The evidence of the stored states, in order. Raises InvalidState."""
    if len(states) != len(settings):
        raise InvalidState(
            min(len(states), len(settings)), "states", f"number {len(states)} for {len(settings)} releases"
        )
    evidence = Evidence.nothing_yet(settings)
    for index, state in enumerate(states):
        if state.get("version") != VERSION:
            raise InvalidState(index, "version", f"is {state.get('version')!r}; this program reads {VERSION}")
    for name, array in evidence.fields().items():
        if not _read_at_once(name, states, array):
            _read_one_by_one(name, settings, states, array)
    for index, state in enumerate(states):
        if settings[index].judge_latency and "latency" in state:
            evidence.latency.restore(index, state["latency"])
    return evidence


def _read_at_once(name: str, states: Sequence[Mapping[str, Any]], array: Floats) -> bool:
    """Fills the array from all states where they are as they should be; False where each is to be looked at by itself:
    one of them is wrong, or they differ in their number of steps."""
    try:
        values = np.array([state[name] for state in states], dtype=float)
    except (KeyError, TypeError, ValueError):
        return False
    if values.shape != array.shape or not np.isfinite(values).all():
        return False
    array[...] = values
    return True


def _read_one_by_one(
    name: str, settings: Sequence[ReleaseSettings], states: Sequence[Mapping[str, Any]], array: Floats
) -> None:
    for index, state in enumerate(states):
        target = array[index]
        if name == "advance":
            target = target[: len(settings[index].advance_tolerances)]
        array[index, ...] = _read(index, name, state, target, array[index])


def _read(index: int, name: str, state: Mapping[str, Any], target: Any, whole: Any) -> Floats:
    """The stored value as an array shaped like `target`, padded with its last entry up to `whole`."""
    try:
        value = np.asarray(state[name], dtype=float)
    except (KeyError, TypeError, ValueError) as cause:
        raise InvalidState(index, name, "is missing or not numeric") from cause
    if value.shape != np.shape(target):
        raise InvalidState(index, name, f"has shape {value.shape} where these settings need {np.shape(target)}")
    if not np.isfinite(value).all():
        raise InvalidState(index, name, "holds a value that is not finite")
    missing = len(whole) - len(value) if value.ndim else 0
    return np.concatenate([value, np.repeat(value[-1:], missing, axis=0)]) if missing else value
