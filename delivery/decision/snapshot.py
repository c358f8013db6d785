"""What one pass knows: plain values gathered once, judged together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from delivery.decision.steps import same_weight
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Release, Trigger


@dataclass(frozen=True, slots=True)
class Workload:
    """The user's Deployment, as far as a release cares.

    `rolled_out`: Kubernetes has finished its rollout of the present template and every pod is available.
    `stuck`: Kubernetes gave up on it (progress deadline exceeded). `paused_by_us`: Headgate set `paused`, nobody since.
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
    paused_by_us: bool = True
    trigger: Trigger | None = None


@dataclass(frozen=True, slots=True)
class StableSet:
    """The ReplicaSet that serves as stable now."""

    template_hash: str
    pod_template_hash: str
    images: tuple[str, ...]
    replicas: int
    ready: int
    template: dict[str, Any] = field(default_factory=dict)


def is_pending(workload: Workload, stable: StableSet | None) -> bool:
    """Whether the Deployment has a template that its stable pods do not run."""
    return stable is not None and stable.template_hash != workload.template_hash


@dataclass(frozen=True, slots=True)
class CanaryState:
    """`NAME-canary`: `ready` counts its ready endpoints, `pods` every pod that still exists.

    `ours`: Headgate made it. `of_release`: the Release it was made for.
    """

    exists: bool = False
    ours: bool = True
    of_release: str = ""
    replicas: int = 0
    ready: int = 0
    pods: int = 0


@dataclass(frozen=True, slots=True)
class BackEnds:
    """The Services `NAME-stable` and `NAME-canary`, and the subsets of the two where the route names such.

    `exist`: all of them, and the subsets tell the same pods apart as the Services. `partly`: something is left of ours.
    `lost`: the sentence on something of the user's without which they cannot be made again.
    """

    exist: bool = False
    partly: bool = False
    foreign: tuple[str, ...] = ()
    stable_hash: str = ""
    stable_ready: int = 0
    lost: str = ""

    @property
    def gone(self) -> bool:
        return not self.exist and not self.partly


@dataclass(frozen=True, slots=True)
class RouteState:
    """What the mesh was last read to do. `weight` is the canary's percent, None where the route is not split.

    `records`, `mesh` and `subsets` are what is to be remembered of the routes and whose they are. `unfollowed`: what
    the mesh itself says against the routes as they are written.
    `fenced`: this process wrote the route last, so no write of an earlier leader can still come through.
    `marked`: something of ours is on it. `editor`: who else manages the split, as far as the API server tells.
    """

    weight: float | None = None
    present: bool = True
    problem: str | None = None
    records: tuple[dict[str, Any], ...] = ()
    mesh: str = ""
    subsets: dict[str, Any] | None = None
    unfollowed: str = ""
    fenced: bool = True
    marked: bool = False
    editor: str = ""

    def carries(self, weight: float) -> bool:
        """Whether the mesh gives the canary `weight` percent, and nothing late can change that."""
        return self.fenced and not self.unfollowed and same_weight(self.weight, weight)


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
class Watch:
    """How long this process has seen to the Release: responsible `since`, and its newest look at telemetry, whatever
    that brought; None where there was none yet."""

    since: float
    looked_at: float | None = None


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
    """Everything `decide` may look at. `workload` None: the Deployment is gone. `opted_in`: it has our annotation.

    `left_over` names objects of ours that nothing needs.
    `release` is the active one, `previous` are the finished ones, oldest first; `superfluous` are active ones beside
    `release`, which must not be. `watch` is None where nobody has seen to the Release before.
    """

    workload: Workload | None
    opted_in: bool
    configuration: Configuration
    stable: StableSet | None
    canary: CanaryState
    back_ends: BackEnds
    route: RouteState
    release: Release | None = None
    previous: tuple[Release, ...] = ()
    superfluous: tuple[Release, ...] = ()
    look: Look | None = None
    watch: Watch | None = None
    left_over: tuple[str, ...] = ()
