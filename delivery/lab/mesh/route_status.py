"""What the lab's mesh says of a route of the Gateway API in its status, once Envoy has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from delivery.cluster.kinds import LINKERD_HTTP_ROUTE, Kind
from delivery.lab.mesh.gateway_routes import unfollowed
from delivery.lab.mesh.references import References, backend_refs, parents
from delivery.lab.mesh.upstreams import Object

Json = dict[str, Any]
CONTROLLER = "headgate.dev/lab-mesh"


def with_our_parents(kind: Kind, route: Object, references: References, now: str) -> list[Json] | None:
    """The route's `status.parents` as they should be, other controllers' entries kept; None where they are so.

    `now` (RFC 3339) is the transition time of a condition that changes.
    """
    before: Sequence[Object] = (route.get("status") or {}).get("parents") or ()
    told = {_key(entry["parentRef"]): entry for entry in before if entry["controllerName"] == CONTROLLER}
    ours = [_entry(kind, route, parent, told.get(_key(parent)), references, now) for parent in parents(route)]
    wanted = [*(dict(entry) for entry in before if entry["controllerName"] != CONTROLLER), *ours]
    return None if wanted == [dict(entry) for entry in before] else wanted


def _entry(kind: Kind, route: Object, parent: Object, before: Object | None, references: References, now: str) -> Json:
    held = {condition["type"]: condition for condition in (before or {}).get("conditions") or ()}
    conditions = []
    for fresh in (_accepted(route, parent, references), _resolved(kind, route, references)):
        if kind != LINKERD_HTTP_ROUTE:  # Linkerd's own controller does not say which generation it saw
            fresh["observedGeneration"] = int(route["metadata"]["generation"])
        old = held.get(fresh["type"]) or {}
        same = old.get("status") == fresh["status"]
        conditions.append({**fresh, "lastTransitionTime": old["lastTransitionTime"] if same else now})
    return {"parentRef": dict(parent), "controllerName": CONTROLLER, "conditions": conditions}


def _accepted(route: Object, parent: Object, references: References) -> Json:
    unknown = unfollowed(route)
    if (route["metadata"]["namespace"], parent["name"]) not in references.services:
        return _condition("Accepted", "NoMatchingParent", f"Service {parent['name']} does not exist")
    if unknown:
        return _condition("Accepted", "UnsupportedValue", f"filters of type {', '.join(unknown)} are not followed")
    return _condition("Accepted")


def _resolved(kind: Kind, route: Object, references: References) -> Json:
    for reference in backend_refs(route):
        backend = references.backend(kind, route, reference)
        if backend.problem:
            return _condition("ResolvedRefs", backend.problem, backend.message)
    return _condition("ResolvedRefs")


def _condition(name: str, problem: str = "", message: str = "") -> Json:
    return {
        "type": name,
        "status": "False" if problem else "True",
        "reason": problem or name,
        "message": message,
    }


def _key(parent: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, str(value)) for name, value in parent.items()))
