"""Whether routes may send traffic to Services of another namespace: its ReferenceGrants say so."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mesh_adapters.adapter import Route, RouteRef, TrafficSplit, UnsupportedRoute
from mesh_adapters.splitting.rules import namespace_of

REF = RouteRef("gateway.networking.k8s.io", "ReferenceGrant", "referencegrants", ("v1", "v1beta1"))


def require_granted(route: Route, ref: RouteRef, split: TrafficSplit, grants: Sequence[Route], where: str) -> None:
    """Raises UnsupportedRoute where the route may not name the Services of both arms."""
    namespace = namespace_of(route)
    if namespace == split.namespace:
        return
    own = [grant for grant in grants if namespace_of(grant) == split.namespace]
    for name in (split.stable, split.canary):
        if not any(_grants(grant, ref, namespace, name) for grant in own):
            named = ", ".join(sorted(str(grant["metadata"]["name"]) for grant in own)) or "none there"
            raise UnsupportedRoute(
                f"{where} needs a ReferenceGrant in namespace {split.namespace} ({named}) from {ref.kind} of namespace "
                f"{namespace} to Service {name}: add one to every Service, without a name"
            )


def _grants(grant: Route, ref: RouteRef, namespace: str, service: str) -> bool:
    spec = grant.get("spec") or {}
    origin = {"group": ref.group, "kind": ref.kind, "namespace": namespace}
    return _any(spec.get("from") or (), origin) and any(
        to.get("group") in ("", "core") and to.get("kind") == "Service" and to.get("name") in (None, "", service)
        for to in spec.get("to") or ()
    )


def _any(items: Iterable[Mapping[str, Any]], wanted: Mapping[str, Any]) -> bool:
    return any(wanted.items() <= item.items() for item in items)
