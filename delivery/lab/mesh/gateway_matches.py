"""Which requests a rule of the Gateway API takes, and before which other rules it is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from delivery.lab.mesh.filters import Json
from delivery.lab.mesh.upstreams import Object

_EXACT, _PREFIX, _REGEX = "Exact", "PathPrefix", "RegularExpression"
_RANKS = {_EXACT: 0, _PREFIX: 1, _REGEX: 2}  # a regular expression last, as Istio has it; the standard leaves it open
_SEGMENT = "[^/]+"
EVERYTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Match:
    """A match of Envoy. Of two that take a request, the one with the smaller `rank` gets it."""

    envoy: Json
    rank: tuple[int, ...]


def http_matches(rule: Object) -> Iterator[Match]:
    """The alternatives of a rule of an HTTPRoute."""
    for match in rule.get("matches") or (EVERYTHING,):
        path = match.get("path") or {}
        kind, value = path.get("type", _PREFIX), path.get("value", "/")
        headers, query = match.get("headers") or (), match.get("queryParams") or ()
        conditions = [_condition(entry) for entry in headers]
        if match.get("method"):
            conditions.append({"name": ":method", "string_match": {"exact": match["method"]}})
        envoy = _match(_http_path(kind, value), conditions, [_condition(entry) for entry in query])
        yield Match(envoy, (_RANKS[kind], -len(value), not match.get("method"), -len(headers), -len(query)))


def grpc_matches(rule: Object) -> Iterator[Match]:
    """The alternatives of a rule of a GRPCRoute: a method of gRPC is the path /SERVICE/METHOD."""
    for match in rule.get("matches") or (EVERYTHING,):
        method = match.get("method") or {}
        service, name = method.get("service") or "", method.get("method") or ""
        headers = match.get("headers") or ()
        path = _grpc_path(method.get("type", _EXACT), service, name)
        envoy = _match(path, [_condition(entry) for entry in headers], [])
        yield Match(envoy, (-len(service), -len(name), -len(headers)))


def _match(path: Json, headers: list[Json], query: list[Json]) -> Json:
    return {**path, **({"headers": headers} if headers else {}), **({"query_parameters": query} if query else {})}


def _http_path(kind: str, value: str) -> Json:
    if kind == _EXACT:
        return {"path": value}
    if kind == _REGEX:
        return {"safe_regex": {"regex": value}}
    prefix = value.rstrip("/")
    return {"path_separated_prefix": prefix} if prefix else {"prefix": "/"}


def _grpc_path(kind: str, service: str, method: str) -> Json:
    if not service and not method:
        return {"prefix": "/"}
    if kind == _EXACT and service and method:
        return {"path": f"/{service}/{method}"}
    if kind == _EXACT and service:
        return {"prefix": f"/{service}/"}
    if kind == _EXACT:
        method = re.escape(method)
    return {"safe_regex": {"regex": f"/{service or _SEGMENT}/{method or _SEGMENT}"}}


def _condition(entry: Object) -> Json:
    value = entry["value"]
    matcher = {"safe_regex": {"regex": value}} if entry.get("type") == _REGEX else {"exact": value}
    return {"name": entry["name"], "string_match": matcher}
