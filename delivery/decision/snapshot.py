"""What one pass knows: plain values gathered once, judged together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Release


@dataclass(frozen=True, slots=True)
class Workload:
    """The user's Deployment, as far as a release cares.

    `rolled_out`: Kubernetes has finished its rollout of the present template and every pod is available.
    `stuck`: Kubernetes gave up on it (progress deadline exceeded).
    """

    name: str
    namespace: str
    uid: str
    resource_version: str
    template: dict[str, Any]
    template_hash: str
    images: tuple[str, ...]
    replicas: int
    paused: bool
    rolled_out: bool
    stuck: bool
    strategy: str
    release_id: str | None


@dataclass(frozen=True, slots=True)
class StableSet:
    """The ReplicaSet that serves as stable now."""

    template_hash: str
    pod_template_hash: str
    images: tuple[str, ...]
    replicas: int
    ready: int
    template: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CanaryState:
    """`NAME-canary`: `ready` counts its ready endpoints, `pods` every pod that still exists."""

    exists: bool = False
    ours: bool = True
    template_hash: str = ""
    replicas: int = 0
    ready: int = 0
    pods: int = 0


@dataclass(frozen=True, slots=True)
class BackEnds:
    """The Services `NAME-stable` and `NAME-canary`."""

    exist: bool = False
    partly: bool = False
    foreign: tuple[str, ...] = ()
    stable_hash: str = ""
    stable_ready: int = 0

    @property
    def gone(self) -> bool:
        return not self.exist and not self.partly


@dataclass(frozen=True, slots=True)
class RouteState:
    """What the mesh was last read to do. `weight` is the canary's percent, None where the route is not split."""

    weight: float | None = None
    present: bool = True
    problem: str | None = None
    records: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """The newest judgement of the evidence; None of it is a decision yet."""

    at: float
    verdict: str
    reason: str
    log_evidence_rollback: float
    log_evidence_advance: float
    stable_requests: float
    stable_errors: float
    canary_requests: float
    canary_errors: float
    seconds_to_decide: float | None = None
    metrics: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Configuration:
    """The policy and the Service that apply to a Deployment, or the sentence that says why none does."""

    policy_name: str = ""
    policy: DeliveryPolicySpec | None = None
    service: str = ""
    problem: str | None = None
    problem_reason: str = "InvalidConfiguration"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything `decide` may look at. `workload` None: the Deployment is gone. `opted_in`: it has our annotation."""

    workload: Workload | None
    opted_in: bool
    configuration: Configuration
    stable: StableSet | None
    canary: CanaryState
    back_ends: BackEnds
    route: RouteState
    release: Release | None = None
    previous: tuple[Release, ...] = ()
    look: Look | None = None
