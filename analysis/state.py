"""The sufficient statistics of R releases, and their JSON form of one release."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.error_evidence import ErrorEvidence, ErrorNulls
from analysis.errors import InvalidState
from analysis.latency_evidence import LatencyEvidence
from analysis.observation import LatencyCounts, TickCounts
from analysis.proportion import Floats
from analysis.ratio_interval import GRID, grid_log_likelihood
from analysis.settings import ReleaseSettings
from analysis.split import SplitEvidence

VERSION = 1
PACE_MEMORY = 60.0


@dataclass(slots=True)
class Evidence:
    """`t` (R,) last instant; `totals` (R, 4) requests and errors, stable then canary; `pace` (R, 3) recent
    stable requests, canary requests and seconds, forgotten over a minute; `ratio` (R, 64) log likelihood over
    the grid of ratios; `errors` the error rate's.
    """

    t: Floats
    totals: Floats
    pace: Floats
    ratio: Floats
    errors: ErrorEvidence
    latency: LatencyEvidence
    split: SplitEvidence

    @classmethod
    def nothing_yet(cls, settings: Sequence[ReleaseSettings]) -> "Evidence":
        """The state before the first tick."""
        n = len(settings)
        nulls = ErrorNulls.of(settings)
        return cls(
            np.zeros(n),
            np.zeros((n, 4)),
            np.zeros((n, 3)),
            np.zeros((n, GRID.size)),
            ErrorEvidence.nothing_yet(nulls),
            LatencyEvidence.nothing_yet(settings),
            SplitEvidence.nothing_yet(n),
        )

    def observe(self, tick: TickCounts, histograms: Sequence[LatencyCounts]) -> None:
        """Take in checked ticks."""
        rows, since = tick.rows, self.t[tick.rows]
        seconds = tick.t - since
        self.errors.observe(tick, since)
        self.latency.observe(histograms, rows, since, tick.t)
        self.split.observe(tick)
        self.totals[rows] += np.stack([tick.n_s, tick.e_s, tick.n_c, tick.e_c], axis=1)
        kept = np.exp(-seconds / PACE_MEMORY)[:, None]
        self.pace[rows] = self.pace[rows] * kept + np.stack([tick.n_s, tick.n_c, seconds], axis=1)
        self.ratio[rows] += grid_log_likelihood(tick.n_c, tick.e_c, tick.n_s, tick.e_s)
        self.t[rows] = tick.t

    def fields(self) -> dict[str, Floats]:
        """Every array by its stored name; the first axis counts releases."""
        rate = self.errors.stable_rate
        return {
            "t": self.t,
            "totals": self.totals,
            "pace": self.pace,
            "ratio": self.ratio,
            "rate_errors": rate.errors,
            "rate_requests": rate.requests,
            "rate_score": rate.score,
            "rollback": self.errors.rollback,
            "advance": self.errors.advance,
            "split": self.split.seen,
        }


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
        for index, state in enumerate(states):
            target = array[index]
            if name == "advance":
                target = target[: len(settings[index].advance_tolerances)]
            array[index, ...] = _read(index, name, state, target, array[index])
    for index, state in enumerate(states):
        if settings[index].judge_latency and "latency" in state:
            evidence.latency.restore(index, state["latency"])
    return evidence


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
