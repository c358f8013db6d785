"""What the OpenAPI document shows of each request and each answer. One made-up Release stands behind all of it."""

from __future__ import annotations

import json
from typing import Any

from delivery.api.board import summary_of
from delivery.clock import from_rfc3339
from delivery.report.as_json import to_json
from delivery.resources.release import (
    Evidence,
    Phase,
    Release,
    ReleaseSpec,
    ReleaseStatus,
    Revision,
    Traffic,
    Transition,
    release_object,
)

_BEGUN, _LOOKED = from_rfc3339("2026-11-24T09:30:00Z"), from_rfc3339("2026-11-24T09:34:10Z")
_STABLE, _CANARY = "registry.example/shop/web:1.3.2", "registry.example/shop/web:1.4.0"
_WHY = "the errors are known and harmless"
_BY = "system:serviceaccount:shop:pipeline"

_LOOK = Evidence(
    at=_LOOKED,
    step=1,
    weight=20.0,
    verdict="advance",
    reason="worse by more than the tolerance is ruled out",
    log_evidence_rollback=-3.1,
    log_evidence_advance=3.4,
    stable_requests=41870,
    stable_errors=43,
    canary_requests=10455,
    canary_errors=11,
)
RELEASE = Release(
    name="web-6d4b75cb6d",
    namespace="shop",
    uid="0f4c1a5e-6f3e-4a44-9d0e-2d4a3f0f3b6e",
    resource_version="184102",
    spec=ReleaseSpec(
        deployment="web",
        service="web",
        stable=Revision(template_hash="5f7c8d9b4c", images=(_STABLE,), app_version="1.3.2"),
        canary=Revision(template_hash="6d4b75cb6d", images=(_CANARY,), app_version="1.4.0"),
        template={"spec": {"containers": [{"name": "web", "image": _CANARY}]}},
        policy_name="standard",
        policy={"strategy": {"canary": {"steps": [5, {"weight": 20, "gate": "approval"}, 50]}}},
        release_id="build-1841",
    ),
    status=ReleaseStatus(
        phase=Phase.PAUSED,
        reason="AwaitingApproval",
        message="step 2 of 3 waits for an approval",
        step=1,
        progress="2/3",
        traffic=Traffic(desired_weight=20.0, verified_weight=20.0, max_weight=20.0, first_weight_at=_BEGUN),
        mesh="istio",
        verdict="advance",
        evidence=_LOOK,
        history=(Transition(at=_BEGUN, phase=Phase.SHIFTING, reason="CanaryReady", message="first step", weight=5.0),),
        started_at=_BEGUN,
    ),
)

SUMMARY = summary_of(RELEASE)
LIST = {"items": [SUMMARY], "total": 1, "next": None}
DOCUMENT = release_object(RELEASE)
WAITED = {"outcome": "undecided", "release": SUMMARY}
REPORT = to_json(RELEASE, _LOOKED)
FOLLOWED = {"event": "release", "id": "184102", "data": json.dumps(SUMMARY)}
ALL_FOLLOWED = {"event": "releases", "data": json.dumps({"items": [SUMMARY], "gone": ["shop/web-5f7c8d9b4c"]})}

TRIGGER = {
    "image": _CANARY,
    "version": "1.4.0",
    "releaseId": "build-1841",
    "reason": "merged to main",
}
TRIGGERED = {
    "namespace": "shop",
    "deployment": "web",
    "releaseId": "build-1841",
    "changed": True,
    "replayed": False,
}
WISH = {"reason": _WHY}

_LINES = (
    {"t": 10, "arm": "stable", "requests": 950, "errors": 1},
    {"t": 10, "arm": "canary", "requests": 50, "errors": 30},
)
RECORDING = "".join(json.dumps(line) + "\n" for line in _LINES)
BACKTEST = {"recording": RECORDING, "policy": "analysis: {warmUp: 0s}"}
BACKTESTED: list[dict[str, Any]] = [
    {
        "release": "",
        "verdict": "rollback",
        "t": 10.0,
        "reason": "canary fails 60.0 % of requests, stable 0.1 %",
        "carriedBy": "errors",
        "secondsToDecide": None,
        "requests": {"stable": 950.0, "canary": 50.0},
        "logEvidence": {"rollback": 65.99, "advance": -2.3},
        "dispersion": {"phi": 1.0, "note": "no stable lines come before the first canary line"},
        "metrics": {"errors": {"stable_rate": 0.00105, "canary_rate": 0.6, "canary_rate_interval": [0.365, 0.807]}},
        "quality": [{"code": "no-histogram", "message": "the recording has no latency histograms"}],
    }
]


def accepted(verb: str) -> dict[str, str]:
    """The answer to one of the verbs."""
    return {
        "namespace": RELEASE.namespace,
        "name": RELEASE.name,
        "verb": verb,
        "by": _BY,
        "resourceVersion": RELEASE.resource_version,
    }
