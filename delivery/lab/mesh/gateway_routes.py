"""HTTPRoutes and GRPCRoutes of the Gateway API, and Linkerd's HTTPRoutes, as routes of Envoy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from delivery.cluster.kinds import GRPC_ROUTE, Kind
from delivery.lab.mesh.filters import (
    NO_TIMEOUT,
    HeaderEdits,
    Json,
    Share,
    forward,
    header_edits,
    joined,
    mirror,
    redirect,
    seconds,
)
from delivery.lab.mesh.gateway_matches import grpc_matches, http_matches
from delivery.lab.mesh.naming import Upstream
from delivery.lab.mesh.references import NOWHERE, ROUTE_KINDS, References, parents
from delivery.lab.mesh.upstreams import Object, age

ByKind = Mapping[Kind, Sequence[Object]]
UNRESOLVED, UNAVAILABLE = 500, 503
"""What a request gets that has no backend; to a caller of gRPC a 503 of Envoy's is its UNAVAILABLE."""

HEADERS = {"RequestHeaderModifier": "requestHeaderModifier", "ResponseHeaderModifier": "responseHeaderModifier"}
MIRROR, REDIRECT = "RequestMirror", "RequestRedirect"
OF_RULES, OF_BACKENDS = frozenset({*HEADERS, MIRROR, REDIRECT}), frozenset(HEADERS)


def attached(routes: ByKind, upstream: Upstream) -> tuple[Kind, list[Object]] | None:
    """The routes that a Service port has as their parent, of the first kind of which there are any."""
    for kind in ROUTE_KINDS:
        found = [route for route in sorted(routes.get(kind) or (), key=age) if _has_parent(route, upstream)]
        if found:
            return kind, found
    return None


def gateway_routes(kind: Kind, routes: Sequence[Object], references: References) -> list[Json]:
    """The routes of Envoy for all rules of all `routes`, the most specific match first; of equals the older route's,
    and of one route's the first."""
    matches = grpc_matches if kind == GRPC_ROUTE else http_matches
    ranked = [
        (match.rank, _envoy_route(kind, route, rule, match.envoy, references))
        for route in routes
        for rule in route["spec"].get("rules") or ()
        for match in matches(rule)
    ]
    return [envoy for _, envoy in sorted(ranked, key=lambda entry: entry[0])]


def unfollowed(route: Object) -> list[str]:
    """The types of filters in the route that the lab's mesh does not know where they stand."""
    found: set[str] = set()
    for rule in route["spec"].get("rules") or ():
        found |= _types(rule) - OF_RULES
        for entry in rule.get("backendRefs") or ():
            found |= _types(entry) - OF_BACKENDS
    return sorted(found)


def _types(holder: Object) -> set[str]:
    return {entry["type"] for entry in holder.get("filters") or ()}


def _has_parent(route: Object, upstream: Upstream) -> bool:
    return route["metadata"]["namespace"] == upstream.namespace and any(
        parent["name"] == upstream.service and parent.get("port") in (None, upstream.port) for parent in parents(route)
    )


def _envoy_route(kind: Kind, route: Object, rule: Object, match: Json, references: References) -> Json:
    filters: Sequence[Object] = rule.get("filters") or ()
    if _types(rule) - OF_RULES:
        return {"match": match, "direct_response": {"status": UNRESOLVED}}  # never as if the filter were not there
    headers = _headers(filters)
    for entry in filters:
        if entry["type"] == REDIRECT:
            return {"match": match, "redirect": _redirect(entry["requestRedirect"]), **headers}
    mirrors = list(_mirrors(kind, route, filters, references))
    return forward(
        match,
        [_share(kind, route, entry, references) for entry in rule.get("backendRefs") or ()],
        without=UNAVAILABLE if kind == GRPC_ROUTE else UNRESOLVED,
        timeout=seconds((rule.get("timeouts") or {}).get("request")) or NO_TIMEOUT,
        action={"request_mirror_policies": mirrors} if mirrors else {},
        headers=headers,
    )


def _share(kind: Kind, route: Object, entry: Object, references: References) -> Share:
    backend = references.backend(kind, route, entry)
    sound = not _types(entry) - OF_BACKENDS
    weight = int(entry.get("weight", 1))
    return Share(backend.cluster if sound else NOWHERE, weight, _headers(entry.get("filters") or ()))


def _mirrors(kind: Kind, route: Object, filters: Sequence[Object], references: References) -> Iterator[Json]:
    for entry in filters:
        if entry["type"] == MIRROR:
            backend = references.backend(kind, route, entry["requestMirror"]["backendRef"])
            percent = _percent(entry["requestMirror"])
            if percent and not backend.problem:
                yield mirror(backend.cluster, percent)


def _percent(entry: Object) -> float:
    """Of all requests, where no part is given."""
    if "fraction" in entry:
        return 100 * float(entry["fraction"]["numerator"]) / float(entry["fraction"].get("denominator", 100))
    return float(entry.get("percent", 100))


def _headers(filters: Sequence[Object]) -> Json:
    found: Json = {}
    for entry in filters:
        if entry["type"] in HEADERS:
            edits = _edits(entry.get(HEADERS[entry["type"]]) or {})
            on_request = entry["type"] == "RequestHeaderModifier"
            sides = (edits, HeaderEdits()) if on_request else (HeaderEdits(), edits)
            found = joined(found, header_edits(*sides))
    return found


def _edits(modifier: Object) -> HeaderEdits:
    return HeaderEdits(
        {entry["name"]: _literal(entry["value"]) for entry in modifier.get("set") or ()},
        {entry["name"]: _literal(entry["value"]) for entry in modifier.get("add") or ()},
        modifier.get("remove") or (),
    )


def _literal(value: str) -> str:
    return value.replace("%", "%%")  # what Envoy would take for one of its variables


def _redirect(wanted: Object) -> Json:
    path = wanted.get("path") or {}
    return redirect(
        int(wanted.get("statusCode") or 302),
        scheme_redirect=wanted.get("scheme"),
        host_redirect=wanted.get("hostname"),
        port_redirect=wanted.get("port"),
        path_redirect=path.get("replaceFullPath"),
        prefix_rewrite=path.get("replacePrefixMatch"),
    )
