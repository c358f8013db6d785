"""What the mesh says of a route of the Gateway API in its status."""

from collections.abc import Mapping
from typing import Any

from mesh_adapters.adapter import Route
from mesh_adapters.splitting.rules import namespace_of

CONDITIONS = ("Accepted", "ResolvedRefs")
_PARENT = ("group", "kind", "namespace", "name", "port", "sectionName")


def not_followed(route: Route) -> str | None:
    """Why the mesh does not follow the route as it is now: the sentence of a condition that does not hold, or that
    nobody has looked at this generation of it yet. None where every parent accepts it and its references are resolved.

    A condition that tells no generation (Linkerd's do not) is taken for one of the present one.
    """
    generation = int((route.get("metadata") or {}).get("generation") or 0)
    namespace = namespace_of(route)
    parents = (route.get("spec") or {}).get("parentRefs") or ()
    if not parents:
        return "no controller has taken it up: spec.parentRefs names none"
    told = _told(route, namespace)
    for parent in parents:
        entries = told.get(_key(parent, namespace))
        if not entries:
            return f"no controller has taken it up: status.parents has nothing on {_called(parent)} of its parentRefs"
        for conditions in entries:
            for name in CONDITIONS:
                problem = _problem(name, conditions.get(name), generation)
                if problem:
                    return problem
    return None


def _problem(name: str, condition: Mapping[str, Any] | None, generation: int) -> str | None:
    if condition is None:
        return f"status has no condition {name} yet"
    if int(condition.get("observedGeneration") or generation) < generation:
        return f"status tells of generation {condition['observedGeneration']}, and this is {generation}"
    if condition.get("status") == "True":
        return None
    return f"{name} is {condition.get('status')} ({condition.get('reason', '')}): {condition.get('message', '')}"


def _told(route: Route, namespace: str) -> dict[tuple[Any, ...], list[dict[str, Mapping[str, Any]]]]:
    """The conditions by type that each parent's controllers have written."""
    found: dict[tuple[Any, ...], list[dict[str, Mapping[str, Any]]]] = {}
    for entry in (route.get("status") or {}).get("parents") or ():
        conditions = {condition["type"]: condition for condition in entry.get("conditions") or ()}
        found.setdefault(_key(entry.get("parentRef") or {}, namespace), []).append(conditions)
    return found


def _called(parent: Mapping[str, Any]) -> str:
    return f"{parent.get('kind') or 'Gateway'} {parent.get('name')}"


def _key(parent: Mapping[str, Any], namespace: str) -> tuple[Any, ...]:
    defaults = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": namespace}
    found = {field: parent.get(field) for field in _PARENT}
    if found["group"] == "core":
        found["group"] = ""
    return tuple(defaults.get(field) if value is None else value for field, value in found.items())
