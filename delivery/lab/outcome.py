"""What one run of a scenario came to: the JSON object that `headgate lab run` prints."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from delivery.resources.release import Release


@dataclass(frozen=True, slots=True)
class ArmTotals:
    """Requests and failed requests of both arms, as the load generator saw them.

    `expected_canary_errors`: what the stable version would have failed of the canary's requests, second by second.
    """

    requests: dict[str, int]
    errors: dict[str, int]
    outside_canary_failures: int
    expected_canary_errors: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """Times are seconds since the change of the pod template, None for what did not happen.

    `excess_errors`: the canary's errors beyond what the stable version's rate of the same second would have failed.
    `user_visible_5xx_outside_canary`: failures that neither the canary's share nor a version's own configured
    behaviour accounts for: requests lost to a route change, a rollout, a drain.
    """

    scenario: str
    phase: str
    verdict: str
    reason: str
    time_to_decision_s: float | None
    time_to_first_weight_s: float | None
    time_to_zero_weight_s: float | None
    max_canary_weight: float
    requests: dict[str, int]
    errors: dict[str, int]
    excess_errors: float
    user_visible_5xx_outside_canary: int
    weights: list[list[float]]
    control_plane: str = ""
    left_behind: list[str] = field(default_factory=list)
    releases: list[dict[str, str]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def outcome_of(
    scenario: str,
    releases: list[Release],
    *,
    changed_at: float,
    weights: list[tuple[float, float]],
    totals: ArmTotals,
    control_plane: str,
    left_behind: list[str],
) -> Outcome:
    """The outcome of a run; its subject is the first Release, the one the scenario began."""
    subject = releases[0]
    status = subject.status
    seen = [[round(at - changed_at, 3), weight] for at, weight in weights]
    return Outcome(
        scenario=scenario,
        phase=status.phase.value,
        verdict=_verdict(status.verdict),
        reason=f"{status.reason}: {status.message}",
        time_to_decision_s=_since(changed_at, decided_at(subject)),
        time_to_first_weight_s=next((t for t, weight in seen if weight > 0), None),
        time_to_zero_weight_s=_back_to_zero(seen),
        max_canary_weight=max((weight for _, weight in seen), default=0.0),
        requests=totals.requests,
        errors=totals.errors,
        excess_errors=round(max(0.0, totals.errors["canary"] - totals.expected_canary_errors), 2),
        user_visible_5xx_outside_canary=totals.outside_canary_failures,
        weights=seen,
        control_plane=control_plane,
        left_behind=left_behind,
        releases=[
            {"name": release.name, "phase": release.status.phase.value, "reason": release.status.reason}
            for release in releases
        ],
    )


def decided_at(release: Release) -> float | None:
    """When it was settled what becomes of the Release: promote, roll back or pause."""
    settled = {"Promoting", "RollingBack", "Paused", "Failed"}
    return next((line.at for line in release.status.history if line.phase.value in settled), None)


def _verdict(last: str) -> str:
    """A run that ends before the evidence settles anything is inconclusive, never a pass."""
    return "Inconclusive" if last in {"", "Undecided"} else last


def _since(start: float, at: float | None) -> float | None:
    return None if at is None else round(at - start, 3)


def _back_to_zero(weights: list[list[float]]) -> float | None:
    """The last time the canary's weight became 0 after it had been more."""
    changes = list(pairwise(weights))
    return next((later[0] for earlier, later in reversed(changes) if later[1] == 0 < earlier[1]), None)
