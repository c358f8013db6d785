"""Random VirtualServices and DestinationRules that Istio takes: what its validation asks beyond the schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.contract.routes.from_schema import OMITTED, Demands, Override, values

Object = dict[str, Any]
Schema = Mapping[str, Any]

HOSTS = ("web.example", "api.web.example", "*.web.example", "shop.example")
OTHER_HOSTS = ("api", "reviews", "reviews.books", "ratings.books.svc.cluster.local", "web.billing", "shop.example")
RULE_KINDS = ("http", "tls", "tcp")

_DNS_LABEL = "^[a-z]([-a-z0-9]{0,6}[a-z0-9])?$"
_TOKEN = "^[A-Za-z][A-Za-z0-9-]{0,10}$"
_PORT = {"minimum": 1, "maximum": 65535}
_PERCENT = {"minimum": 0, "maximum": 100}
_CIDRS = ("10.0.0.0/8", "192.168.1.0/24", "10.1.2.3")
_GATEWAYS = ("mesh", "edge", "ingress/public")
_ROUTED_ALONE = ("fault", "rewrite", "mirror", "mirrors", "mirrorPercentage", "mirrorPercent", "mirror_percent")


def _without(*fields: str) -> dict[str, Any]:
    return {"not": {"anyOf": [{"required": [field]} for field in fields]}}


_DESTINATIONS: Demands = {
    "**.destination.host": {"enum": OTHER_HOSTS},
    "**.mirror.host": {"enum": OTHER_HOSTS},
    "**.subset": {"enum": ("v1", "v2", "blue")},
    "**.port.number": _PORT,
    "**.route": {"minItems": 1},
    "**.route[].weight": {"minimum": 0, "maximum": 1000},
}

_MATCHES: Demands = {
    "**.match[].port": _PORT,
    "**.match[].gateways[]": {"enum": _GATEWAYS},
    "**.match[].sourceNamespace": {"pattern": _DNS_LABEL},
    "**.match[].sourceLabels{}": {"pattern": _DNS_LABEL},
    "**.destinationSubnets[]": {"enum": _CIDRS},
    "**.sourceSubnet": {"enum": _CIDRS},
    "**.sniHosts": {"minItems": 1},
    "**.exact": {"minLength": 1},
    "**.prefix": {"minLength": 1},
    "**.regex": {"enum": ("a.*", "[a-z]+(-[0-9]{1,3})?", ".*canary.*|x")},
    "**.match[].statPrefix": {"pattern": _TOKEN},
    "**.match[].scheme.exact": {"enum": ("http", "https")},
    "tls[].match": {"minItems": 1},
}

_RULES: Demands = {
    # A rule routes, or redirects, or answers itself, or delegates.
    "http[]": {
        "oneOf": [
            {"required": ["route"]},
            {"required": ["redirect"], **_without(*_ROUTED_ALONE)},
            {"required": ["directResponse"], **_without(*_ROUTED_ALONE)},
            {"required": ["delegate"], **_without(*_ROUTED_ALONE, "retries", "timeout", "corsPolicy", "headers")},
        ],
        "allOf": [{"anyOf": [_without("mirror"), _without("mirrors")]}],
    },
    "tls[]": {"required": ["route"]},
    "tcp[]": {"required": ["route"]},
    "**.redirect": {"required": ["uri"]},
    "**.redirect.scheme": {"enum": ("http", "https")},
    "**.redirect.port": _PORT,
    "**.redirectCode": {"minimum": 300, "maximum": 308},
    "**.directResponse.status": {"minimum": 200, "maximum": 599},
    "**.delegate": {"required": ["name"]},
    "**.delegate.name": {"pattern": _DNS_LABEL},
    "**.delegate.namespace": {"pattern": _DNS_LABEL},
    "**.rewrite": {"oneOf": [{"required": ["uri"]}, {"required": ["uriRegexRewrite"]}]},
    "**.uriRegexRewrite": {"required": ["match", "rewrite"]},
    "**.uriRegexRewrite.match": {"enum": ("^/a/(.*)$", "/v[0-9]+/")},
    "**.uriRegexRewrite.rewrite": {"enum": (r"/\1", "/")},
    "http[].name": {"pattern": _TOKEN},
}

_FAULTS_AND_MIRRORS: Demands = {
    "**.fault": {"anyOf": [{"required": ["abort"]}, {"required": ["delay"]}]},
    "**.abort": {"oneOf": [{"required": ["httpStatus"]}, {"required": ["grpcStatus"]}]},
    "**.abort.httpStatus": {"minimum": 200, "maximum": 599},
    "**.abort.grpcStatus": {"enum": ("UNAVAILABLE", "DEADLINE_EXCEEDED")},
    "**.delay": {"oneOf": [{"required": ["fixedDelay"]}]},
    "**.delay.percent": _PERCENT,
    "**.percentage": {"required": ["value"]},
    "**.percentage.value": _PERCENT,
    "**.mirrorPercentage": {"required": ["value"]},
    "**.mirrorPercentage.value": _PERCENT,
    "**.mirrorPercent": _PERCENT,
    "**.timeout": {"format": "duration"},
    "**.retries": {"required": ["attempts"]},
    "**.retries.attempts": {"minimum": 1, "maximum": 10},
    "**.retryOn": {"enum": ("5xx", "gateway-error,connect-failure", "503")},
    "**.corsPolicy.allowOrigins[]": {"oneOf": [{"required": [how]} for how in ("exact", "prefix", "regex")]},
    "**.allowMethods[]": {"enum": ("GET", "POST", "OPTIONS")},
    "**.allowHeaders[]": {"pattern": _TOKEN},
    "**.exposeHeaders[]": {"pattern": _TOKEN},
    "**.maxAge": {"enum": ("24h", "90s")},
    "**.remove[]": {"pattern": _TOKEN},
}

_TRAFFIC_POLICY: Demands = {
    "**.subsets": {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    "**.subsets[].name": {"enum": ("v1", "v2", "blue", "green")},
    "**.subsets[].labels{}": {"pattern": _DNS_LABEL},
    "**.matchLabels{}": {"pattern": _DNS_LABEL},
    "**.consistentHash": {"anyOf": [{"required": [key]} for key in ("httpHeaderName", "httpCookie", "useSourceIp")]},
    "**.connectionPool.tcp.idleTimeout": {"format": "duration"},
    "**.httpCookie.ttl": {"format": "duration"},
    "**.tls": {"required": ["mode"]},
    "**.targetHost": {"enum": HOSTS[:1]},
    "**.targetPort": _PORT,
    "**.portLevelSettings[]": {"required": ["port"]},
    "**.port": {"required": ["number"]},
}

_DEMANDS: Demands = {**_DESTINATIONS, **_MATCHES, **_RULES, **_FAULTS_AND_MIRRORS, **_TRAFFIC_POLICY}


def _some_weight(destinations: list[Object]) -> list[Object]:
    """Of several destinations one must have a weight; the only one may go without."""
    if len(destinations) > 1 and not any(entry.get("weight") for entry in destinations):
        destinations[-1]["weight"] = 100
    return destinations


_OVERRIDES: dict[str, Override] = {
    "**.route": lambda plain: plain.map(_some_weight),
    "**.sniHosts": st.lists(st.sampled_from(HOSTS), unique=True, min_size=1, max_size=2),
    "hosts": OMITTED,
    "gateways": st.lists(st.sampled_from(_GATEWAYS), unique=True, max_size=2),
    "exportTo": st.sampled_from((["*"], ["."], [".", "books"])),
    # Deprecated spellings, or what Istio's own validation refuses still.
    "**.mirror_percent": OMITTED,
    "**.exponentialDelay": OMITTED,
    "**.http2Error": OMITTED,
    "**.allowOrigin": OMITTED,
}


def apex_hosts(apex: str, namespace: str) -> SearchStrategy[str]:
    """Every way to name the Service from within its namespace."""
    return st.sampled_from([f"{apex}{rest}" for rest in _suffixes(namespace)])


def virtual_service_specs(schema: Schema, apex: str, namespace: str) -> SearchStrategy[Object]:
    """A VirtualService's spec: whatever `schema` has, and among its rules one that sends traffic to the apex."""
    kinds = [kind for kind in RULE_KINDS if kind in schema["properties"]]
    routed = {kind: _routed_rule(schema, kind) for kind in kinds}
    whole = _values(schema)

    @st.composite
    def virtual_service(draw: DrawFn) -> Object:
        spec: Object = draw(whole)
        spec["hosts"] = draw(_served_hosts(apex, namespace))
        kind = draw(st.sampled_from([*kinds, "http", "http"]))
        rule: Object = draw(routed[kind])
        _send(rule["route"], draw(st.integers(0, len(rule["route"]) - 1)), draw(apex_hosts(apex, namespace)))
        rules = spec.setdefault(kind, [])
        rules.insert(draw(st.integers(0, len(rules))), rule)
        for entry in spec.get("tls", ()):
            spec["hosts"] += _missing(spec["hosts"], entry["match"])
        return spec

    return virtual_service()


def destination_rule_specs(schema: Schema, apex: str, namespace: str) -> SearchStrategy[Object]:
    """A DestinationRule's spec, for the apex's host."""
    overrides = {**_OVERRIDES, "host": apex_hosts(apex, namespace)}
    return values(schema, overrides=overrides, demands=_DEMANDS)


def _values(schema: Schema) -> SearchStrategy[Any]:
    return values(schema, overrides=_OVERRIDES, demands=_DEMANDS)


def _routed_rule(schema: Schema, kind: str) -> SearchStrategy[Object]:
    """A rule of `kind` with destinations: the whole spec's strategy, held to one such rule."""
    alone = {**schema, "properties": {kind: schema["properties"][kind]}, "required": [kind]}
    only = {"required": ["route"], "oneOf": [], "anyOf": [_without("redirect", "directResponse", "delegate")]}
    demands: Demands = {**_DEMANDS, kind: {"minItems": 1, "maxItems": 1}, f"{kind}[]": only}
    return values(alone, overrides=_OVERRIDES, demands=demands).map(lambda spec: spec[kind][0])


def _served_hosts(apex: str, namespace: str) -> SearchStrategy[list[str]]:
    own = [f"{apex}{rest}" for rest in _suffixes(namespace)]
    return st.lists(st.sampled_from([*own, *HOSTS]), unique=True, min_size=1, max_size=3)


def _suffixes(namespace: str) -> tuple[str, str, str, str]:
    return ("", f".{namespace}", f".{namespace}.svc", f".{namespace}.svc.cluster.local")


def _send(destinations: list[Object], index: int, host: str) -> None:
    destinations[index]["destination"]["host"] = host
    if len(destinations) > 1 and not destinations[index].get("weight"):
        destinations[index]["weight"] = 50


def _missing(hosts: list[str], matches: list[Object]) -> list[str]:
    """The SNI hosts that spec.hosts must name too."""
    wanted = dict.fromkeys(host for match in matches for host in match["sniHosts"])
    return [host for host in wanted if host not in hosts]
