"""What a controller decided to do: data, for a thin executor to apply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from delivery.cluster.kinds import Kind

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Create:
    """A new object."""

    kind: Kind
    obj: Object
    why: str


@dataclass(frozen=True, slots=True)
class Change:
    """A merge patch; preconditions are in its `metadata` (uid, resourceVersion)."""

    kind: Kind
    name: str
    namespace: str | None
    body: Object
    why: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Remove:
    """A deletion of exactly this object."""

    kind: Kind
    name: str
    namespace: str | None
    uid: str
    why: str


Action = Create | Change | Remove


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions in order, and the seconds after which time alone will change the decision (None: never)."""

    actions: tuple[Action, ...] = ()
    wake_after_s: float | None = None


def change(kind: Kind, obj: Object, body: Object, why: str, *, subresource: str = "", latest: bool = True) -> Change:
    """A patch of `obj` as it was seen: same uid and, when `latest`, nobody wrote since."""
    meta = obj["metadata"]
    seen = {"uid": meta["uid"], **({"resourceVersion": meta["resourceVersion"]} if latest else {})}
    body = {**body, "metadata": {**body.get("metadata", {}), **seen}}
    return Change(kind, meta["name"], meta.get("namespace"), body, why, subresource)


def remove(kind: Kind, obj: Object, why: str) -> Remove:
    """The deletion of `obj` as it was seen."""
    meta = obj["metadata"]
    return Remove(kind, meta["name"], meta.get("namespace"), meta["uid"], why)


def status_change(kind: Kind, obj: Object, status: Object, why: str) -> Change | None:
    """A patch of the status subresource where `status` differs from what is there; a None in it clears a field.

    Without a resourceVersion: a controller is the only writer of its status, so a write to the spec in between is
    no reason to compute the same status again.
    """
    before = obj.get("status") or {}
    body = {field: value for field, value in status.items() if before.get(field) != value}
    if not body:
        return None
    return change(kind, obj, {"status": body}, why, subresource="status", latest=False)
