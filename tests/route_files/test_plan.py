"""What would be written for the objects of a file, and the way back to them."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from delivery.errors import InvalidSpec
from delivery.resources.annotations import PLAN
from delivery.resources.policy import DeliveryPolicySpec, parse_policy
from delivery.route_files.documents import parse
from delivery.route_files.note import without_note
from delivery.route_files.plan import planned, restored
from delivery.route_files.texts import to_json, to_yaml
from delivery.route_files.wish import Wish

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
UNSORTED = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {namespace: null, name: web, annotations: null}
released: 2024-01-01T10:00:00Z
spec:
  rules: [{name: main, backendRefs: [{port: 80, name: web, kind: Service, weight: 3}, {weight: 1, port: 80, name: x}]}]
  parentRefs: [{name: web, kind: Service, group: ""}]
"""
FILES = {
    "keys in no order, a date, nulls": [UNSORTED],
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
    "a Service that nothing carries, and that is not there": (
        lambda: planned(objects(SERVICE, HTTP_ROUTE), wish(service="wob")),
        "no route among the objects carries Service shop/wob; correct --service or --namespace, or give the Service",
    ),
    "weights too large": (
        lambda: planned(objects(TRAFFIC_SPLIT.replace("900m", "2147483647")), wish(33.3333)),
        "spec.backends cannot give the canary exactly 33.3333 %",
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


NOTES: dict[str, Any] = {
    "no object": lambda note: 5,
    "no split": lambda note: {"split": 3},
    "no record": lambda note: {key: value for key, value in note.items() if key != "saved"},
    "no rules": lambda note: {**note, "saved": {}},
    "a rule without destinations": lambda note: {**note, "saved": {"rules": [{"kind": "rules"}]}},
    "a destination that is none": lambda note: {
        **note,
        "saved": {"rules": [{**note["saved"]["rules"][0], "route": [{"name": 5}]}]},
    },
    "a weight of 500": lambda note: {**note, "split": {**note["split"], "canary_weight": 500}},
    "an unknown field": lambda note: {**note, "more": 1},
}


@pytest.mark.parametrize("edit", NOTES.values(), ids=NOTES.keys())
def test_a_note_that_was_edited_is_refused(edit: Any) -> None:
    [after] = planned(objects(HTTP_ROUTE), wish())
    note = after["metadata"]["annotations"][PLAN]
    after["metadata"]["annotations"][PLAN] = json.dumps(edit(json.loads(note)))
    with pytest.raises(
        InvalidSpec, match=r"HTTPRoute shop/web: annotation headgate\.dev/plan (cannot be|says nothing)"
    ):
        restored([after])


def test_a_planned_object_that_lost_its_spec_is_refused() -> None:
    [after] = planned(objects(HTTP_ROUTE), wish())
    with pytest.raises(InvalidSpec, match="HTTPRoute shop/web has no spec any more"):
        restored([{**after, "spec": None}])


@pytest.mark.parametrize("namespace", ["null", "''"])
def test_an_object_that_names_no_namespace_is_in_the_given_one(namespace: str) -> None:
    [route] = objects(HTTP_ROUTE.replace("namespace: shop", f"namespace: {namespace}"))
    [after] = planned([route], wish())
    assert "web-canary" in to_yaml([after])
    assert restored([after]) == [route]


def test_a_list_of_one_kind_is_taken_apart() -> None:
    listed = "{apiVersion: networking.istio.io/v1, kind: VirtualServiceList, metadata: {resourceVersion: '1'}, items: ["
    item = "{metadata: {name: web}, spec: {http: [{route: [{destination: {host: web}}]}]}}"
    [route] = objects(f"{listed}{item}]}}")
    assert (route["apiVersion"], route["kind"]) == ("networking.istio.io/v1", "VirtualService")
    assert restored(planned([route], wish())) == [route]


def test_hosts_may_end_in_another_clusters_domain() -> None:
    before = objects(VIRTUAL_SERVICE.replace("host: web}", "host: web.shop.svc.k8s.example}"))
    with pytest.raises(InvalidSpec, match="no route among the objects carries Service shop/web"):
        planned(before, wish())
    after = planned(before, replace(wish(), cluster_domain="k8s.example"))
    assert "web-canary.shop.svc.k8s.example" in to_yaml(after)
    assert restored(after) == before
