"""Releases with a full record, as a report meets them."""

from __future__ import annotations

import random
from typing import Any

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
from tests.decision.given import CANARY, NOW, POLICY, STABLE, release

DIGEST = "sha256:" + "ab" * 32
HOSTILE = "<script>alert('x')</script> \"quoted\" | `tick` [link](https://evil.example) @everyone #12 </details>\nnext"
CELLS = [[0.0, 9.5, 0.5, 0.0, 0.0], [0.0, 90.0, 10.0, 0.0, 0.0], [0.0, 12.0, 6.0, 2.0, 0.0]]
STATE: dict[str, Any] = {"version": 2, "latency": {"bounds": [1, 10, 25, 50, None], "cells": CELLS}}
QUANTILES = {
    "p50": {"stable_ms": [1, 10], "canary_ms": [1, 25], "difference_ms": [-9, 24]},
    "p99": {"stable_ms": [10, 25], "canary_ms": [25, None], "difference_ms": [0, None]},
}
METRICS: dict[str, Any] = {
    "errors": {
        "log_evidence_rollback": 5.0,
        "log_evidence_advance": -2.0,
        "stable_rate": 0.01,
        "stable_rate_interval": [0.005, 0.02],
        "canary_rate": 0.1,
        "canary_rate_interval": [0.03, 0.3],
    },
    "latency": {"log_evidence_rollback": 0.5, "log_evidence_advance": -0.5, "quantiles": QUANTILES},
}


def look(after: float = 12.0, **changes: Any) -> Evidence:
    known: dict[str, Any] = {
        "at": NOW + after,
        "step": 0,
        "weight": 5.0,
        "verdict": "RollBack",
        "reason": "canary fails 10 % of requests, stable 1 %",
        "log_evidence_rollback": 4.7,
        "log_evidence_advance": -2.0,
        "stable_requests": 1000.0,
        "stable_errors": 10.0,
        "canary_requests": 100.0,
        "canary_errors": 10.0,
        "metrics": METRICS,
    }
    return Evidence(**{**known, **changes})


def line(after: float, phase: Phase, reason: str = "", message: str = "", weight: float = 0.0) -> Transition:
    return Transition(at=NOW + after, phase=phase, reason=reason, message=message, weight=weight)


def rolled_back(phase: Phase = Phase.ROLLED_BACK, **status: Any) -> Release:
    known: dict[str, Any] = {
        "reason": "EvidenceAgainstCanary",
        "message": "canary fails 10 % of requests, stable 1 %",
        "started_at": NOW,
        "finished_at": NOW + 20,
        "mesh": "istio",
        "traffic": Traffic(max_weight=5, verified_weight=0, first_weight_at=NOW + 3, zero_weight_at=NOW + 13),
        "analysis": AnalysisRecord(
            started_at=NOW + 3,
            state=STATE,
            queries=("sum(istio_requests_total)",),
            quality=("gaps: most came in few pieces",),
            course=(
                EvidencePoint(at=NOW + 5, rollback=0.5, advance=-0.2),
                EvidencePoint(at=NOW + 12, rollback=4.7, advance=-2.0),
            ),
        ),
        "evidence": look(),
        "decisions": (look(),),
        "history": (
            line(0, Phase.PREPARING, "Started", "preparing the canary"),
            line(2, Phase.SHIFTING, "CanaryReady", "canary ready (1 pod)"),
            line(12.5, Phase.ROLLING_BACK, "EvidenceAgainstCanary", "canary fails 10 %", 5.0),
            line(20, Phase.ROLLED_BACK, "EvidenceAgainstCanary", "canary fails 10 %"),
        ),
    }
    return release(phase, weight=0.0, **{**known, **status})


def promoted_by_ann() -> Release:
    """Through 5 %, approved and promoted by people, with the whole traffic from 30 s to 40 s."""
    intents = (
        Intent(verb="approve", by="ben", reason="looks fine", at=NOW + 20),
        Intent(verb="promote", by="ann", reason="hurry", at=NOW + 29),
        Intent(verb="pause"),
    )
    made = rolled_back(
        phase=Phase.SUCCEEDED,
        message="promoted: every pod runs the new version",
        finished_at=NOW + 45,
        intents_done=2,
        traffic=Traffic(max_weight=100, verified_weight=0, first_weight_at=NOW + 3, zero_weight_at=NOW + 40),
        history=(
            line(0, Phase.PREPARING, "Started", "preparing"),
            line(2, Phase.SHIFTING, "CanaryReady", "ready"),
            line(30, Phase.PROMOTING, "PromotedByRequest", "promoted by ann: hurry", 5.0),
            line(45, Phase.SUCCEEDED, "Promoted", "promoted: every pod runs the new version"),
        ),
    )
    trigger = Trigger(release_id="r1", by="ci", reason="merge of 42", at=NOW - 1)
    return made.model_copy(update={"spec": made.spec.model_copy(update={"intents": intents, "trigger": trigger})})


def with_images(stable: tuple[str, ...], canary: tuple[str, ...], **spec: Any) -> Release:
    made = rolled_back()
    revisions = {
        "stable": Revision(template_hash=STABLE, images=stable),
        "canary": Revision(template_hash=CANARY, images=canary),
    }
    return made.model_copy(update={"spec": made.spec.model_copy(update={**revisions, **spec})})


def with_custom_metrics() -> Release:
    """One metric of each kind of the policy's own."""
    pair = {"log_evidence_rollback": 0.25, "log_evidence_advance": 0.75}
    details = {
        "carts": {**pair, "stable_rate": 0.5, "canary_rate": 0.25, "canary_rate_interval": [0.1, 0.6]},
        "search": {**pair, "quantiles": {"p50": QUANTILES["p50"]}},
        "queue": {**pair, "stable": 4.0, "canary": 5.0, "blocks": 9, "difference": 1.0, "difference_lower": None},
    }
    records = {
        "carts": CustomMetricRecord(kind="errorRate", state={"totals": [40, 20, 8, 2]}),
        "search": CustomMetricRecord(kind="latency", state=STATE),
        "queue": CustomMetricRecord(
            kind="gaugeMean", queries={"stable.value": "avg(queue)"}, answer={"stable.value": 4.0}, problem="slow"
        ),
        "silent": CustomMetricRecord(kind="counterRatio", problem="no series"),
    }
    analysis = AnalysisRecord(custom=records)
    return rolled_back(analysis=analysis, evidence=look(metrics={**METRICS, **details}))


def hostile() -> Release:
    """Every string that a person or a cluster can choose tries to break out."""
    made = rolled_back(
        message=HOSTILE,
        reason=HOSTILE,
        mesh=HOSTILE,
        progress=HOSTILE,
        evidence=look(reason=HOSTILE, verdict=HOSTILE, metrics={**METRICS, HOSTILE: {"stable": 1.0}}),
        decisions=(look(reason=HOSTILE, verdict=HOSTILE),),
        history=(line(0, Phase.FAILED, HOSTILE, HOSTILE),),
        analysis=AnalysisRecord(
            state=STATE,
            queries=(HOSTILE, "```\n</details>"),
            quality=(HOSTILE,),
            problem=HOSTILE,
            problem_reason=HOSTILE,
            dispersion=1.0,
            dispersion_note=HOSTILE,
            custom={HOSTILE: CustomMetricRecord(kind=HOSTILE, queries={HOSTILE: HOSTILE}, problem=HOSTILE)},
        ),
    )
    revision = Revision(template_hash=HOSTILE, images=(HOSTILE,), app_version=HOSTILE, pod_version=HOSTILE)
    spec = made.spec.model_copy(
        update={
            "deployment": HOSTILE,
            "service": HOSTILE,
            "policy_name": HOSTILE,
            "release_id": HOSTILE,
            "stable": revision,
            "canary": revision.model_copy(update={"images": (HOSTILE + "2",)}),
            "policy": {**POLICY, "note": HOSTILE},
            "intents": (Intent(verb="abort", by=HOSTILE, reason=HOSTILE, at=NOW),),
            "trigger": Trigger(release_id=HOSTILE, by=HOSTILE, reason=HOSTILE, at=NOW),
        }
    )
    return made.model_copy(update={"name": HOSTILE, "namespace": HOSTILE, "spec": spec})


def long_one(seed: int = 1) -> Release:
    """As large as records get: 64 points, 50 decisions, 300 lines."""
    chance = random.Random(seed)
    course = tuple(
        EvidencePoint(at=NOW + 60 * i, rollback=chance.uniform(-700, 700), advance=chance.uniform(-700, 700))
        for i in range(64)
    )
    decisions = tuple(
        look(60 * i, step=i, weight=float(i), canary_errors=float(chance.randrange(100)), reason="why " * 40)
        for i in range(50)
    )
    history = tuple(line(10 * i, Phase.SHIFTING, "Advancing", "m" * 200, float(i % 100)) for i in range(300))
    analysis = AnalysisRecord(course=course, state=STATE)
    return rolled_back(analysis=analysis, decisions=decisions, history=history, finished_at=NOW + 3000)


def unusual() -> dict[str, Release]:
    """Records that lack most of what others have."""
    light = release(Phase.SUCCEEDED, weight=None, message="light", started_at=NOW, finished_at=NOW + 9)
    one_point = AnalysisRecord(course=(EvidencePoint(at=NOW, rollback=0.0, advance=0.0),))
    silent = look(stable_requests=0.0, stable_errors=0.0, canary_requests=0.0, canary_errors=0.0, metrics={})
    damaged = AnalysisRecord(state={"latency": {"bounds": [1, "x"], "cells": [[1], 2, None]}})
    odd = look(metrics={"errors": None, "latency": {"quantiles": {"p50": {"stable_ms": "x"}}}, "other": 3})
    broken = release()
    return {
        "without status": Release.model_validate(release().model_dump(by_alias=True, exclude={"status"})),
        "never saw traffic": release(Phase.FAILED, weight=None, history=(line(0, Phase.FAILED, "RouteInvalid"),)),
        "in progress": release(history=(line(-20, Phase.SHIFTING, "CanaryReady", "ready"),), started_at=NOW - 20),
        "light": light.model_copy(update={"spec": light.spec.model_copy(update={"light": True})}),
        "one point": release(analysis=one_point, evidence=silent, decisions=(silent,)),
        "damaged state": release(analysis=damaged, evidence=odd),
        "unreadable policy": broken.model_copy(
            update={"spec": broken.spec.model_copy(update={"policy": {"analysis": 7}})}
        ),
    }
