"""What would be written for the objects of a file, and the way back to them."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import pytest

from delivery.errors import InvalidSpec
from delivery.resources.annotations import PLAN
from delivery.resources.policy import DeliveryPolicySpec, parse_policy
from delivery.route_files.documents import parse, to_json, to_yaml
from delivery.route_files.plan import Wish, planned, restored, without_note

SERVICE = "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80}]}}"
VIRTUAL_SERVICE = """
apiVersion: networking.istio.io/v1beta1
kind: VirtualService
metadata: {name: storefront, annotations: {owner: us}}
spec:
  hosts: [shop.example.com]
  http:
  - match: [{uri: {prefix: /cart}}]
    route: [{destination: {host: cart}}]
  - route: [{destination: {host: web}, weight: 90}, {destination: {host: legacy}, weight: 10}]
    timeout: 2s
"""
DESTINATION_RULE = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web}
spec: {host: web, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
"""
HTTP_ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop, annotations: {}}
spec:
  parentRefs: [{group: "", kind: Service, name: web}]
  rules: [{backendRefs: [{name: web, port: 80}], timeouts: {request: 2s}}]
"""
LINKERD_ROUTE = HTTP_ROUTE.replace("gateway.networking.k8s.io/v1", "policy.linkerd.io/v1beta3")
TRAFFIC_SPLIT = """
apiVersion: split.smi-spec.io/v1alpha1
kind: TrafficSplit
metadata: {name: web, namespace: shop}
spec: {service: web, backends: [{service: web, weight: 900m}, {service: legacy, weight: 100m}]}
"""
FILES = {
    "VirtualService": [SERVICE, VIRTUAL_SERVICE],
    "VirtualService by subsets": [VIRTUAL_SERVICE, DESTINATION_RULE],
    "HTTPRoute": [HTTP_ROUTE],
    "Linkerd's HTTPRoute": [SERVICE, LINKERD_ROUTE],
    "TrafficSplit": [TRAFFIC_SPLIT],
    "nothing but the Service and another's routes": [SERVICE, HTTP_ROUTE.replace("web", "cart")],
}
MATCH = {"match": [{"headers": {"x-early": {"exact": "yes"}}}]}


def objects(*texts: str) -> list[dict[str, Any]]:
    return parse("\n---\n".join(texts), "routes.yaml")


def wish(weight: float = 5.0, policy: DeliveryPolicySpec | None = None, service: str = "web") -> Wish:
    return Wish(service, "shop", weight, service, policy or DeliveryPolicySpec(), "abc")


@pytest.mark.parametrize("texts", FILES.values(), ids=FILES.keys())
def test_a_plan_that_is_restored_is_the_file_again(texts: list[str]) -> None:
    before = objects(*texts)
    for weight in (0, 0.5, 5, 100):
        after = planned(deepcopy(before), wish(weight))
        assert after != before
        for text in (to_yaml(after), to_json(after)):
            assert to_yaml(restored(parse(text, "plan"))) == to_yaml(before)


@pytest.mark.parametrize("texts", [FILES["HTTPRoute"], FILES["Linkerd's HTTPRoute"], FILES["VirtualService"]])
def test_what_a_policy_wants_beside_the_weight_is_planned_and_taken_back(texts: list[str]) -> None:
    policy = parse_policy({"strategy": {"canary": {**MATCH, "sticky": {}}}}, "policy")
    before = objects(*texts)
    after = planned(before, wish(5, policy))
    assert "x-early" in to_yaml(after)
    assert "headgate=web-canary; Max-Age=3600; Path=/" in to_yaml(after)
    assert to_yaml(restored(after)) == to_yaml(before)


def test_the_split_is_what_a_release_would_write() -> None:
    [_, route] = planned(objects(SERVICE, VIRTUAL_SERVICE), wish(50))
    [_, rule] = route["spec"]["http"]
    shares = [(each["destination"]["host"], each["weight"]) for each in rule["route"]]
    assert shares == [("web-stable", 45), ("web-canary", 45), ("legacy", 10)]
    assert rule["timeout"] == "2s"


def test_a_destination_rule_gets_the_arms_as_subsets() -> None:
    [route, rule] = planned(objects(VIRTUAL_SERVICE, DESTINATION_RULE), wish())
    assert [(each["name"], each["labels"]) for each in rule["spec"]["subsets"]] == [
        ("web-stable", {"pod-template-hash": "abc"}),
        ("web-canary", {"headgate.dev/track": "canary", "headgate.dev/deployment": "web"}),
    ]
    destinations = [each["destination"] for each in route["spec"]["http"][1]["route"]]
    assert destinations[:2] == [{"host": "web", "subset": "web-stable"}, {"host": "web", "subset": "web-canary"}]


def test_objects_that_are_not_edited_stay_as_they_are() -> None:
    before = objects(SERVICE, VIRTUAL_SERVICE, HTTP_ROUTE.replace("web", "cart"))
    after = planned(before, wish())
    assert (after[0], after[2]) == (before[0], before[2])


def test_a_service_without_a_route_gets_one() -> None:
    before = objects(*FILES["nothing but the Service and another's routes"])
    *same, made = planned(before, wish(20))
    assert same == before
    [rule] = without_note(made)["spec"]["rules"]
    assert [(ref["name"], ref["port"], ref["weight"]) for ref in rule["backendRefs"]] == [
        ("web-stable", 80, 80),
        ("web-canary", 80, 20),
    ]


def test_for_reading_the_note_is_left_out() -> None:
    [after] = planned(objects(TRAFFIC_SPLIT), wish())
    assert PLAN in after["metadata"]["annotations"]
    assert "annotations" not in without_note(after)["metadata"]


REFUSED = {
    "planned twice": (lambda: planned(planned(objects(HTTP_ROUTE), wish()), wish()), "is planned already"),
    "nothing planned": (lambda: restored(objects(HTTP_ROUTE)), "no object has the annotation headgate.dev/plan"),
    "no route": (
        lambda: planned(objects(SERVICE), wish()),
        "no VirtualService, HTTPRoute, GRPCRoute, HTTPRoute.policy.linkerd.io or TrafficSplit is among the objects",
    ),
    "several meshes": (
        lambda: planned(objects(HTTP_ROUTE, VIRTUAL_SERVICE), wish()),
        "routes of several meshes: VirtualService.networking.istio.io shop/storefront and HTTPRoute",
    ),
    "several ports": (
        lambda: planned(
            objects(SERVICE.replace("[{port: 80}]", "[{port: 80}, {port: 81}]"), HTTP_ROUTE.replace("web", "cart")),
            wish(),
        ),
        "exactly one port only (spec.ports: 80, 81)",
    ),
    "not to be split so": (
        lambda: planned(objects(TRAFFIC_SPLIT), wish(5, parse_policy({"strategy": {"canary": MATCH}}, "policy"))),
        "TrafficSplit shop/web: spec.backends can be given weights and nothing else",
    ),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_done_is_refused_in_words(call: Any, message: str) -> None:
    with pytest.raises(InvalidSpec, match=re.escape(message)):
        call()


def test_a_note_that_was_edited_is_refused() -> None:
    [after] = planned(objects(HTTP_ROUTE), wish())
    after["metadata"]["annotations"][PLAN] = '{"split": 3}'
    with pytest.raises(InvalidSpec, match=r"HTTPRoute shop/web: annotation headgate\.dev/plan cannot be read"):
        restored([after])
