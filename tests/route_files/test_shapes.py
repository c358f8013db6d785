"""Objects whose fields are not what they have to be: one sentence with the field, whatever it is."""

from __future__ import annotations

import re

import pytest

from delivery.errors import InvalidSpec
from delivery.resources.policy import DeliveryPolicySpec
from delivery.route_files.documents import parse
from delivery.route_files.plan import planned
from delivery.route_files.wish import Wish


def virtual_service(spec: str, meta: str = "") -> str:
    return f"{{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {{name: web{meta}}}, spec: {spec}}}"


def http_route(spec: str) -> str:
    return f"{{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {{name: web}}, spec: {spec}}}"


def traffic_split(backends: str, version: str = "v1alpha2") -> str:
    spec = f"{{service: web, backends: {backends}}}"
    return f"{{apiVersion: split.smi-spec.io/{version}, kind: TrafficSplit, metadata: {{name: web}}, spec: {spec}}}"


MISSHAPEN = {
    virtual_service('{http: [{route: [{destination: {host: web}, weight: "50"}]}]}'): "spec.http[0].route[0].weight: ",
    virtual_service("{http: [{route: [{destination: {host: web}, weight: 50.5}]}]}"): "spec.http[0].route[0].weight: ",
    virtual_service("{http: [{route: [{destination: {host: web}, weight: -5}]}]}"): "spec.http[0].route[0].weight: ",
    virtual_service("{http: [{route: {destination: {host: web}}}]}"): "spec.http[0].route: ",
    virtual_service("{http: [{route: [{destination: web}]}]}"): "spec.http[0].route[0].destination: not an object",
    virtual_service("{http: [{route: [{destination: {host: 5}}]}]}"): "spec.http[0].route[0].destination.host: ",
    virtual_service("{http: [{name: 5}]}"): "spec.http[0].name: ",
    virtual_service("{http: [null]}"): "spec.http[0]: not an object",
    virtual_service("{http: {a: b}}"): "spec.http: ",
    virtual_service("{tcp: [{route: [null]}]}"): "spec.tcp[0].route[0]: not an object",
    virtual_service("{http: [{mirrors: [web]}]}"): "spec.http[0].mirrors[0]: not an object",
    virtual_service("{http: [{match: [{headers: [a]}]}]}"): "spec.http[0].match[0].headers: ",
    virtual_service("5"): "spec: not an object",
    virtual_service("{}", ", annotations: [a]"): "metadata.annotations: ",
    virtual_service("{}", ", labels: a"): "metadata.labels: ",
    virtual_service("{}", ", namespace: 5"): "metadata.namespace: ",
    http_route("{rules: [{backendRefs: [web]}]}"): "spec.rules[0].backendRefs[0]: not an object",
    http_route("{rules: [{backendRefs: [{name: web, weight: a}]}]}"): "spec.rules[0].backendRefs[0].weight: ",
    http_route("{rules: [{backendRefs: [{name: [web]}]}]}"): "spec.rules[0].backendRefs[0].name: ",
    http_route("{rules: [{filters: [5]}]}"): "spec.rules[0].filters[0]: not an object",
    http_route("{parentRefs: [gw]}"): "spec.parentRefs[0]: not an object",
    traffic_split("[web]"): "spec.backends[0]: not an object",
    traffic_split("[{service: 5}]"): "spec.backends[0].service: ",
    "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [80]}}": "spec.ports[0]: not an object",
}


@pytest.mark.parametrize(("text", "field"), MISSHAPEN.items())
def test_a_field_of_the_wrong_kind_is_named(text: str, field: str) -> None:
    with pytest.raises(InvalidSpec, match=re.escape(f"f: document 1: {parsed_kind(text)} web: {field}")):
        parse(text, "f")


def parsed_kind(text: str) -> str:
    return text.partition("kind: ")[2].partition(",")[0]


NO_OBJECTS = {
    "{apiVersion: v1, kind: List, items: 5}": "f: document 1: items of List is int",
    "{apiVersion: v1, kind: List}": "f: document 1: items of List is NoneType",
    "{apiVersion: v1, kind: List, items: [5]}": "f: document 1: not a Kubernetes object but int",
    "a: &a [*a]": "f: document 1: holds what JSON cannot say",
    "{apiVersion: v1, kind: X, metadata: {name: a}, data: !!binary aGk=}": "f: document 1: holds what JSON cannot say",
    "{apiVersion: v1, kind: X, metadata: {name: a}, weight: .inf}": "f: document 1: holds what JSON cannot say",
    "{apiVersion: v1, kind: X, metadata: {name: ''}}": "f: document 1: X has no metadata.name",
}


@pytest.mark.parametrize(("text", "message"), NO_OBJECTS.items())
def test_what_is_no_object_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidSpec, match=re.escape(message)):
        parse(text, "f")


def test_other_peoples_kinds_may_hold_anything() -> None:
    [obj] = parse("{apiVersion: example.org/v1, kind: HTTPRoute, metadata: {name: a}, spec: {rules: 5}}", "f")
    assert obj["spec"] == {"rules": 5}


def plan(text: str, service: str = "web") -> None:
    planned(parse(text, "f"), Wish(service, "shop", 5, service, DeliveryPolicySpec(), "abc"))


UNSPOKEN = {
    traffic_split("[{service: web, weight: 1}]", "v1alpha4"): "TrafficSplit web: split.smi-spec.io/v1alpha4 is no",
    http_route("{}").replace("gateway.networking.k8s.io/v1", "policy.linkerd.io/v1beta1"): "v1beta3 or v1beta2",
    http_route("{}")
    + "\n---\n{apiVersion: gateway.networking.k8s.io/v1alpha2, kind: ReferenceGrant, metadata: {name: g}}": (
        "ReferenceGrant g: gateway.networking.k8s.io/v1alpha2 is no version"
    ),
}


@pytest.mark.parametrize(("text", "message"), UNSPOKEN.items())
def test_a_version_that_cannot_be_edited_is_named(text: str, message: str) -> None:
    with pytest.raises(InvalidSpec, match=re.escape(message)):
        plan(text)


WEIGHTLESS = {
    traffic_split("[{service: web, weight: 1}, {service: old, weight: abc}]"): "spec.backends[1].weight is 'abc'",
    traffic_split("[{service: web, weight: 1}, {service: old, weight: 1/2}]"): "spec.backends[1].weight is '1/2'",
    traffic_split("[{service: web, weight: -1}, {service: old, weight: 2}]"): "spec.backends[0].weight is -1: write 0",
    traffic_split("[{service: web, weight: 1}, {service: old}]"): "spec.backends[1].weight is None",
}


@pytest.mark.parametrize(("text", "message"), WEIGHTLESS.items())
def test_a_weight_that_means_nothing_is_refused_whosever_it_is(text: str, message: str) -> None:
    with pytest.raises(InvalidSpec, match=re.escape(message)):
        plan(text)
