"""Which Services the routes of the Gateway API name, and whether they may."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from delivery.cluster.kinds import GRPC_ROUTE, HTTP_ROUTE, LINKERD_HTTP_ROUTE, Kind
from delivery.lab.mesh.naming import cluster_name
from delivery.lab.mesh.upstreams import Object

CORE = ("", "core", None)
NOWHERE = "unresolved"
"""A cluster that there is not."""

ROUTE_KINDS = (GRPC_ROUTE, HTTP_ROUTE, LINKERD_HTTP_ROUTE)
"""Of several kinds at one Service only the first counts: gRPC's before HTTP's, the Gateway API's before Linkerd's."""


@dataclass(frozen=True, slots=True)
class Backend:
    """One reference to a Service. `problem` is the reason of a condition ResolvedRefs that is False, "" for none."""

    cluster: str
    problem: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class References:
    """Resolves the references of routes against the Services and ReferenceGrants there are."""

    services: frozenset[tuple[str, str]]
    grants: Sequence[Object] = ()

    @classmethod
    def among(cls, services: Iterable[Object], grants: Sequence[Object] = ()) -> References:
        names = frozenset((service["metadata"]["namespace"], service["metadata"]["name"]) for service in services)
        return cls(names, grants)

    def backend(self, kind: Kind, route: Object, reference: Object) -> Backend:
        """What a backendRef means. One that is not resolved has a cluster that does not exist."""
        own = str(route["metadata"]["namespace"])
        namespace, name = str(reference.get("namespace") or own), str(reference["name"])
        where = f"Service {namespace}/{name}"
        if reference.get("group") not in CORE or reference.get("kind", "Service") != "Service":
            return _unresolved("InvalidKind", f"{reference.get('kind')} {name}: only Services can be backends")
        if namespace != own and not self._granted(kind, own, namespace, name):
            return _unresolved(
                "RefNotPermitted", f"{where}: no ReferenceGrant there lets {kind.name}s of {own} name it"
            )
        if (namespace, name) not in self.services:
            return _unresolved("BackendNotFound", f"{where} does not exist")
        if reference.get("port") is None:
            return _unresolved("UnsupportedValue", f"{where}: port is required")
        return Backend(cluster_name(namespace, name, int(reference["port"])))

    def _granted(self, kind: Kind, origin: str, namespace: str, name: str) -> bool:
        """Linkerd's own kind needs no grant: its controller looks only whether the Service exists."""
        if kind == LINKERD_HTTP_ROUTE:
            return True
        return any(
            grant["metadata"]["namespace"] == namespace
            and any(_from(entry, kind, origin) for entry in grant["spec"].get("from") or ())
            and any(_to(entry, name) for entry in grant["spec"].get("to") or ())
            for grant in self.grants
        )


def parents(route: Object) -> Iterator[Object]:
    """The parentRefs to Services of the route's own namespace. Routes for Services elsewhere are for the callers of
    the route's namespace, and the lab's callers are in none."""
    own = route["metadata"]["namespace"]
    for parent in route["spec"].get("parentRefs") or ():
        is_service = parent.get("kind") == "Service" and "group" in parent and parent["group"] in CORE
        if is_service and parent.get("namespace", own) == own:
            yield parent


def backend_refs(route: Object) -> Iterator[Object]:
    """Every reference to a backend: of the rules, and of the mirrors in their filters."""
    for rule in route["spec"].get("rules") or ():
        entries = rule.get("backendRefs") or ()
        yield from entries
        for holder in (rule, *entries):
            for entry in holder.get("filters") or ():
                if "requestMirror" in entry:
                    yield entry["requestMirror"]["backendRef"]


def _unresolved(reason: str, message: str) -> Backend:
    return Backend(NOWHERE, reason, message)


def _from(entry: Object, kind: Kind, namespace: str) -> bool:
    return (entry["group"], entry["kind"], entry["namespace"]) == (kind.group, kind.name, namespace)


def _to(entry: Object, name: str) -> bool:
    return entry["group"] in CORE and entry["kind"] == "Service" and entry.get("name") in (None, "", name)
