"""VirtualServices become what a real Envoy accepts, and mean the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from delivery.lab.mesh.filters import FAULT
from delivery.lab.mesh.naming import CLUSTER_HEADER
from delivery.lab.mesh.translate import routes, upstreams
from tests.lab.mesh.objects import (
    APEX,
    CANARY,
    SERVICES,
    STABLE,
    Json,
    of_web,
    require_accepted,
    service,
    shares,
    to,
    virtual_service,
)
from tests.lab.mesh.test_upstreams import SUBSETS, destination_rule, of_subset


def translated(http: list[Json], **named: Any) -> list[Json]:
    return of_web([virtual_service(http, **named)])


def only(rule: Json) -> Json:
    [found] = translated([{"route": [to("web")], **rule}])
    return found


def test_weights_are_kept_to_the_last_digit_and_zero_gets_nothing() -> None:
    assert shares(only({"route": [to("web-stable", 199_999), to("web-canary", 1)]})) == {STABLE: 199_999, CANARY: 1}
    assert shares(only({"route": [to("web-stable", 100), to("web-canary", 0)]})) == {STABLE: 100}


def test_a_single_destination_needs_no_weight() -> None:
    assert shares(only({"route": [to("web.shop.svc.cluster.local")]})) == {APEX: 1}


def test_what_does_not_exist_keeps_its_share() -> None:
    """As with the real mesh, where those requests get 503: a weight that comes before its Service fails."""
    found = only({"route": [to("web-stable", 90), to("web-green", 10)]})
    assert shares(found) == {STABLE: 90, "outbound|80||web-green": 10}
    found = only({"route": [to("web", 90, subset="v1"), to("web", 10, subset="v2")]})
    assert shares(found) == {of_subset("v1"): 90, of_subset("v2"): 10}


def test_subsets_of_a_destination_rule() -> None:
    [found] = of_web(
        [virtual_service([{"route": [to("web", 95, subset="stable"), to("web", 5, subset="canary")]}])],
        [destination_rule(SUBSETS)],
    )
    assert shares(found) == {of_subset("stable"): 95, of_subset("canary"): 5}


def test_a_destination_without_a_port_has_the_only_one_or_that_of_the_request() -> None:
    both = service("web", ports=[{"name": "a", "port": 80}, {"name": "b", "port": 81}])
    known = upstreams([both, service("one", ports=[{"port": 7}])])
    virtual = virtual_service([{"route": [to("web", 1), to("one", 1)]}])
    table = routes(known, [virtual])
    found = {host["name"]: shares(host["routes"][0]) for host in table["virtual_hosts"] if "web" in host["name"]}
    one = "outbound|7||one.shop.svc.cluster.local"
    assert found == {APEX: {APEX: 1, one: 1}, APEX.replace("80", "81"): {APEX.replace("80", "81"): 1, one: 1}}


def test_rules_keep_their_order_and_their_conditions() -> None:
    found = translated(
        [
            {"match": [{"uri": {"exact": "/a"}}, {"uri": {"regex": "/b.*"}}], "route": [to("web-canary")]},
            {"match": [{"headers": {"x-beta": {"exact": "1"}, "x-any": {}}}], "route": [to("web-stable")]},
            {"route": [to("web")]},
        ]
    )
    assert [route["match"] for route in found] == [
        {"path": "/a"},
        {"safe_regex": {"regex": "/b.*"}},
        {
            "prefix": "/",
            "headers": [
                {"name": "x-beta", "string_match": {"exact": "1"}},
                {"name": "x-any", "present_match": True},
            ],
        },
        {"prefix": "/"},
    ]
    assert [next(iter(shares(route))) for route in found] == [CANARY, CANARY, STABLE, APEX]


def test_every_kind_of_condition() -> None:
    condition = {
        "uri": {"prefix": "/shop"},
        "ignoreUriCase": True,
        "method": {"exact": "POST"},
        "headers": {"cookie": {"regex": "^(.*;)?track=canary(;.*)?$"}, "x-star": {"regex": "*"}},
        "withoutHeaders": {"x-robot": {}, "x-kind": {"prefix": "bot"}},
        "queryParams": {"beta": {"exact": "1"}, "any": {}},
    }
    [found] = translated([{"match": [condition], "route": [to("web")]}])
    assert found["match"] == {
        "prefix": "/shop",
        "case_sensitive": False,
        "headers": [
            {"name": "cookie", "string_match": {"safe_regex": {"regex": "^(.*;)?track=canary(;.*)?$"}}},
            {"name": "x-star", "present_match": True},
            {"name": "x-robot", "present_match": True, "invert_match": True},
            {
                "name": "x-kind",
                "string_match": {"prefix": "bot"},
                "invert_match": True,
                "treat_missing_header_as_empty": True,
            },
            {"name": ":method", "string_match": {"exact": "POST"}},
        ],
        "query_parameters": [
            {"name": "beta", "string_match": {"exact": "1"}},
            {"name": "any", "present_match": True},
        ],
    }


def test_conditions_for_other_ports_gateways_and_callers_are_not_asked() -> None:
    unmet: list[Json] = [
        {"port": 81},
        {"gateways": ["edge"]},
        {"sourceLabels": {"app": "cart"}},
        {"sourceNamespace": "x"},
    ]
    met: list[Json] = [{"port": 80}, {"gateways": ["edge", "mesh"]}]
    assert len(translated([{"match": [*unmet, *met], "route": [to("web")]}])) == 2


def test_mirrors_take_fractions_of_a_percent() -> None:
    assert mirrored({"mirror": {"host": "web-canary"}, "mirrorPercentage": {"value": 0.5}}) == [(CANARY, 5_000)]
    assert mirrored({"mirror": {"host": "web-canary"}}) == [(CANARY, 1_000_000)]
    assert mirrored({"mirror": {"host": "web-canary"}, "mirrorPercentage": {"value": 0}}) == []
    assert mirrored({"mirror": {"host": "web-canary"}, "mirrorPercent": 7}) == [(CANARY, 70_000)]
    several = [
        {"destination": {"host": "web-canary"}, "percentage": {"value": 33.3}},
        {"destination": {"host": "web-stable"}},
        {"destination": {"host": "web-stable"}, "percentage": {"value": 0}},
    ]
    assert mirrored({"mirrors": several}) == [(CANARY, 333_000), (STABLE, 1_000_000)]


def mirrored(rule: Json) -> list[tuple[str, int]]:
    policies = only(rule)["route"].get("request_mirror_policies", [])
    fractions = [policy["runtime_fraction"]["default_value"] for policy in policies]
    assert all(fraction["denominator"] == "MILLION" for fraction in fractions)
    return [(policy["cluster"], part["numerator"]) for policy, part in zip(policies, fractions, strict=True)]


def test_faults_are_the_fault_filters_for_this_route() -> None:
    delay = {"fixedDelay": "250ms", "percentage": {"value": 12.5}}
    abort = {"httpStatus": 418, "percentage": {"value": 0.01}}
    config = only({"fault": {"delay": delay, "abort": abort}})["typed_per_filter_config"][FAULT]
    assert config["delay"] == {"fixed_delay": "0.25s", "percentage": {"numerator": 125_000, "denominator": "MILLION"}}
    assert config["abort"] == {"http_status": 418, "percentage": {"numerator": 100, "denominator": "MILLION"}}
    silent = only({"fault": {"abort": {"httpStatus": 500}}})["typed_per_filter_config"][FAULT]
    assert silent["abort"]["percentage"]["numerator"] == 0


def test_headers_are_edited_at_the_route_and_at_each_destination() -> None:
    edits = {"request": {"set": {"x-a": "1"}, "add": {"x-b": "2", "host": "x"}, "remove": ["x-c"]}}
    cookie = {"response": {"add": {"set-cookie": "track=canary"}, "remove": ["server"]}}
    found = only({"headers": edits, "route": [to("web-stable", 9), to("web-canary", 1, headers=cookie)]})
    assert found["request_headers_to_add"] == [
        {"header": {"key": "x-a", "value": "1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"},
        {"header": {"key": "x-b", "value": "2"}, "append_action": "APPEND_IF_EXISTS_OR_ADD"},
    ]
    assert found["request_headers_to_remove"] == ["x-c"]
    stable, canary = found["route"]["weighted_clusters"]["clusters"]
    assert set(stable) == {"name", "weight"}
    assert canary["response_headers_to_add"][0]["header"] == {"key": "set-cookie", "value": "track=canary"}
    assert canary["response_headers_to_remove"] == ["server"]
    alone = only({"headers": edits, "route": [to("web", headers=cookie)]})
    added = [entry["header"]["key"] for entry in alone["response_headers_to_add"]]
    assert added == ["set-cookie", CLUSTER_HEADER]


@pytest.mark.parametrize(
    ("rewrite", "wanted"),
    [
        ({"uri": "/v2"}, {"prefix_rewrite": "/v2"}),
        ({"authority": "shop.example"}, {"host_rewrite_literal": "shop.example"}),
        (
            {"uriRegexRewrite": {"match": "/a(.*)", "rewrite": r"/b\1"}},
            {"regex_rewrite": {"pattern": {"regex": "/a(.*)"}, "substitution": r"/b\1"}},
        ),
    ],
)
def test_rewrites(rewrite: Json, wanted: Json) -> None:
    assert wanted.items() <= only({"rewrite": rewrite})["route"].items()


def test_timeouts_are_in_seconds_and_there_is_none_unless_given() -> None:
    assert only({"timeout": "1m30s"})["route"]["timeout"] == "90s"
    assert only({})["route"]["timeout"] == "0s"


def test_redirects_and_answers_without_a_destination() -> None:
    found = only({"redirect": {"uri": "/new", "redirectCode": 307}})
    assert found["redirect"] == {"path_redirect": "/new", "response_code": "TEMPORARY_REDIRECT"}
    found = only({"directResponse": {"status": 410, "body": {"string": "gone"}}})
    assert found["direct_response"] == {"status": 410, "body": {"inline_string": "gone"}}


def test_a_virtual_service_of_another_namespace_must_say_which_service_it_means() -> None:
    elsewhere: dict[str, Any] = {"namespace": "edge", "hosts": ("web.shop.svc.cluster.local",)}
    [found] = translated([{"route": [to("web-canary.shop.svc.cluster.local")]}], **elsewhere)
    assert shares(found) == {CANARY: 1}
    [found] = translated([{"route": [to("web-canary")]}], **elsewhere)
    assert shares(found) == {"outbound|80||web-canary": 1}


def test_the_oldest_for_the_mesh_is_followed() -> None:
    edge = virtual_service([{"route": [to("web")]}], gateways=["edge"])
    young = virtual_service([{"route": [to("web-canary")]}], name="a")
    old = virtual_service([{"route": [to("web-stable")]}], name="z", gateways=["edge", "mesh"])
    young["metadata"]["creationTimestamp"], old["metadata"]["creationTimestamp"] = "2026-02-02", "2026-01-01"
    [found] = of_web([edge, young, old])
    assert shares(found) == {STABLE: 1}


def test_envoy_itself_accepts_what_is_translated(tmp_path: Path) -> None:
    services = [*SERVICES, service("two", ports=[{"name": "a", "port": 80}, {"name": "b", "port": 81}])]
    subsets = [destination_rule(SUBSETS)]
    fault = {"delay": {"fixedDelay": "1ms", "percentage": {"value": 1}}, "abort": {"httpStatus": 500}}
    cookie = {"response": {"add": {"set-cookie": "track=canary"}}}
    rules: list[Json] = [
        {"match": [{"headers": {"x-any": {}, "x-re": {"regex": "a+"}}}], "route": [to("web")], "timeout": "500ms"},
        {"match": [{"withoutHeaders": {"a": {}, "b": {"exact": "1"}}, "queryParams": {"q": {}}}], "route": [to("web")]},
        {"match": [{"uri": {"prefix": "/p"}}], "route": [to("web-stable", 9), to("web-canary", 1, headers=cookie)]},
        {"match": [{"uri": {"prefix": "/f"}}], "route": [to("web")], "fault": fault, "rewrite": {"uri": "/g"}},
        {"match": [{"uri": {"prefix": "/r"}}], "redirect": {"uri": "/s"}},
        {"match": [{"uri": {"prefix": "/d"}}], "directResponse": {"status": 200, "body": {"string": "x"}}},
        {"route": [to("web", 99, subset="stable"), to("nowhere", 1)], "mirror": {"host": "web", "subset": "canary"}},
    ]
    table = routes(upstreams(services, subsets), [virtual_service(rules)])
    require_accepted(table, services, tmp_path, subsets)
