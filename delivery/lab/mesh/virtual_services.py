"""Istio's VirtualServices as routes of Envoy, as a sidecar of no namespace and no labels would have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from delivery.lab.mesh.filters import (
    NO_TIMEOUT,
    HeaderEdits,
    Json,
    Share,
    fault,
    forward,
    header_edits,
    joined,
    mirror,
    redirect,
    seconds,
)
from delivery.lab.mesh.naming import Upstream, cluster_name
from delivery.lab.mesh.upstreams import CLUSTER_DOMAIN, Object, age
from mesh_adapters.istio.hosts import ServiceHosts

Known = Mapping[str, Upstream]
UNREACHABLE = 503
MESH = "mesh"
_ANY = {"regex": "*"}  # no regular expression, but what people write for any value at all
_ALL = {"value": 100}


def carrier(virtual_services: Sequence[Object], upstream: Upstream) -> Object | None:
    """The VirtualService that a sidecar follows for this Service: the oldest that names it and is for the mesh."""
    for virtual_service in sorted(virtual_services, key=age):
        spec = virtual_service["spec"]
        hosts = ServiceHosts(virtual_service["metadata"]["namespace"], upstream.namespace, CLUSTER_DOMAIN)
        named = any(hosts.covers(host, upstream.service) for host in spec.get("hosts") or ())
        if named and MESH in (spec.get("gateways") or [MESH]) and spec.get("http"):
            return virtual_service
    return None


def virtual_service_routes(virtual_service: Object, upstream: Upstream, known: Known) -> list[Json]:
    """The routes for requests to this Service port, in the order of the rules."""
    destinations = _Destinations(virtual_service["metadata"]["namespace"], upstream, known)
    return [
        _route(rule, match, destinations)
        for rule in virtual_service["spec"].get("http") or ()
        for match in _matches(rule, upstream)
    ]


class _Destinations:
    """Reads the destinations of one VirtualService as clusters."""

    def __init__(self, namespace: str, upstream: Upstream, known: Known) -> None:
        self._namespace = namespace
        self._upstream = upstream
        self._ports: dict[tuple[str, str], set[int]] = {}  # of each Service
        for found in known.values():
            self._ports.setdefault((found.namespace, found.service), set()).add(found.port)

    def cluster(self, destination: Object) -> str:
        """The destination's cluster. What does not exist has a name too: Envoy answers its share with 503."""
        host, subset = str(destination["host"]), str(destination.get("subset") or "")
        for namespace, service in self._ports:
            if ServiceHosts(self._namespace, namespace, CLUSTER_DOMAIN).service(host) == service:
                return cluster_name(namespace, service, self._port(destination, (namespace, service)), subset)
        return f"outbound|{self._port(destination, None)}|{subset}|{host}"

    def _port(self, destination: Object, service: tuple[str, str] | None) -> int:
        """The port that is given, the only one of the Service, or the one the request was for."""
        given = (destination.get("port") or {}).get("number")
        ports = self._ports[service] if service else set()
        return int(given or (next(iter(ports)) if len(ports) == 1 else self._upstream.port))


def _matches(rule: Object, upstream: Upstream) -> Iterator[Json]:
    if not rule.get("match"):
        yield {"prefix": "/"}
    for condition in rule.get("match") or ():
        if _applies(condition, upstream):
            yield _match(condition)


def _applies(condition: Object, upstream: Upstream) -> bool:
    """Whether the condition is one for this port and for a caller without labels or namespace."""
    if condition.get("port") not in (None, 0, upstream.port):
        return False
    if condition.get("gateways"):
        return MESH in condition["gateways"]
    return not condition.get("sourceLabels") and not condition.get("sourceNamespace")


def _match(condition: Object) -> Json:
    found = _path(condition.get("uri") or {})
    if condition.get("ignoreUriCase"):
        found["case_sensitive"] = False
    headers = [{"name": name, **_value(value)} for name, value in (condition.get("headers") or {}).items()]
    headers += [_absent(name, value) for name, value in (condition.get("withoutHeaders") or {}).items()]
    for pseudo in ("method", "authority", "scheme"):
        if condition.get(pseudo):
            headers.append({"name": f":{pseudo}", **_value(condition[pseudo])})
    query = [{"name": name, **_value(value)} for name, value in (condition.get("queryParams") or {}).items()]
    return {**found, **({"headers": headers} if headers else {}), **({"query_parameters": query} if query else {})}


def _path(uri: Object) -> Json:
    if "exact" in uri:
        return {"path": uri["exact"]}
    if "regex" in uri:
        return {"safe_regex": {"regex": uri["regex"]}}
    return {"prefix": uri.get("prefix", "/")}


def _value(condition: Object) -> Json:
    """An exact, prefix or regex condition; without any, that there is a value."""
    if not condition or condition == _ANY:
        return {"present_match": True}
    kind, value = next(iter(condition.items()))
    return {"string_match": {"safe_regex": {"regex": value}} if kind == "regex" else {kind: value}}


def _absent(name: str, condition: Object) -> Json:
    found = {"name": name, **_value(condition), "invert_match": True}
    if "string_match" in found:
        found["treat_missing_header_as_empty"] = True  # a header that is not there does not have the value either
    return found


def _route(rule: Object, match: Json, destinations: _Destinations) -> Json:
    headers = _headers(rule)
    if rule.get("redirect"):
        return {"match": match, "redirect": _redirect(rule["redirect"]), **headers}
    if rule.get("directResponse"):
        return {"match": match, "direct_response": _direct_response(rule["directResponse"]), **headers}
    entries: Sequence[Object] = rule.get("route") or ()
    alone = len(entries) == 1
    shares = [
        Share(
            destinations.cluster(entry["destination"]),
            1 if alone else int(entry.get("weight") or 0),
            {} if alone else _headers(entry),
        )
        for entry in entries
    ]
    if alone:
        headers = joined(headers, _headers(entries[0]))
    action = {**_rewrite(rule.get("rewrite") or {}), **_mirrors(rule, destinations)}
    timeout = seconds(rule.get("timeout")) or NO_TIMEOUT
    route = forward(match, shares, without=UNREACHABLE, timeout=timeout, action=action, headers=headers)
    injected = _fault(rule.get("fault") or {})
    return {**route, "typed_per_filter_config": injected} if injected else route


def _headers(holder: Object) -> Json:
    headers = holder.get("headers") or {}
    return header_edits(_edits(headers.get("request") or {}), _edits(headers.get("response") or {}))


def _edits(operations: Object) -> HeaderEdits:
    return HeaderEdits(operations.get("set") or {}, operations.get("add") or {}, operations.get("remove") or ())


def _rewrite(rewrite: Object) -> Json:
    found: Json = {}
    regex = rewrite.get("uriRegexRewrite")
    if regex:
        found["regex_rewrite"] = {"pattern": {"regex": regex["match"]}, "substitution": regex["rewrite"]}
    elif rewrite.get("uri"):
        found["prefix_rewrite"] = rewrite["uri"]
    if rewrite.get("authority"):
        found["host_rewrite_literal"] = rewrite["authority"]
    return found


def _mirrors(rule: Object, destinations: _Destinations) -> Json:
    """Every copy that is made: of all requests where no percentage is given, of none where it is zero."""
    wanted = [(entry.get("destination"), entry.get("percentage", _ALL)) for entry in rule.get("mirrors") or ()]
    if rule.get("mirror"):
        older = {"value": rule["mirrorPercent"]} if "mirrorPercent" in rule else _ALL
        wanted.insert(0, (rule["mirror"], rule.get("mirrorPercentage", older)))
    policies = [
        mirror(destinations.cluster(destination), float(percentage["value"]))
        for destination, percentage in wanted
        if destination and percentage.get("value")
    ]
    return {"request_mirror_policies": policies} if policies else {}


def _fault(injected: Object) -> Json:
    delay, abort = injected.get("delay") or {}, injected.get("abort") or {}
    status = abort.get("httpStatus")
    return fault(
        seconds(delay["fixedDelay"]) if "fixedDelay" in delay else None,
        _percent(delay),
        int(status) if status else None,
        _percent(abort),
    )


def _percent(part: Object) -> float:
    """Of no request, where no percentage is given."""
    return float((part.get("percentage") or {}).get("value") or part.get("percent") or 0)


def _redirect(rule: Object) -> Json:
    return redirect(
        int(rule.get("redirectCode") or 301),
        scheme_redirect=rule.get("scheme"),
        host_redirect=rule.get("authority"),
        port_redirect=rule.get("port"),
        path_redirect=rule.get("uri"),
    )


def _direct_response(response: Object) -> Json:
    body = response.get("body") or {}
    source = {f"inline_{kind}": body[kind] for kind in ("string", "bytes") if kind in body}
    return {"status": int(response["status"]), **({"body": source} if source else {})}
