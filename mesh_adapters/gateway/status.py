"""What the mesh says of a route of the Gateway API in its status."""

from collections.abc import Iterator, Mapping
from typing import Any

from mesh_adapters.adapter import Route
from mesh_adapters.splitting.rules import namespace_of

CONDITIONS = ("Accepted", "ResolvedRefs")
_PARENT = ("group", "kind", "namespace", "name", "port", "sectionName")


def not_followed(route: Route) -> str | None:
    """Why the mesh does not follow the route as it is now: the sentence of a condition that does not hold, or that
    nobody has looked at this generation of it yet. None where it is accepted and its references are resolved."""
    generation = int((route.get("metadata") or {}).get("generation") or 0)
    told = list(_parents(route))
    if not told:
        return "no controller has taken it up: status.parents has nothing on its parentRefs"
    for conditions in told:
        for name in CONDITIONS:
            condition = conditions.get(name)
            if condition is None and name == "ResolvedRefs":
                continue  # some implementations leave out what is well
            problem = _problem(name, condition, generation)
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


def _parents(route: Route) -> Iterator[dict[str, Mapping[str, Any]]]:
    """The conditions by type for each parent that the route still names."""
    namespace = namespace_of(route)
    named = [_key(parent, namespace) for parent in (route.get("spec") or {}).get("parentRefs") or ()]
    for entry in (route.get("status") or {}).get("parents") or ():
        if _key(entry.get("parentRef") or {}, namespace) in named:
            yield {condition["type"]: condition for condition in entry.get("conditions") or ()}


def _key(parent: Mapping[str, Any], namespace: str) -> tuple[Any, ...]:
    defaults = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": namespace}
    found = {field: parent.get(field) for field in _PARENT}
    if found["group"] == "core":
        found["group"] = ""
    return tuple(defaults.get(field) if value is None else value for field, value in found.items())
