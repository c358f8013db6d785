"""HTTPRoutes and GRPCRoutes with a Service as parent become what a real Envoy accepts, by the standard's precedence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from delivery.cluster.kinds import GRPC_ROUTE, HTTP_ROUTE, LINKERD_HTTP_ROUTE
from delivery.lab.mesh.references import References
from delivery.lab.mesh.translate import routes, upstreams
from tests.lab.mesh.objects import (
    APEX,
    CANARY,
    SERVICES,
    STABLE,
    Json,
    backend,
    of_gateway,
    require_accepted,
    route,
    service,
    shares,
)

TO_WEB: list[Json] = [backend("web")]
NOWHERE = "unresolved"


def http(rules: list[Json], **named: Any) -> list[Json]:
    return of_gateway(HTTP_ROUTE, [route(rules, **named)])


def path(kind: str, value: str) -> Json:
    return {"path": {"type": kind, "value": value}}


def test_weights_are_kept_default_to_one_and_zero_gets_nothing() -> None:
    [found] = http([{"backendRefs": [backend("web-stable", 999_999), backend("web-canary", 1), backend("web", 0)]}])
    assert shares(found) == {STABLE: 999_999, CANARY: 1}
    [found] = http([{"backendRefs": [backend("web-stable"), backend("web-canary")]}])
    assert shares(found) == {STABLE: 1, CANARY: 1}


@pytest.mark.parametrize("refs", [{}, {"backendRefs": []}, {"backendRefs": [backend("web", 0)]}])
def test_without_a_backend_http_gets_500_and_grpc_what_means_unavailable(refs: Json) -> None:
    [found] = http([refs])
    assert found["direct_response"] == {"status": 500}
    [found] = of_gateway(GRPC_ROUTE, [route([refs])])
    assert found["direct_response"] == {"status": 503}


@pytest.mark.parametrize(
    "wrong",
    [
        backend("nowhere"),
        {"name": "web"},
        backend("web", kind="Gateway", group="gateway.networking.k8s.io"),
        backend("far", namespace="other"),
        backend("web", filters=[{"type": "ExtensionRef", "extensionRef": {"group": "x", "kind": "Y", "name": "z"}}]),
    ],
)
def test_the_share_of_a_backend_that_cannot_be_gets_500(wrong: Json) -> None:
    far = service("far", namespace="other")
    rules = [{"backendRefs": [{**wrong, "weight": 3}, backend("web-stable", 7)]}]
    [found] = of_gateway(HTTP_ROUTE, [route(rules)], [], far)
    assert shares(found) == {NOWHERE: 3, STABLE: 7}
    assert found["route"]["cluster_not_found_response_code"] == "INTERNAL_SERVER_ERROR"


def test_another_namespace_lets_routes_in_by_a_grant_linkerd_asks_for_none() -> None:
    far = service("far", namespace="other")
    rules = [{"backendRefs": [backend("far", namespace="other")]}]
    origin = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "shop"}
    target = {"group": "", "kind": "Service"}
    there = "outbound|80||far.other.svc.cluster.local"

    def reached(kind: Any, **spec: Any) -> dict[str, int]:
        grant = {"metadata": {"name": "g", "namespace": "other"}, "spec": {"from": [origin], "to": [target], **spec}}
        [found] = of_gateway(kind, [route(rules)], [grant], far)
        return shares(found)

    assert reached(HTTP_ROUTE) == {there: 1}
    assert reached(HTTP_ROUTE, to=[{**target, "name": "far"}]) == {there: 1}
    assert reached(HTTP_ROUTE, to=[{**target, "name": "near"}]) == {NOWHERE: 1}
    assert reached(HTTP_ROUTE, **{"from": [{**origin, "namespace": "x"}]}) == {NOWHERE: 1}
    assert reached(LINKERD_HTTP_ROUTE, to=[]) == {there: 1}


def test_a_path_matches_whole_elements() -> None:
    rules: list[Json] = [
        {"matches": [path("PathPrefix", "/shop/"), path("Exact", "/a")], "backendRefs": TO_WEB},
        {"matches": [path("RegularExpression", "/b.*")], "backendRefs": TO_WEB},
        {"backendRefs": TO_WEB},
    ]
    assert [found["match"] for found in http(rules)] == [
        {"path": "/a"},
        {"path_separated_prefix": "/shop"},
        {"prefix": "/"},
        {"safe_regex": {"regex": "/b.*"}},
    ]


def test_every_kind_of_condition() -> None:
    match = {
        "method": "POST",
        "headers": [{"name": "x-beta", "value": "1"}, {"name": "a", "type": "RegularExpression", "value": "b+"}],
        "queryParams": [{"name": "q", "type": "Exact", "value": "2"}],
    }
    [found] = http([{"matches": [match], "backendRefs": TO_WEB}])
    assert found["match"] == {
        "prefix": "/",
        "headers": [
            {"name": "x-beta", "string_match": {"exact": "1"}},
            {"name": "a", "string_match": {"safe_regex": {"regex": "b+"}}},
            {"name": ":method", "string_match": {"exact": "POST"}},
        ],
        "query_parameters": [{"name": "q", "string_match": {"exact": "2"}}],
    }


def test_the_most_specific_match_is_asked_first() -> None:
    one = [{"name": "a", "value": "1"}]
    ordered: list[Json] = [
        path("Exact", "/x"),
        path("PathPrefix", "/longer"),
        {**path("PathPrefix", "/x"), "method": "GET"},
        {**path("PathPrefix", "/x"), "headers": [*one, {"name": "b", "value": "1"}]},
        {**path("PathPrefix", "/x"), "headers": one, "queryParams": one},
        {**path("PathPrefix", "/x"), "headers": one},
        path("PathPrefix", "/x"),
        {},
    ]
    rules = [
        {"matches": [match], "timeouts": {"request": f"{n}s"}, "backendRefs": TO_WEB} for n, match in enumerate(ordered)
    ]
    assert [found["route"]["timeout"] for found in http(rules[::-1])] == [f"{n}s" for n in range(len(ordered))]


def test_of_equal_matches_the_older_routes_and_then_the_first_rules_counts() -> None:
    young = route([{"backendRefs": [backend("web")]}], name="a", creationTimestamp="2026-02-02T00:00:00Z")
    rules = [{"backendRefs": [backend("web-stable")]}, {"backendRefs": [backend("web-canary")]}]
    old = route(rules, name="b", creationTimestamp="2026-01-01T00:00:00Z")
    found = of_gateway(HTTP_ROUTE, [young, old])
    assert [next(iter(shares(entry))) for entry in found] == [STABLE, CANARY, APEX]


@pytest.mark.parametrize(
    "parent",
    [
        {"group": "gateway.networking.k8s.io"},
        {"kind": "Gateway"},
        {"name": "other"},
        {"port": 81},
        {"namespace": "elsewhere"},
    ],
)
def test_routes_with_another_parent_are_not_followed(parent: Json) -> None:
    [found] = http([{"backendRefs": [backend("web-canary")]}], parent=parent)
    assert shares(found) == {APEX: 1}


@pytest.mark.parametrize("parent", [{"group": "core"}, {"port": 80}, {"namespace": "shop"}])
def test_ways_to_name_the_same_parent(parent: Json) -> None:
    [found] = http([{"backendRefs": [backend("web-canary")]}], parent=parent)
    assert shares(found) == {CANARY: 1}


def test_a_method_of_grpc_is_a_path() -> None:
    methods: list[Json] = [
        {"service": "shop.Cart", "method": "Add"},
        {"service": "shop.Cart"},
        {"type": "Exact", "method": "Add"},
        {"type": "RegularExpression", "service": "shop\\..*", "method": "Get.*"},
    ]
    rules = [{"matches": [{"method": method}], "backendRefs": TO_WEB} for method in methods]
    found = of_gateway(GRPC_ROUTE, [route([*rules, {"backendRefs": TO_WEB}])])
    assert [entry["match"] for entry in found] == [
        {"path": "/shop.Cart/Add"},
        {"prefix": "/shop.Cart/"},
        {"safe_regex": {"regex": "/shop\\..*/Get.*"}},
        {"safe_regex": {"regex": "/[^/]+/Add"}},
        {"prefix": "/"},
    ]


def test_filters_of_a_rule_and_of_a_backend() -> None:
    edit = {"set": [{"name": "x-a", "value": "100%"}], "remove": ["x-c"]}
    more = {"add": [{"name": "set-cookie", "value": "track=canary"}]}
    requests = {"type": "RequestHeaderModifier", "requestHeaderModifier": edit}
    answers = {"type": "ResponseHeaderModifier", "responseHeaderModifier": more}
    [found] = http(
        [{"filters": [requests, answers], "backendRefs": [backend("web-canary", filters=[answers, requests])]}]
    )
    [cluster] = found["route"]["weighted_clusters"]["clusters"]
    for place in (found, cluster):
        assert place["request_headers_to_add"][0]["header"] == {"key": "x-a", "value": "100%%"}
        assert place["request_headers_to_remove"] == ["x-c"]
        assert place["response_headers_to_add"][0]["header"] == {"key": "set-cookie", "value": "track=canary"}


@pytest.mark.parametrize(
    ("part", "million"),
    [({}, 1_000_000), ({"percent": 7}, 70_000), ({"fraction": {"numerator": 5, "denominator": 1000}}, 5_000)],
)
def test_mirrors_take_a_percentage_or_a_fraction(part: Json, million: int) -> None:
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": backend("web-canary"), **part}}
    [found] = http([{"filters": [mirror], "backendRefs": TO_WEB}])
    [policy] = found["route"]["request_mirror_policies"]
    assert policy["cluster"] == CANARY
    assert policy["runtime_fraction"]["default_value"] == {"numerator": million, "denominator": "MILLION"}


def test_a_redirect_needs_no_backend() -> None:
    wanted = {
        "scheme": "https",
        "hostname": "shop.example",
        "path": {"type": "ReplaceFullPath", "replaceFullPath": "/x"},
    }
    [found] = http([{"filters": [{"type": "RequestRedirect", "requestRedirect": wanted}]}])
    assert found["redirect"] == {
        "scheme_redirect": "https",
        "host_redirect": "shop.example",
        "path_redirect": "/x",
        "response_code": "FOUND",
    }


def test_a_rule_with_a_filter_that_is_not_known_answers_500() -> None:
    [found] = http([{"filters": [{"type": "URLRewrite", "urlRewrite": {}}], "backendRefs": TO_WEB}])
    assert found["direct_response"] == {"status": 500}


@pytest.mark.parametrize("kind", [HTTP_ROUTE, LINKERD_HTTP_ROUTE, GRPC_ROUTE], ids=str)
def test_envoy_itself_accepts_what_is_translated(kind: Any, tmp_path: Path) -> None:
    edit = {"set": [{"name": "x-a", "value": "100%"}], "remove": ["x-c"]}
    filters = [
        {"type": "RequestHeaderModifier", "requestHeaderModifier": edit},
        {"type": "RequestMirror", "requestMirror": {"backendRef": backend("web-canary"), "percent": 3}},
    ]
    named = [{"name": "a", "type": "RegularExpression", "value": "b+"}]
    method = {"service": "a.B", "method": "C"}
    matches: list[Json] = [{"method": method}, {"method": {"method": "C"}, "headers": named}]
    if kind != GRPC_ROUTE:
        matches = [path("PathPrefix", "/a/"), {**path("Exact", "/b"), "headers": named, "queryParams": named}]
        matches.append({**path("RegularExpression", "/c+"), "method": "GET"})
    refs = [backend("web-stable", 9, filters=filters[:1]), backend("nowhere", 1)]
    redirect = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/z"}, "port": 81, "statusCode": 301}
    rules: list[Json] = [
        {"matches": matches, "filters": filters, "backendRefs": refs, "timeouts": {"request": "1m"}},
        {"filters": [{"type": "RequestRedirect", "requestRedirect": redirect}]},
    ]
    references = References.among(SERVICES)
    table = routes(upstreams(SERVICES), [], {kind: [route(rules)]}, [], references)
    require_accepted(table, SERVICES, tmp_path)
