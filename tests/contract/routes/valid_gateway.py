"""Random HTTPRoutes and GRPCRoutes, of the Gateway API and of Linkerd: what their CEL rules and their meaning ask
beyond the schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.contract.routes.from_schema import Demands, Override, values

Object = dict[str, Any]
Schema = Mapping[str, Any]

# The field of a filter and what its `type` then has to be.
FILTERS = {
    "requestHeaderModifier": "RequestHeaderModifier",
    "responseHeaderModifier": "ResponseHeaderModifier",
    "requestMirror": "RequestMirror",
    "requestRedirect": "RequestRedirect",
    "urlRewrite": "URLRewrite",
    "extensionRef": "ExtensionRef",
    "cors": "CORS",
}
_REPEATABLE = ("RequestMirror", "ExtensionRef")
_OTHER_SERVICES = ("api", "reviews", "ratings")
_PLAIN_PATHS = ("/", "/api", "/api/v1/items", "/a%20b", "/x;y=1")
_DOMAIN = r"^[a-z][a-z0-9]{0,6}\.example$"
_TOKEN = "^[A-Za-z][A-Za-z0-9-]{0,10}$"
# People write percentages, and now and then all that is allowed.
_WEIGHTS = st.integers(0, 100) | st.integers(0, 100) | st.sampled_from((1000, 999_983, 1_000_000))
_DURATION_MS = {"0s": 0, "500ms": 500, "2s": 2000, "1m30s": 90_000, "1h": 3_600_000}

_DEMANDS: Demands = {
    "**.hostnames[]": {"pattern": r"^(\*\.)?[a-z][a-z0-9]{0,6}\.example$"},
    "**.hostname": {"pattern": _DOMAIN},
    "rules": {"minItems": 1},
    "**.backendRefs[]": {"required": ["name", "port"]},
    "**.backendRefs[].port": {"minimum": 1, "maximum": 65535},
    "**.backendRef": {"required": ["port"]},
    "**.backendRef.name": {"enum": _OTHER_SERVICES},
    "**.backendRef.kind": {"enum": ("Service",)},
    "**.backendRef.group": {"enum": ("",)},
    "**.filters[]": {"oneOf": [{"required": [field]} for field in FILTERS]},
    "**.requestMirror": {
        "oneOf": [
            {"required": ["percent"]},
            {"required": ["fraction"]},
            {"not": {"anyOf": [{"required": ["percent"]}, {"required": ["fraction"]}]}},
        ]
    },
    "**.fraction.numerator": {"maximum": 100},
    "**.fraction.denominator": {"minimum": 100},
    "**.requestRedirect.path": {"oneOf": [{"required": ["replaceFullPath"]}, {"required": ["replacePrefixMatch"]}]},
    "**.urlRewrite.path": {"oneOf": [{"required": ["replaceFullPath"]}, {"required": ["replacePrefixMatch"]}]},
    "**.replaceFullPath": {"enum": _PLAIN_PATHS},
    "**.replacePrefixMatch": {"enum": _PLAIN_PATHS},
    "**.extensionRef.name": {"pattern": "^[a-z]{1,8}$"},
    "**.extensionRef.group": {"pattern": _DOMAIN},
    "**.extensionRef.kind": {"pattern": "^[A-Z][a-z]{1,8}$"},
    "**.headers[].name": {"pattern": _TOKEN},
    "**.queryParams[].name": {"pattern": _TOKEN},
    "**.add[].name": {"pattern": _TOKEN},
    "**.set[].name": {"pattern": _TOKEN},
    "**.remove[]": {"pattern": _TOKEN},
    "**.allowHeaders[]": {"pattern": _TOKEN},
    "**.exposeHeaders[]": {"pattern": _TOKEN},
    "**.allowOrigins[]": {"enum": ("https://web.example", "http://*.web.example:8080")},
    "**.allowMethods[]": {"enum": ("GET", "POST", "PUT", "OPTIONS")},
    "rules[].name": {"pattern": "^[a-z][a-z0-9]{0,8}$"},
}


def _typed(entry: Object) -> Object:
    """A filter's type follows from the one field it has; a schema that names no such field keeps any."""
    field = next((field for field in entry if field in FILTERS), None)
    if field is None:
        return {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-a", "value": "b"}]}}
    return {**entry, "type": FILTERS[field]}


def _path_typed(path: Object) -> Object:
    return {**path, "type": "ReplaceFullPath" if "replaceFullPath" in path else "ReplacePrefixMatch"}


def _compatible(filters: list[Object]) -> list[Object]:
    """One filter of a type, but for those that may repeat; and no rewrite of what is redirected."""
    kept: list[Object] = []
    for entry in filters:
        taken = {other["type"] for other in kept}
        clash = {"RequestRedirect", "URLRewrite"} <= taken | {entry["type"]}
        if not clash and (entry["type"] not in taken or entry["type"] in _REPEATABLE):
            kept.append(entry)
    return kept


def _behind_backends(filters: list[Object]) -> list[Object]:
    """Who is redirected never reaches the backend, so a redirect makes no sense there."""
    return [entry for entry in _compatible(filters) if entry["type"] != "RequestRedirect"]


def _timeouts(names: tuple[str, str] = ("request", "backendRequest")) -> SearchStrategy[Object]:
    """Of a request, and of one attempt at it, which may not take longer unless the first is unbounded (0s)."""
    pairs = [
        (whole, attempt)
        for whole in _DURATION_MS
        for attempt in _DURATION_MS
        if whole == "0s" or _DURATION_MS[attempt] <= _DURATION_MS[whole]
    ]
    both = st.sampled_from(pairs).map(lambda pair: dict(zip(names, pair, strict=True)))
    return both | st.sampled_from(list(_DURATION_MS)).flatmap(lambda one: st.sampled_from([{n: one} for n in names]))


def _matched_paths() -> SearchStrategy[Object]:
    plain = st.fixed_dictionaries(
        {"value": st.sampled_from(_PLAIN_PATHS)}, optional={"type": st.sampled_from(("Exact", "PathPrefix"))}
    )
    pattern = st.fixed_dictionaries(
        {"type": st.just("RegularExpression"), "value": st.sampled_from(("/a/.*", "/[a-z]+(/[0-9]+)?"))}
    )
    return plain | plain | pattern


def _grpc_methods() -> SearchStrategy[Object]:
    names = {
        "service": st.sampled_from(("shop.Cart", "grpc.health.v1.Health")),
        "method": st.sampled_from(("Add", "G")),
    }
    types = {"type": st.sampled_from(("Exact", "RegularExpression"))}
    return st.one_of(
        st.fixed_dictionaries({"service": names["service"]}, optional={"method": names["method"], **types}),
        st.fixed_dictionaries({"method": names["method"]}, optional=types),
    )


def _set_paths_straight(rule: Object) -> Object:
    """A prefix can be replaced only where exactly one prefix is matched; a rule that redirects has no backends."""
    filters = [*rule.get("filters", ())]
    if any(entry["type"] == "RequestRedirect" for entry in filters):
        rule.pop("backendRefs", None)
    behind = [entry for backend in rule.get("backendRefs", ()) for entry in backend.get("filters", ())]
    changed = [
        entry[field] for entry in [*filters, *behind] for field in ("requestRedirect", "urlRewrite") if field in entry
    ]
    if any("replacePrefixMatch" in change.get("path", {}) for change in changed):
        rule["matches"] = [{"path": {"type": "PathPrefix", "value": "/api"}}]
    return rule


_OVERRIDES: dict[str, Override] = {
    "**.filters[]": lambda plain: plain.map(_typed),
    "**.filters": lambda plain: plain.map(_compatible),
    "**.backendRefs[].filters": lambda plain: plain.map(_behind_backends),
    "**.requestRedirect.path": lambda plain: plain.map(_path_typed),
    "**.urlRewrite.path": lambda plain: plain.map(_path_typed),
    "**.matches[].path": _matched_paths(),
    "**.timeouts": _timeouts(),
    "rules[]": lambda plain: plain.map(_set_paths_straight),
}
_GRPC_OVERRIDES: dict[str, Override] = {**_OVERRIDES, "**.matches[].method": _grpc_methods()}


def route_specs(schema: Schema, apex: str, namespace: str) -> SearchStrategy[Object]:
    """The spec of an HTTPRoute or GRPCRoute: whatever `schema` has, and a rule that sends traffic to the apex."""
    fields = schema["properties"]
    backend = fields["rules"]["items"]["properties"]["backendRefs"]["items"]["properties"]
    parents = _parents(fields["parentRefs"]["items"]["properties"], apex, namespace)
    overrides: dict[str, Override] = {
        **(_GRPC_OVERRIDES if _is_grpc(schema) else _OVERRIDES),
        "**.backendRefs[]": lambda plain: _backends(plain, "group" in backend, apex, namespace),
        "**.backendRefs": lambda plain: plain.map(_some_weight),
        "**.backendRefs[].weight": _WEIGHTS,
        "parentRefs": parents,
    }
    demands: Demands = {**_DEMANDS, "": {"required": ["parentRefs", "rules"]}}
    whole, routed = values(schema, overrides=overrides, demands=demands), _routed_rule(schema, overrides)

    @st.composite
    def route(draw: DrawFn) -> Object:
        spec: Object = draw(whole)
        rule: Object = draw(routed)
        index = draw(st.integers(0, len(rule["backendRefs"]) - 1))
        beside = "group" in backend and draw(st.booleans())
        _send(rule["backendRefs"], index, apex, None if beside else namespace)
        spec["rules"].insert(draw(st.integers(0, len(spec["rules"]))), rule)
        return _named_once(spec)

    return route()


def _is_grpc(schema: Schema) -> bool:
    matches = schema["properties"]["rules"]["items"]["properties"]["matches"]["items"]["properties"]
    return bool(matches["method"].get("type") == "object")


def _routed_rule(schema: Schema, overrides: Mapping[str, Override]) -> SearchStrategy[Object]:
    """A rule with backends: the whole spec's strategy, held to one such rule."""
    alone = {**schema, "properties": {"rules": schema["properties"]["rules"]}, "required": ["rules"]}
    demands: Demands = {
        **_DEMANDS,
        "rules": {"minItems": 1, "maxItems": 1},
        "rules[]": {"required": ["backendRefs"]},
        "rules[].backendRefs": {"minItems": 1},
        "rules[].filters[]": {"anyOf": [{"not": {"required": ["requestRedirect"]}}]},
    }
    return values(alone, overrides=overrides, demands=demands).map(lambda spec: spec["rules"][0])


@st.composite
def _backends(draw: DrawFn, plain: SearchStrategy[Object], of_any_kind: bool, apex: str, namespace: str) -> Object:
    """A backend as the schema has it, but one whose name means something."""
    entry: Object = draw(plain)
    service = draw(st.sampled_from(({}, {"group": "", "kind": "Service"}, {"kind": "Service"})))
    elsewhere: Object = {"name": draw(st.sampled_from((apex, *_OTHER_SERVICES))), "namespace": "billing", **service}
    beside: Object = {"name": draw(st.sampled_from((apex, *_OTHER_SERVICES))), **service}
    imported: Object = {"name": apex, "group": "multicluster.x-k8s.io", "kind": "ServiceImport"}
    meant = draw(st.sampled_from((beside, beside, beside, elsewhere, imported)))
    if not of_any_kind:  # the first versions of Linkerd's: Services only, and not of the route's own namespace
        meant = {"name": meant["name"], "namespace": meant.get("namespace", namespace)}
    return {**{key: entry[key] for key in entry if key not in ("group", "kind", "namespace")}, **meant}


def _parents(fields: Schema, apex: str, namespace: str) -> SearchStrategy[list[Object]]:
    """Services of a mesh or, where routes belong to gateways, those: each parent once, or once for a section."""
    linkerd = fields["group"].get("default") == "policy.linkerd.io"
    services = st.fixed_dictionaries(
        {
            "group": st.sampled_from(("", "core") if linkerd else ("",)),
            "kind": st.just("Service"),
            "name": st.just(apex),
        },
        optional={"namespace": st.just(namespace), "port": st.just(80)},
    ).map(lambda parent: [parent])
    if linkerd:
        return services
    gateways = st.fixed_dictionaries(
        {"name": st.sampled_from(("edge", "inner"))},
        optional={"namespace": st.just("ingress"), "group": st.just("gateway.networking.k8s.io")},
    )
    several = st.lists(gateways, min_size=1, max_size=2, unique_by=lambda parent: parent["name"])
    sections = st.lists(st.sampled_from(("http", "https", "grpc")), unique=True, min_size=1, max_size=2)
    of_sections = st.builds(lambda parent, names: [{**parent, "sectionName": n} for n in names], gateways, sections)
    return services | several | of_sections


def _some_weight(backends: list[Object]) -> list[Object]:
    """A backend without a weight has weight 1; not all may have none."""
    if backends and not any(entry.get("weight", 1) for entry in backends):
        backends[-1]["weight"] = 1
    return backends


def _send(backends: list[Object], index: int, apex: str, namespace: str | None) -> None:
    entry = backends[index]
    named = {"name": apex, **({"namespace": namespace} if namespace else {})}
    kept = {key: value for key, value in entry.items() if key not in ("group", "kind", "name", "namespace")}
    if kept.get("weight") == 0:
        kept["weight"] = 1
    backends[index] = {**named, **kept}


def _named_once(spec: Object) -> Object:
    seen: set[str] = set()
    for rule in spec["rules"]:
        if rule.get("name") in seen:
            del rule["name"]
        seen.add(rule.get("name", ""))
    return spec
