"""A Release as its report tells it: everything worked out, nothing laid out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import msgspec
import yaml

from delivery.report.evidence_view import (
    CostView,
    DecisionView,
    EvidenceView,
    cost_view,
    decision_views,
    evidence_view,
)
from delivery.report.metric_view import MetricView, metric_views
from delivery.report.timeline import (
    PersonView,
    TimelineLine,
    TrafficView,
    beginning,
    person_views,
    timeline,
    traffic_view,
)
from delivery.report.versions import VersionView, canary_version, stable_version, what_changed
from delivery.report.wording import span, words
from delivery.resources.release import Phase, Release

POLICIES_KEPT = 64
_ENDED = {
    Phase.SUCCEEDED: "was promoted",
    Phase.ROLLED_BACK: "was rolled back",
    Phase.SUPERSEDED: "was superseded",
    Phase.BYPASSED: "was bypassed",
    Phase.FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class ReportView:
    """A Release at `rendered_at`. `sentence` holds verdict and reason; times are seconds since the epoch, `seconds`
    how long it took, or has taken so far.
    """

    name: str
    namespace: str
    deployment: str
    service: str
    mesh: str
    policy_name: str
    release_id: str
    attempt: int
    light: bool
    rendered_at: float
    phase: str
    final: bool
    reason: str
    sentence: str
    what: str
    progress: str
    started_at: float | None
    finished_at: float | None
    seconds: float | None
    people: tuple[PersonView, ...]
    stable: VersionView
    canary: VersionView
    timeline: tuple[TimelineLine, ...]
    traffic: TrafficView
    evidence: EvidenceView
    decisions: tuple[DecisionView, ...]
    metrics: tuple[MetricView, ...]
    cost: CostView | None
    quality: tuple[str, ...]
    queries: tuple[str, ...]
    policy_yaml: str

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"


def view(release: Release, now: float) -> ReportView:
    """Everything a report of the Release tells; `now`, seconds since the epoch, matters while it is in progress."""
    spec, status = release.spec, release.status
    start = beginning(release, now)
    end = status.finished_at if status.finished_at is not None else now
    return ReportView(
        name=release.name,
        namespace=release.namespace,
        deployment=spec.deployment,
        service=spec.service,
        mesh=status.mesh,
        policy_name=spec.policy_name,
        release_id=spec.release_id,
        attempt=spec.attempt,
        light=spec.light,
        rendered_at=now,
        phase=status.phase.value,
        final=status.phase.final,
        reason=status.reason,
        sentence=_sentence(release, now),
        what=what_changed(release),
        progress=status.progress,
        started_at=status.started_at,
        finished_at=status.finished_at,
        seconds=None if status.started_at is None else max(0.0, end - status.started_at),
        people=person_views(release),
        stable=stable_version(release),
        canary=canary_version(release),
        timeline=timeline(release, start),
        traffic=traffic_view(release, start, now),
        evidence=evidence_view(release, start),
        decisions=decision_views(release, start),
        metrics=metric_views(release),
        cost=cost_view(release),
        quality=_quality(release),
        queries=status.analysis.queries,
        policy_yaml=_as_yaml(msgspec.json.encode(spec.policy)),
    )


@lru_cache(POLICIES_KEPT)
def _as_yaml(policy: bytes) -> str:
    """Of a policy in JSON; many Releases are delivered by the same one."""
    return yaml.safe_dump(msgspec.json.decode(policy), sort_keys=False, allow_unicode=True)


def _sentence(release: Release, now: float) -> str:
    """Verdict and reason: what became of it, when, at which share of the traffic, and why."""
    status = release.status
    why = (_why(release) or "no reason was recorded").rstrip(". ")
    share = f"at most {status.traffic.max_weight:g} % of the traffic" if status.traffic.max_weight else "no traffic"
    if status.phase in _ENDED:
        took = "" if status.started_at is None or status.finished_at is None else _after(release)
        return f"{release.spec.deployment} {_ENDED[status.phase]}{took}, having had {share}: {why}."
    if status.phase is Phase.PENDING:
        return f"{release.spec.deployment} has not begun: {why}."
    since = "" if status.started_at is None else f" {span(max(0.0, now - status.started_at))} after it began"
    return f"{release.spec.deployment} is {words(status.phase.value)}{since}, having had {share}: {why}."


def _after(release: Release) -> str:
    status = release.status
    return f" after {span((status.finished_at or 0.0) - (status.started_at or 0.0))}"


def _why(release: Release) -> str:
    """A promotion is explained by what it rested on, not by its having ended well."""
    status = release.status
    grounds = [line for line in status.history if line.phase is Phase.PROMOTING and line.message]
    if status.phase is Phase.SUCCEEDED and grounds:
        return grounds[0].message
    return status.message or status.reason


def _quality(release: Release) -> tuple[str, ...]:
    """What the data leave doubtful, most serious first."""
    analysis = release.status.analysis
    problem = () if analysis.problem is None else (_problem(analysis.problem_reason, analysis.problem),)
    noise = f"noise of single pods: {analysis.dispersion:.3g} times chance" if analysis.dispersion is not None else ""
    note = f" ({analysis.dispersion_note})" if analysis.dispersion_note else ""
    return (*problem, *analysis.quality, *((noise + note,) if noise else ()))


def _problem(reason: str | None, problem: str) -> str:
    return f"{reason}: {problem}" if reason else problem
