"""Release: one delivery of one pod template, and its permanent record."""

from __future__ import annotations

import json
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass as pydantic_dataclass

from delivery.clock import from_rfc3339, to_rfc3339
from delivery.resources.annotations import API_VERSION, FINALIZER
from delivery.resources.notified import notified_until
from delivery.resources.policy import DeliveryPolicySpec, parse_policy

Time = Annotated[
    float,
    BeforeValidator(lambda value: from_rfc3339(value) if isinstance(value, str) else value),
    PlainSerializer(to_rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class Phase(StrEnum):
    """Where a Release stands. The legal moves are in `delivery.decision.phases`."""

    PENDING = "Pending"
    PREPARING = "Preparing"
    SHIFTING = "Shifting"
    PAUSED = "Paused"
    PROMOTING = "Promoting"
    STALLED = "Stalled"
    ROLLING_BACK = "RollingBack"
    SUCCEEDED = "Succeeded"
    ROLLED_BACK = "RolledBack"
    SUPERSEDED = "Superseded"
    BYPASSED = "Bypassed"
    FAILED = "Failed"

    @property
    def final(self) -> bool:
        """Whether nothing will ever move again: the Release is history."""
        return self in {Phase.SUCCEEDED, Phase.ROLLED_BACK, Phase.SUPERSEDED, Phase.BYPASSED, Phase.FAILED}


class Stage(StrEnum):
    """The ordered parts of Preparing, Promoting and RollingBack, each finished before the next is begun."""

    NONE = ""
    # Preparing
    BACK_ENDS = "BackEnds"
    ROUTE = "Route"
    CANARY = "Canary"
    # Promoting
    SHIFT_ALL = "ShiftAll"
    ROLL_OUT = "RollOut"
    SETTLE = "Settle"
    SHIFT_BACK = "ShiftBack"
    # Promoting and RollingBack
    RESTORE_ROUTE = "RestoreRoute"
    # RollingBack
    WITHDRAW = "Withdraw"
    # all unwinding
    REMOVE_CANARY = "RemoveCanary"
    REMOVE_BACK_ENDS = "RemoveBackEnds"


class Record(BaseModel):
    """Camel case outside, snake case inside. Unknown fields of a later version are dropped, not fatal."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class Revision(Record):
    """One pod template: our hash of it, Kubernetes' own where it has one, and its images."""

    template_hash: str
    pod_template_hash: str | None = None
    images: tuple[str, ...] = ()
    app_version: str | None = Field(default=None, description="the template's label app.kubernetes.io/version")
    pod_version: str | None = Field(default=None, description="the template's annotation headgate.dev/pod-version")


Verb = Literal["abort", "approve", "pause", "promote", "resume", "retry"]


class Intent(Record):
    """What a person asked for, appended to the Release under the asker's own rights."""

    verb: Verb
    by: str = ""
    reason: str = ""
    at: Time | None = None


class Trigger(Record):
    """A request that set the Deployment's image: whose it was, and what its idempotency key stands for."""

    release_id: str
    key: str | None = None
    request: str = Field(default="", description="digest of what was asked")
    by: str = ""
    reason: str = ""
    at: Time | None = None


class ReleaseSpec(Record):
    deployment: str
    service: str
    stable: Revision
    canary: Revision
    template: dict[str, Any] = Field(description="the pod template that is judged")
    policy_name: str
    policy: dict[str, Any] = Field(description="the policy as it was when the Release began")
    release_id: str
    trigger: Trigger | None = Field(default=None, description="the request that set the image, where one did")
    attempt: int = Field(default=1, ge=1)
    light: bool = Field(default=False, description="the containers are those of stable: nothing to judge")
    intents: tuple[Intent, ...] = ()

    @cached_property
    def delivery_policy(self) -> DeliveryPolicySpec:
        """`policy`, read. Raises InvalidSpec."""
        return _read_policy(json.dumps(self.policy, sort_keys=True))


@lru_cache(maxsize=1000)
def _read_policy(written: str) -> DeliveryPolicySpec:
    """One for all Releases that were begun with the same policy: of a fleet most are."""
    return parse_policy(json.loads(written), "")


class Traffic(Record):
    """`desired` is intent, written before the mesh is touched; `verified` was read back from it. Percent."""

    desired_weight: float | None = None
    verified_weight: float | None = None
    max_weight: float = 0.0
    first_weight_at: Time | None = None
    zero_weight_at: Time | None = None
    corrections: tuple[Time, ...] = Field(default=(), description="when an outside edit of the split was put right")


class RouteRecord(Record):
    """One route object Headgate edits, and what it takes to give it back as it was."""

    name: str
    namespace: str
    group: str = "networking.istio.io"
    kind: str = "VirtualService"
    created: bool = False
    saved: dict[str, Any] = Field(default_factory=dict)


class SubsetsRecord(Record):
    """The DestinationRule that gets the two arms as subsets; `own` are the user's subsets of the same pods."""

    name: str
    namespace: str
    own: tuple[str, ...] = ()


@pydantic_dataclass(frozen=True, slots=True, config=ConfigDict(extra="ignore"))
class EvidencePoint:
    """The evidence at one look, in natural logarithms."""

    # No model: a fleet's records have many of these, and a model takes several times the memory.

    at: Time
    rollback: float
    advance: float


class CustomMetricRecord(Record):
    """A metric of the policy's own: its evidence so far, its queries as they were asked, and their last answer."""

    kind: str
    state: dict[str, Any] = Field(default_factory=dict)
    queries: dict[str, str] = Field(default_factory=dict, description="resolved, by arm and field of the policy")
    answer: dict[str, float] = Field(default_factory=dict, description="at dataThrough, by arm and field")
    problem: str | None = None


class AnalysisRecord(Record):
    """The statistics so far. `data_through` is the last instant that counted."""

    started_at: Time | None = None
    data_through: Time | None = None
    last_data_at: Time | None = None
    silent: float = Field(default=0.0, description="seconds looked for the canary's requests since, in vain")
    state: dict[str, Any] = Field(default_factory=dict)
    problem: str | None = None
    problem_reason: str | None = Field(default=None, description="the problem's name, as Unreachable or Partial")
    dispersion: float | None = Field(default=None, description="what divides the evidence; not known yet if left out")
    dispersion_note: str | None = None
    quality: tuple[str, ...] = Field(default=(), description="what the data leave doubtful, most serious first")
    course: tuple[EvidencePoint, ...] = Field(default=(), description="the evidence over time, at most 64 points")
    queries: tuple[str, ...] = ()
    custom: dict[str, CustomMetricRecord] = Field(default_factory=dict, description="by the metrics' names")


class Deferred(Record):
    """A template that came while an approved one was rolling out: set again, as pending, once that is done."""

    template: dict[str, Any]
    template_hash: str
    put_back: int = Field(default=0, description="how often the approved template was put back")
    open: bool = Field(default=False, description="not put back yet")


class Evidence(Record):
    """What was known at one decision."""

    at: Time
    step: int
    weight: float
    verdict: str
    reason: str
    log_evidence_rollback: float
    log_evidence_advance: float
    stable_requests: float
    stable_errors: float
    canary_requests: float
    canary_errors: float
    metrics: dict[str, Any] = Field(default_factory=dict)


class Transition(Record):
    """One line of the Release's diary."""

    at: Time
    phase: Phase
    reason: str
    message: str
    weight: float = 0.0


class ReleaseStatus(Record):
    phase: Phase = Phase.PENDING
    reason: str = ""
    message: str = ""
    outcome: Phase | None = Field(default=None, description="the final phase that an unwinding leads to")
    stage: Stage = Stage.NONE
    stage_since: Time | None = None
    step: int = 0
    step_since: Time | None = Field(default=None, description="since when this step's weight is verified")
    progress: str = Field(default="", description="step of steps, for people")
    traffic: Traffic = Traffic()
    mesh: str = Field(default="", description="the provider whose routes these are")
    routes: tuple[RouteRecord, ...] = ()
    subsets: SubsetsRecord | None = Field(default=None, description="the arms are subsets of the Service's host")
    analysis: AnalysisRecord = AnalysisRecord()
    verdict: str = ""
    evidence: Evidence | None = Field(default=None, description="the newest look")
    decisions: tuple[Evidence, ...] = Field(default=(), description="the look behind each decision")
    canary_losses: int = 0
    deferred: Deferred | None = None
    intents_done: int = 0
    history: tuple[Transition, ...] = ()
    started_at: Time | None = None
    finished_at: Time | None = None


class Release(Record):
    """A Release as it is read from, and written to, the API."""

    name: str
    namespace: str
    uid: str = ""
    resource_version: str = ""
    finalizers: tuple[str, ...] = ()
    deleting: bool = False
    notified: dict[str, float] = Field(default_factory=dict, description="until when each channel was told")
    spec: ReleaseSpec
    status: ReleaseStatus = ReleaseStatus()

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def active(self) -> bool:
        return not self.status.phase.final

    @property
    def held(self) -> bool:
        """Whether the API server keeps the object until Headgate lets it go."""
        return FINALIZER in self.finalizers

    @property
    def canary_name(self) -> str:
        """The canary's Deployment and Service."""
        return f"{self.spec.deployment}-canary"

    @property
    def stable_name(self) -> str:
        """The Service that selects the stable pods only."""
        return f"{self.spec.deployment}-stable"


def release_from_object(obj: dict[str, Any]) -> Release:
    """Raises pydantic's ValidationError for an object that is no Release of ours."""
    meta = obj["metadata"]
    return Release(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta.get("uid", ""),
        resource_version=meta.get("resourceVersion", ""),
        finalizers=tuple(meta.get("finalizers") or ()),
        deleting="deletionTimestamp" in meta,
        notified=notified_until(meta.get("annotations") or {}),
        spec=ReleaseSpec.model_validate(obj.get("spec")),
        status=ReleaseStatus.model_validate(obj.get("status") or {}),
    )


def status_object(status: ReleaseStatus) -> dict[str, Any]:
    """The status as the API stores it: no nulls, no defaults that say nothing."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def spec_object(spec: ReleaseSpec) -> dict[str, Any]:
    """The spec as the API stores it."""
    return spec.model_dump(mode="json", by_alias=True, exclude_none=True)


def release_object(release: Release) -> dict[str, Any]:
    """The Release as `kubectl get release -o json` shows it, without what only servers need."""
    metadata = {"name": release.name, "namespace": release.namespace, "uid": release.uid}
    return {
        "apiVersion": API_VERSION,
        "kind": "Release",
        "metadata": {**metadata, "resourceVersion": release.resource_version},
        "spec": spec_object(release.spec),
        "status": status_object(release.status),
    }
