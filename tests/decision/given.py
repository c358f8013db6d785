"""Snapshots for the decision core: a healthy release of `web` by default; each test changes what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from delivery.decision.actions import Action, Decision
from delivery.decision.planner import decide
from delivery.decision.snapshot import (
    BackEnds,
    CanaryState,
    Configuration,
    Look,
    RouteState,
    Snapshot,
    StableSet,
    Watch,
    Workload,
)
from delivery.resources.policy import DeliveryPolicySpec, parse_policy
from delivery.resources.release import (
    Intent,
    Phase,
    Release,
    ReleaseSpec,
    ReleaseStatus,
    Revision,
    RouteRecord,
    Stage,
    Traffic,
)

NOW = 1_700_000_000.0
RELEASE = "web-bbbbbbbbbb"
STABLE, CANARY, THIRD = "aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"
TEMPLATES: dict[str, dict[str, Any]] = {
    STABLE: {"spec": {"containers": [{"name": "web", "image": "web:1"}]}},
    CANARY: {"spec": {"containers": [{"name": "web", "image": "web:2"}]}},
    THIRD: {"spec": {"containers": [{"name": "web", "image": "web:3"}]}},
}
IMAGES = {STABLE: ("web:1",), CANARY: ("web:2",), THIRD: ("web:3",)}
ROUTE = RouteRecord(name="web", namespace="shop", saved={"weights": [100]})
POLICY: dict[str, Any] = {
    "strategy": {
        "canary": {
            "steps": [5, 50],
            "minStepDuration": "10s",
            "maxStepDuration": "1m",
            "readyDeadline": "30s",
            "drain": "3s",
        }
    },
    "analysis": {"interval": "2s", "warmUp": "4s", "noData": {"deadline": "30s"}},
}


def policy(**canary: Any) -> dict[str, Any]:
    """POLICY with some fields of `strategy.canary` set otherwise."""
    return {**POLICY, "strategy": {"canary": {**POLICY["strategy"]["canary"], **canary}}}


def parsed(spec: dict[str, Any] | None = None) -> DeliveryPolicySpec:
    return parse_policy(POLICY if spec is None else spec, "policy")


def workload(named: str = CANARY, /, **changes: Any) -> Workload:
    """The user's Deployment of four pods: paused, with the judged template pending."""
    made = Workload(
        name="web",
        namespace="shop",
        uid="uid-web",
        resource_version="7",
        template=TEMPLATES[named],
        template_hash=named,
        images=IMAGES[named],
        replicas=4,
        paused=True,
        rolled_out=False,
        stuck=False,
        strategy="RollingUpdate",
        release_id=None,
    )
    return replace(made, **changes)


def stable_set(template: str = STABLE, **changes: Any) -> StableSet:
    made = StableSet(template, f"pod-{template}", IMAGES[template], 4, 4, TEMPLATES[template])
    return replace(made, **changes)


def release(
    phase: Phase = Phase.SHIFTING,
    stage: Stage = Stage.NONE,
    *,
    weight: float | None = 5.0,
    intents: Sequence[Intent] = (),
    spec: dict[str, Any] | None = None,
    name: str = RELEASE,
    attempt: int = 1,
    **status: Any,
) -> Release:
    """A Release whose recorded and verified weight is `weight`; `status` sets further fields of the record."""
    known: dict[str, Any] = {
        "phase": phase,
        "stage": stage,
        "stage_since": NOW - 20,
        "step_since": NOW - 20,
        "routes": () if phase is Phase.PENDING else (ROUTE,),
        "traffic": Traffic(desired_weight=weight, verified_weight=weight, first_weight_at=NOW - 20 if weight else None),
    }
    return Release(
        name=name,
        namespace="shop",
        spec=ReleaseSpec(
            deployment="web",
            service="web",
            stable=Revision(template_hash=STABLE, pod_template_hash=f"pod-{STABLE}", images=IMAGES[STABLE]),
            canary=Revision(template_hash=CANARY, images=IMAGES[CANARY]),
            template=TEMPLATES[CANARY],
            policy_name="standard",
            policy=POLICY if spec is None else spec,
            release_id=name,
            attempt=attempt,
            intents=tuple(intents),
        ),
        status=ReleaseStatus(**{**known, **status}),
    )


def snapshot(active: Release | None, **changes: Any) -> Snapshot:
    """What is seen while the mesh carries what the record intends and all pods are ready."""
    weight = active.status.traffic.desired_weight if active else None
    made = Snapshot(
        workload=workload(),
        opted_in=True,
        configuration=Configuration("standard", parsed(), "web"),
        stable=stable_set(),
        canary=CanaryState(exists=True, of_release=RELEASE, replicas=1, ready=1, pods=1),
        back_ends=BackEnds(exist=True, partly=True, stable_hash=f"pod-{STABLE}", stable_ready=4),
        route=RouteState(weight=weight),
        release=active,
        watch=Watch(NOW - 1000, NOW),
    )
    return replace(made, **changes)


def at_rest(**changes: Any) -> Snapshot:
    """No Release: nothing of ours is there."""
    nothing = {"canary": CanaryState(), "back_ends": BackEnds(), "route": RouteState()}
    return snapshot(None, **{**nothing, **changes})


def look(verdict: str, **changes: Any) -> Look:
    made = Look(
        at=NOW,
        verdict=verdict,
        reason=f"the evidence says {verdict}",
        log_evidence_rollback=0.0,
        log_evidence_advance=0.0,
        stable_requests=950,
        stable_errors=1,
        canary_requests=50,
        canary_errors=0,
    )
    return replace(made, **changes)


def decided(active: Release | None, *, now: float = NOW, **changes: Any) -> Decision:
    """The decision on `snapshot(active, **changes)`."""
    return decide(snapshot(active, **changes), now)


def recorded(decision: Decision) -> ReleaseStatus:
    """The status that a decision records; there must be one."""
    assert decision.status is not None
    return decision.status


def kinds(decision: Decision) -> list[str]:
    """The names of the actions' kinds, in order."""
    return [type(action).__name__ for action in decision.actions]


def only(decision: Decision, kind: type[Any]) -> Any:
    """The decision's single action of that kind."""
    [found] = [action for action in decision.actions if isinstance(action, kind)]
    return found


def touching(decision: Decision) -> list[Action]:
    """The actions that change something, Events aside."""
    return [action for action in decision.actions if type(action).__name__ != "Announce"]
