"""A release of a quarter of an hour as the controller would record it: real judgements of drawn traffic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import norm

from analysis.judge import Judge, Judgement, ReleaseSettings, ReleaseTick, Tolerance
from analysis.trace import followed
from delivery.decision.steps import advance_tolerances
from delivery.resources.policy import parse_policy
from delivery.resources.release import (
    AnalysisRecord,
    CustomMetricRecord,
    Evidence,
    EvidencePoint,
    Intent,
    Phase,
    Release,
    Revision,
    Traffic,
    Transition,
    Trigger,
)
from tests.decision.given import CANARY, NOW, STABLE, release

BOUNDS = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 25.0, 35.0, 50.0, 75.0, 100.0, 150.0, 250.0, 400.0, 600.0)
BUCKETS = (*BOUNDS, 1000.0, 2500.0, float("inf"))
STEPS = (5.0, 20.0, 50.0, 80.0)
EVERY_S, LOOKS, STEP_LOOKS, PREPARED_S, PER_SECOND = 10.0, 84, 21, 34.0, 220
IMAGE = "registry.example/shop/web"
POLICY: dict[str, Any] = {
    "mesh": {"provider": "istio"},
    "strategy": {"canary": {"steps": [5, 20, {"weight": 50, "gate": "approval"}, 80], "minStepDuration": "200s"}},
    "analysis": {
        "metrics": [
            {"kind": "errorRate"},
            {"kind": "latency"},
            {
                "name": "checkouts",
                "kind": "errorRate",
                "query": {
                    "total": 'sum by (instance) (checkouts_total{pod=~"{{ workload }}-.*"})',
                    "errors": 'sum by (instance) (checkouts_failed_total{pod=~"{{ workload }}-.*"})',
                },
            },
        ]
    },
}
QUERIES = (
    'sum by (instance, destination_workload, response_code, grpc_response_status) (istio_requests_total{reporter="'
    'destination", destination_service_namespace="shop", destination_workload=~"web|web-canary"})',
    "sum by (instance, destination_workload, le) (istio_request_duration_milliseconds_bucket{reporter="
    '"destination", destination_service_namespace="shop", destination_workload=~"web|web-canary"})',
    'timestamp(istio_build{component="proxy"})',
)


def fifteen_minutes(looks: int = LOOKS, fails: float = 0.0011, seed: int = 7, **status: Any) -> Release:
    """Promoted in four steps, paused once and approved once, where `looks` is LOOKS; else as it stood after so many.

    The canary fails that share of its requests, stable 0.1 %; a custom metric is judged beside the mesh's.
    """
    told = _Course(seed, fails)
    for _ in range(looks):
        told.look()
    found = told.release(looks)
    return found.model_copy(update={"status": found.status.model_copy(update=status)})


@dataclass(slots=True)
class _Course:
    seed: int
    fails: float
    decisions: list[Evidence] = field(default_factory=list)
    points: tuple[EvidencePoint, ...] = ()
    looked: int = 0
    newest: Evidence | None = None
    rng: np.random.Generator = field(init=False)
    main: Judge = field(init=False)
    own: Judge = field(init=False)

    def __post_init__(self) -> None:
        policy = parse_policy(POLICY, "policy")
        steps = tuple(Tolerance(each.absolute, each.relative) for each in advance_tolerances(policy))
        settings = ReleaseSettings(advance_tolerances=steps, judge_latency=True, dispersion=1.3, interval=EVERY_S)
        self.rng = np.random.default_rng(self.seed)
        self.main = Judge.start([settings])
        self.own = Judge.start([ReleaseSettings(advance_tolerances=steps, interval=EVERY_S)])

    def look(self) -> None:
        step, t = min(self.looked // STEP_LOOKS, len(STEPS) - 1), EVERY_S * (self.looked + 1)
        self.looked += 1
        self.main.observe([self._tick(t, STEPS[step] / 100, PER_SECOND, (0.001, self.fails))])
        self.own.observe([self._tick(t, STEPS[step] / 100, PER_SECOND // 20, (0.004, 0.0042), latency=False)])
        [judged], [custom] = self.main.judge([step]), self.own.judge([step])
        self.newest = self._evidence(judged, custom, PREPARED_S + t, step)
        point = EvidencePoint(
            at=NOW + PREPARED_S + t, rollback=judged.log_evidence_rollback, advance=judged.log_evidence_advance
        )
        self.points = followed(self.points, point, lambda earlier: earlier.at)
        if self.looked % STEP_LOOKS == 0:
            self.decisions.append(self.newest)

    def _tick(
        self, t: float, share: float, rate: int, fails: tuple[float, float], *, latency: bool = True
    ) -> ReleaseTick:
        n_s, n_c = (int(n) for n in self.rng.poisson([rate * EVERY_S * (1 - share), rate * EVERY_S * share]))
        e_s, e_c = (float(self.rng.binomial(n, p)) for n, p in zip((n_s, n_c), fails, strict=True))
        counts = (float(n_s), e_s, float(n_c), e_c)
        if not latency:
            return ReleaseTick(t, *counts, commanded_share=share)
        bounds = np.array(BUCKETS)
        took = [np.diff(norm.cdf(np.log(bounds / middle) / 0.75), prepend=0.0) for middle in (38.0, 40.0)]
        drawn = [self.rng.multinomial(n, law / law.sum()).cumsum() for n, law in zip((n_s, n_c), took, strict=True)]
        stable, canary = (tuple(float(x) for x in each) for each in drawn)
        return ReleaseTick(t, *counts, BUCKETS, stable, canary, commanded_share=share)

    def _evidence(self, judged: Judgement, custom: Judgement, after: float, step: int) -> Evidence:
        return Evidence(
            at=NOW + after,
            step=step,
            weight=STEPS[step],
            verdict=judged.verdict.value,
            reason=judged.reason,
            log_evidence_rollback=judged.log_evidence_rollback,
            log_evidence_advance=judged.log_evidence_advance,
            stable_requests=judged.stable_requests,
            stable_errors=judged.stable_errors,
            canary_requests=judged.canary_requests,
            canary_errors=judged.canary_errors,
            metrics={**judged.metrics, "checkouts": custom.metrics["errors"]},
        )

    def release(self, looks: int) -> Release:
        ended = looks == LOOKS
        step = min(max(looks - 1, 0) // STEP_LOOKS, len(STEPS) - 1)
        weight = 0.0 if ended else STEPS[step]
        made = release(
            Phase.SUCCEEDED if ended else Phase.SHIFTING,
            weight=weight,
            reason="Promoted" if ended else "CanaryReady",
            message="promoted: every pod runs the new version" if ended else "canary ready (1 pod)",
            progress=f"{step + 1}/{len(STEPS)}",
            mesh="istio",
            step=step,
            verdict=self.newest.verdict if self.newest else "",
            started_at=NOW,
            finished_at=NOW + 932 if ended else None,
            traffic=Traffic(
                desired_weight=weight,
                verified_weight=weight,
                max_weight=100.0 if ended else weight,
                first_weight_at=NOW + 4,
                zero_weight_at=NOW + 925 if ended else None,
                corrections=(NOW + 310,) if looks > 30 else (),
            ),
            analysis=self._record(),
            evidence=self.newest,
            decisions=tuple(self.decisions),
            history=tuple(line for line in _history(self.decisions) if ended or line.at <= NOW + 34 + 10 * looks),
            intents_done=3,
        )
        return made.model_copy(update={"spec": made.spec.model_copy(update=_spec(made, ended=ended))})

    def _record(self) -> AnalysisRecord:
        [state], [own] = self.main.states(), self.own.states()
        queries = {
            f"{arm}.{field}": f'sum by (instance) (checkouts_{name}{{namespace="shop", pod=~"{workload}-.*"}})'
            for arm, workload in (("stable", "web"), ("canary", "web-canary"))
            for field, name in (("total", "total"), ("errors", "failed_total"))
        }
        answer = {"stable.total": 48_210.0, "stable.errors": 201.0, "canary.total": 3_623.0, "canary.errors": 15.0}
        return AnalysisRecord(
            started_at=NOW + PREPARED_S,
            data_through=NOW + PREPARED_S + EVERY_S * self.looked,
            state=state,
            dispersion=1.3,
            dispersion_note="learned from 12 pods of stable",
            quality=(
                "split-mismatch: the canary got 6.2 % of the requests, the mesh was told 5 %: the mesh does not do "
                "what it was told",
            ),
            course=self.points,
            queries=QUERIES,
            custom={"checkouts": CustomMetricRecord(kind="errorRate", state=own, queries=queries, answer=answer)},
        )


def _history(decisions: list[Evidence]) -> list[Transition]:
    def line(after: float, phase: Phase, reason: str, message: str, weight: float) -> Transition:
        return Transition(at=NOW + after, phase=phase, reason=reason, message=message, weight=weight)

    lines = [
        line(0, Phase.PREPARING, "Started", "preparing the canary", 0),
        line(4, Phase.SHIFTING, "CanaryReady", "canary ready (1 pod)", 0),
    ]
    for look, (weight, after) in zip(decisions, ((20, 245), (50, 456), (80, 672), (100, 876)), strict=False):
        why = f"advancing to {weight} %: {look.reason}"
        if weight == 80:
            waits = "step 3 (50 %) is healthy; waiting for approval"
            lines.append(line(665, Phase.PAUSED, "AwaitingApproval", waits, 50))
            lines.append(line(672, Phase.SHIFTING, "Resumed", "approve given by dana: dashboards are calm", 50))
        if weight == 100:
            lines.append(line(after, Phase.PROMOTING, "Healthy", look.reason, 80))
        else:
            lines.append(line(after, Phase.SHIFTING, "Advancing", why, STEPS[look.step]))
        if weight == 20:
            lines.append(line(300, Phase.PAUSED, "PausedByRequest", "paused by dana: looking at a graph", 20))
            lines.append(line(322, Phase.SHIFTING, "Resumed", "resume given by dana", 20))
    lines.append(line(932, Phase.SUCCEEDED, "Promoted", "promoted: every pod runs the new version", 0))
    return lines


def _spec(made: Release, *, ended: bool) -> dict[str, Any]:
    intents = [
        Intent(verb="pause", by="dana", reason="looking at a graph", at=NOW + 299),
        Intent(verb="resume", by="dana", reason="", at=NOW + 321),
        Intent(verb="approve", by="dana", reason="dashboards are calm", at=NOW + 671),
    ]
    old, new = f"sha256:{'3f' * 32}", f"sha256:{'9c' * 32}"
    return {
        "stable": Revision(
            template_hash=STABLE, pod_template_hash="7d9f8c6b5", images=(f"{IMAGE}:1.4.0@{old}",), app_version="1.4.0"
        ),
        "canary": Revision(
            template_hash=CANARY,
            pod_template_hash="5c4d7b9f6" if ended else None,
            images=(f"{IMAGE}:1.5.0@{new}",),
            app_version="1.5.0",
            pod_version="build-1841",
        ),
        "policy": POLICY,
        "release_id": "web-1841",
        "trigger": Trigger(release_id="web-1841", by="ci", reason="merge of 1841", at=NOW - 2),
        "intents": tuple(intents if ended else intents[:2]),
    }
