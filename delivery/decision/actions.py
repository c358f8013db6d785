"""What a decision asks for. Data only; `delivery.reconcile.apply` carries it out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from delivery.resources.release import ReleaseSpec, ReleaseStatus


@dataclass(frozen=True, slots=True)
class PauseDeployment:
    """Set or clear `spec.paused` on the user's Deployment, if it is still as it was gathered."""

    paused: bool
    reason: str


@dataclass(frozen=True, slots=True)
class SetTemplate:
    """Put a pod template into the user's Deployment, if it is still as it was gathered."""

    template: dict[str, Any]
    reason: str


@dataclass(frozen=True, slots=True)
class CreateRelease:
    """Begin a delivery: the record first, everything else after it."""

    name: str
    spec: ReleaseSpec
    reason: str


@dataclass(frozen=True, slots=True)
class EnsureBackEnds:
    """`NAME-stable` (pinned to a pod-template-hash) and `NAME-canary`."""

    stable_hash: str
    reason: str


@dataclass(frozen=True, slots=True)
class EnsureCanary:
    """`NAME-canary` with the judged template at `replicas`."""

    replicas: int
    reason: str


@dataclass(frozen=True, slots=True)
class SetWeight:
    """The canary's share of the mesh's traffic in percent. The only action that moves traffic upward."""

    weight: float
    reason: str


@dataclass(frozen=True, slots=True)
class FenceRoute:
    """Write the route without moving traffic, so that no write of an earlier leader can still come through."""

    reason: str


@dataclass(frozen=True, slots=True)
class RestoreRoute:
    """Give the route back exactly as the user had it."""

    reason: str


@dataclass(frozen=True, slots=True)
class RemoveCanary:
    """Delete the canary Deployment."""

    reason: str


@dataclass(frozen=True, slots=True)
class RemoveBackEnds:
    """Delete the two Services."""

    reason: str


@dataclass(frozen=True, slots=True)
class RemoveLeftOvers:
    """Delete what is ours though no Release is active: created by a request that was long on its way."""

    names: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class LetGo:
    """Take our finalizer off a finished Release: from now on it may be deleted at once."""

    release: str
    reason: str


@dataclass(frozen=True, slots=True)
class CloseRelease:
    """End a Release that began nothing, because another one is active for the same Deployment."""

    release: str
    reason: str


@dataclass(frozen=True, slots=True)
class ForgetRelease:
    """Delete a finished Release that is beyond the history's limit."""

    release: str
    reason: str


@dataclass(frozen=True, slots=True)
class Announce:
    """A Kubernetes Event for people."""

    reason: str
    message: str
    warning: bool = False


Action = (
    PauseDeployment
    | SetTemplate
    | CreateRelease
    | EnsureBackEnds
    | EnsureCanary
    | SetWeight
    | FenceRoute
    | RestoreRoute
    | RemoveCanary
    | RemoveBackEnds
    | RemoveLeftOvers
    | LetGo
    | CloseRelease
    | ForgetRelease
    | Announce
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to record, then what to do, then when to look again.

    `status` is written before any action is carried out: it holds the intent. None leaves the record as it is.
    """

    status: ReleaseStatus | None = None
    actions: tuple[Action, ...] = field(default=())
    again_after: float | None = None
