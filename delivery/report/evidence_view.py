"""How the evidence came about, and what it had to reach."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from delivery.report.intervals import ArmView, arm_view
from delivery.report.recorded import mapping, newest_look, policy_or_none
from delivery.resources.release import Evidence, Release


@dataclass(frozen=True, slots=True)
class EvidencePointView:
    """The evidence at one look, `after` seconds from the Release's beginning."""

    at: float
    after: float
    rollback: float
    advance: float


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """All evidence in natural logarithms of e-values. A threshold is the logarithm of one over the risk the policy
    allows; None where the recorded policy cannot be read. `rollback` and `advance` are of the newest look.
    """

    wrong_rollback: float | None
    wrong_advance: float | None
    rollback_threshold: float | None
    advance_threshold: float | None
    rollback: float | None
    advance: float | None
    course: tuple[EvidencePointView, ...]


@dataclass(frozen=True, slots=True)
class DecisionView:
    """A look that something was decided on. `step` counts from 1, `weight` is in percent."""

    at: float
    after: float
    step: int
    weight: float
    verdict: str
    reason: str
    rollback: float
    advance: float
    stable: ArmView
    canary: ArmView


@dataclass(frozen=True, slots=True)
class CostView:
    """What the canary's users met, as far as it was judged. `beyond_stable` are the canary's errors less those that
    stable's rate gives for as many requests; below 0 where the canary did better, None without requests of stable.
    """

    requests: float
    errors: float
    at_stables_rate: float | None
    beyond_stable: float | None


def evidence_view(release: Release, start: float) -> EvidenceView:
    """The evidence of all metrics together."""
    policy, look = policy_or_none(release), newest_look(release)
    risk = policy.analysis.risk if policy else None
    course = release.status.analysis.course
    return EvidenceView(
        wrong_rollback=risk.wrong_rollback if risk else None,
        wrong_advance=risk.wrong_advance if risk else None,
        rollback_threshold=-log(risk.wrong_rollback) if risk else None,
        advance_threshold=-log(risk.wrong_advance) if risk else None,
        rollback=look.log_evidence_rollback if look else None,
        advance=look.log_evidence_advance if look else None,
        course=tuple(EvidencePointView(p.at, p.at - start, p.rollback, p.advance) for p in course),
    )


def decision_views(release: Release, start: float) -> tuple[DecisionView, ...]:
    """Every look that something was decided on, oldest first."""
    return tuple(_decision(look, start) for look in release.status.decisions)


def arms(look: Evidence) -> tuple[ArmView, ArmView]:
    """Stable and canary at one look."""
    errors = mapping(look.metrics.get("errors"))
    return (
        arm_view(look.stable_requests, look.stable_errors, always=errors.get("stable_rate_interval")),
        arm_view(look.canary_requests, look.canary_errors, always=errors.get("canary_rate_interval")),
    )


def cost_view(release: Release) -> CostView | None:
    """None where no request to the canary was judged."""
    look = newest_look(release)
    if look is None or look.canary_requests <= 0:
        return None
    expected = look.canary_requests * look.stable_errors / look.stable_requests if look.stable_requests > 0 else None
    return CostView(
        requests=look.canary_requests,
        errors=look.canary_errors,
        at_stables_rate=expected,
        beyond_stable=None if expected is None else look.canary_errors - expected,
    )


def _decision(look: Evidence, start: float) -> DecisionView:
    stable, canary = arms(look)
    return DecisionView(
        at=look.at,
        after=look.at - start,
        step=look.step + 1,
        weight=look.weight,
        verdict=look.verdict,
        reason=look.reason,
        rollback=look.log_evidence_rollback,
        advance=look.log_evidence_advance,
        stable=stable,
        canary=canary,
    )
