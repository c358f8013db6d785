"""What the API takes and gives."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Header, Query
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema

from delivery.intents.ask import LONGEST_REASON
from delivery.resources.image import IMMUTABLE
from delivery.resources.release import Phase, ReleaseSpec, ReleaseStatus, Time

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"
PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
Namespace = Annotated[str, PathParameter(pattern=NAME_PATTERN, max_length=63, examples=["shop"])]
Name = Annotated[
    str,
    PathParameter(
        pattern=NAME_PATTERN,
        max_length=253,
        description="of the Release, or of its Deployment: then the newest Release is meant",
        examples=["web"],
    ),
]
Absent = SkipJsonSchema[None]
"""A query or a header cannot hold null, so the OpenAPI document does not offer it."""
NamespaceQuery = Annotated[
    Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=63)] | Absent,
    Query(description="all of them if left out", examples=["shop"]),
]
ReleaseId = Annotated[
    Annotated[str, StringConstraints(pattern=PRINTABLE, max_length=253)] | Absent,
    Query(alias="releaseId", description="the Deployment's Release of this id", examples=["build-1841"]),
]
Key = Annotated[
    Annotated[str, StringConstraints(pattern=PRINTABLE, max_length=253, min_length=1)] | Absent,
    Header(alias="Idempotency-Key", description="one request, however often it is sent", examples=["pipeline-77"]),
]
_Text = Annotated[str, StringConstraints(max_length=LONGEST_REASON, pattern=PRINTABLE)]
_Short = Annotated[str, StringConstraints(max_length=253, min_length=1, pattern=PRINTABLE)]


class Body(BaseModel):
    """Camel case outside; an unknown field is a mistake."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class TriggerRequest(Body):
    """A new image for a Deployment. `release_id` and `version` are yours to choose; both are shown wherever it is."""

    image: Annotated[str, StringConstraints(min_length=1, max_length=1000)] = Field(
        examples=["registry.example/shop/web:1.4.0"],
        description="with a fixed tag or a digest",
        json_schema_extra=IMMUTABLE,
    )
    container: _Short | None = Field(default=None, description="needed where the pod has several")
    version: (
        Annotated[str, StringConstraints(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")]
        | None
    ) = Field(default=None, examples=["1.4.0"], description="the application's own; a label of the pods")
    release_id: _Short | None = Field(default=None, examples=["build-1841"])
    policy: Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=253)] | None = Field(
        default=None, description="where the Deployment has none yet"
    )
    reason: _Text = ""


class Triggered(Body):
    """What came of it."""

    namespace: str
    deployment: str
    release_id: str
    changed: bool = Field(description="the Deployment was written now; false: it had this image already")
    replayed: bool = Field(description="the same idempotency key was answered before, and nothing was started")


class Wish(Body):
    """Why, for the record."""

    reason: _Text = Field(default="", examples=["the error is known and harmless"])


class Accepted(Body):
    """The intent is on the Release; the controller answers it."""

    namespace: str
    name: str
    verb: str
    by: str
    resource_version: str


_Ends = tuple[float | None, float | None]


class QuantileSummary(Body):
    """Where a quantile of the latency lies, in milliseconds, as far as a histogram's buckets tell; null is open."""

    quantile: str = Field(examples=["p99"])
    stable: _Ends = Field(examples=[[100, 250]])
    canary: _Ends = Field(examples=[[250, None]])


class EvidenceSummary(Body):
    """The newest look. Evidence is in natural logarithms, each beside the threshold that it is held against."""

    at: Time
    stable_requests: float
    stable_errors: float
    canary_requests: float
    canary_errors: float
    rollback: float
    advance: float
    rollback_at: float
    advance_at: float
    latency: list[QuantileSummary]


class ReleaseSummary(Body):
    """One line of a list, one event of a stream."""

    namespace: str
    name: str
    deployment: str
    release_id: str
    phase: Phase
    reason: str
    message: str
    question: str = Field(description='what it waits for a person to answer; "" where it waits for nobody')
    progress: str = Field(description="step of steps")
    weight: float = Field(description="percent of the traffic, as read back from the mesh")
    verdict: str
    stable_images: list[str]
    canary_images: list[str]
    app_version: str | None
    policy: str
    mesh: str
    started_at: Time | None
    finished_at: Time | None
    evidence: EvidenceSummary | None
    resource_version: str


class ReleaseList(Body):
    items: list[ReleaseSummary]
    total: int = Field(description="of all that match, this page or not")
    next: int | None = Field(description="the offset of the next page")


class ReleaseDocument(Body):
    """The Release as the cluster holds it."""

    model_config = ConfigDict(extra="allow")

    metadata: dict[str, Any]
    spec: ReleaseSpec
    status: ReleaseStatus


class Waited(Body):
    """`promoted` and `rolledBack` are the end. `undecided`: paused for a person, ended unjudged, or out of time."""

    outcome: Literal["promoted", "rolledBack", "failed", "undecided"]
    release: ReleaseSummary | None = Field(description="null where none of that name or id began in time")
