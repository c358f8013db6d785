"""Errors: the Status objects a client decides by, and the sentences a person reads."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes.client import ApiClient, ApiException, CoreV1Api

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import DEPLOYMENT
from delivery.errors import InvalidSpec
from tests.contract.control_plane.objects import (
    GROUP,
    apps,
    config_map,
    core,
    deployment,
    pod,
    service,
    widget,
    widgets,
)
from tests.contract.control_plane.wire import Wire


def _changed(body: Any, *path: str | int, to: Any) -> Any:
    target = body
    for step in path[:-1]:
        target = target[step]
    if to is None:
        del target[path[-1]]
    else:
        target[path[-1]] = to
    return body


def test_not_found_names_the_resource_and_the_object(wire: Wire, namespace: str) -> None:
    status = wire.get(core(namespace, "pods", "none")).refused(404, "NotFound")
    assert status["message"] == 'pods "none" not found'
    assert status["details"] == {"name": "none", "kind": "pods"}
    status = wire.get(apps(namespace, "deployments", "none")).refused(404, "NotFound")
    assert status["message"] == 'deployments.apps "none" not found'
    assert status["details"] == {"name": "none", "group": "apps", "kind": "deployments"}
    status = wire.delete(widgets(namespace, "none")).refused(404, "NotFound")
    assert status["message"] == f'widgets.{GROUP} "none" not found'
    assert status["details"] == {"name": "none", "group": GROUP, "kind": "widgets"}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_writes_to_a_missing_object_are_not_found(wire: Wire, namespace: str, method: str) -> None:
    content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
    body = None if method == "DELETE" else config_map("none", resourceVersion="1")
    answer = wire.send(method, core(namespace, "configmaps", "none"), body, content_type=content_type)
    assert answer.refused(404, "NotFound")["message"] == 'configmaps "none" not found'


def test_a_missing_namespace_is_not_found(wire: Wire) -> None:
    status = wire.create(core("nowhere-at-all", "configmaps"), config_map("x")).refused(404, "NotFound")
    assert status["message"] == 'namespaces "nowhere-at-all" not found'
    assert wire.get(core("nowhere-at-all", "configmaps")).ok()["items"] == []


def test_already_exists(wire: Wire, namespace: str) -> None:
    wire.create(widgets(namespace), widget("twice")).ok()
    status = wire.create(widgets(namespace), widget("twice")).refused(409, "AlreadyExists")
    assert status["message"] == f'widgets.{GROUP} "twice" already exists'
    assert status["details"] == {"name": "twice", "group": GROUP, "kind": "widgets"}


@pytest.mark.parametrize(
    ("path", "body", "cause"),
    [
        (("spec", "selector", "matchLabels"), {"app": "other"}, ("FieldValueInvalid", "spec.template.metadata.labels")),
        (("spec", "replicas"), -1, ("FieldValueInvalid", "spec.replicas")),
        (
            ("spec", "template", "spec", "containers", 0, "name"),
            None,
            ("FieldValueRequired", "spec.template.spec.containers[0].name"),
        ),
        (
            ("spec", "template", "spec", "containers", 0, "ports", 0, "containerPort"),
            70000,
            ("FieldValueInvalid", "spec.template.spec.containers[0].ports[0].containerPort"),
        ),
        (
            ("spec", "template", "spec", "containers"),
            None,
            ("FieldValueRequired", "spec.template.spec.containers"),
        ),
        (
            ("spec", "template", "spec", "restartPolicy"),
            "Never",
            ("FieldValueNotSupported", "spec.template.spec.restartPolicy"),
        ),
        (
            ("spec", "template", "spec", "containers", 0, "ports", 0, "name"),
            "UPPER",
            ("FieldValueInvalid", "spec.template.spec.containers[0].ports[0].name"),
        ),
        (
            ("spec", "template", "spec", "containers", 0, "readinessProbe"),
            {"periodSeconds": 5},
            ("FieldValueRequired", "spec.template.spec.containers[0].readinessProbe"),
        ),
        (
            ("spec", "template", "spec", "containers", 0, "livenessProbe"),
            {"httpGet": {"path": "/"}},
            ("FieldValueInvalid", "spec.template.spec.containers[0].livenessProbe.httpGet.port"),
        ),
        (
            ("spec", "strategy"),
            {"rollingUpdate": {"maxSurge": "some%"}},
            ("FieldValueInvalid", "spec.strategy.rollingUpdate.maxSurge"),
        ),
        (("metadata", "finalizers"), ["unqualified"], ("FieldValueInvalid", "metadata.finalizers[0]")),
    ],
)
def test_an_invalid_deployment_names_the_field(
    wire: Wire, namespace: str, path: tuple[str | int, ...], body: Any, cause: tuple[str, str]
) -> None:
    answer = wire.create(apps(namespace, "deployments"), _changed(deployment("bad"), *path, to=body))
    assert cause in answer.causes()
    assert answer.body["message"].startswith('Deployment.apps "bad" is invalid: ')
    assert answer.body["details"]["name"] == "bad"
    assert (answer.body["details"]["group"], answer.body["details"]["kind"]) == ("apps", "Deployment")


def test_a_deployment_without_a_selector_is_refused(wire: Wire, namespace: str) -> None:
    answer = wire.create(apps(namespace, "deployments"), _changed(deployment("bad"), "spec", "selector", to=None))
    assert ("FieldValueRequired", "spec.selector") in answer.causes()


def test_the_selector_of_a_deployment_is_immutable(wire: Wire, namespace: str) -> None:
    wire.create(apps(namespace, "deployments"), deployment("fixed")).ok()
    labels = {"app": "fixed", "more": "labels"}
    patch = {"spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}}
    answer = wire.merge(apps(namespace, "deployments", "fixed"), patch)
    assert answer.causes() == [("FieldValueInvalid", "spec.selector")]
    assert "field is immutable" in answer.body["message"]


@pytest.mark.parametrize(
    ("path", "value", "cause"),
    [
        (("spec", "ports", 0, "port"), 0, ("FieldValueInvalid", "spec.ports[0].port")),
        (("spec", "ports", 0, "targetPort"), "Not_A_Name", ("FieldValueInvalid", "spec.ports[0].targetPort")),
        (("spec", "type"), "Sideways", ("FieldValueNotSupported", "spec.type")),
        (("spec", "type"), "ExternalName", ("FieldValueRequired", "spec.externalName")),
        (("spec", "sessionAffinity"), "Sometimes", ("FieldValueNotSupported", "spec.sessionAffinity")),
        (("metadata", "name"), "Bad_Name", ("FieldValueInvalid", "metadata.name")),
    ],
)
def test_an_invalid_service_names_the_field(
    wire: Wire, namespace: str, path: tuple[str | int, ...], value: Any, cause: tuple[str, str]
) -> None:
    answer = wire.create(core(namespace, "services"), _changed(service("bad"), *path, to=value))
    assert cause in answer.causes()


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [("restartPolicy", "Sometimes", "FieldValueNotSupported"), ("nodeName", "Not A Name", "FieldValueInvalid")],
)
def test_an_invalid_pod_names_the_field(wire: Wire, namespace: str, field: str, value: str, reason: str) -> None:
    body = _changed(pod("bad"), "spec", field, to=value)
    assert (reason, f"spec.{field}") in wire.create(core(namespace, "pods"), body).causes()


def test_an_invalid_object_is_refused_before_an_existing_one(wire: Wire, namespace: str) -> None:
    wire.create(apps(namespace, "deployments"), deployment("one")).ok()
    body = _changed(deployment("one"), "spec", "replicas", to=-1)
    wire.create(apps(namespace, "deployments"), body).refused(422, "Invalid")


def test_two_ports_need_names(wire: Wire, namespace: str) -> None:
    body = service("bad")
    body["spec"]["ports"] = [{"port": 80}, {"port": 81}]
    assert wire.create(core(namespace, "services"), body).causes() == [
        ("FieldValueRequired", "spec.ports[0].name"),
        ("FieldValueRequired", "spec.ports[1].name"),
    ]


@pytest.mark.parametrize(
    ("metadata", "cause"),
    [
        ({"name": "Upper"}, ("FieldValueInvalid", "metadata.name")),
        ({"name": "x", "labels": {"a b": "c"}}, ("FieldValueInvalid", "metadata.labels")),
        ({"name": "x", "labels": {"a": "not/allowed"}}, ("FieldValueInvalid", "metadata.labels")),
        ({"name": "x", "annotations": {"a b": "c"}}, ("FieldValueInvalid", "metadata.annotations")),
        ({}, ("FieldValueRequired", "metadata.name")),
    ],
)
def test_bad_metadata_is_refused(wire: Wire, namespace: str, metadata: dict[str, Any], cause: tuple[str, str]) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    assert cause in wire.create(core(namespace, "configmaps"), body).causes()
    custom = {**widget("x"), "metadata": metadata}
    assert cause in wire.create(widgets(namespace), custom).causes()


def test_the_name_of_an_object_cannot_change(wire: Wire, namespace: str) -> None:
    wire.create(core(namespace, "configmaps"), config_map("one")).ok()
    answer = wire.replace(core(namespace, "configmaps", "one"), config_map("two"))
    assert answer.refused(400, "BadRequest")["message"] == (
        "the name of the object (two) does not match the name on the URL (one)"
    )


def test_most_of_a_pod_is_immutable(wire: Wire, namespace: str) -> None:
    wire.create(core(namespace, "pods"), pod("fixed")).ok()
    answer = wire.merge(core(namespace, "pods", "fixed"), {"spec": {"restartPolicy": "Never"}})
    assert answer.causes() == [("FieldValueForbidden", "spec")]


@pytest.mark.parametrize(
    ("raw", "content_type", "code", "reason"),
    [
        (b"{not json", "application/json", 400, "BadRequest"),
        (b"[]", "application/merge-patch+json", 415, "UnsupportedMediaType"),
    ],
)
def test_a_body_that_cannot_be_read(
    wire: Wire, namespace: str, raw: bytes, content_type: str, code: int, reason: str
) -> None:
    answer = wire.send("POST", core(namespace, "configmaps"), raw=raw, content_type=content_type)
    answer.refused(code, reason)


def test_a_kind_that_does_not_belong_to_the_path(wire: Wire, namespace: str) -> None:
    message = wire.create(core(namespace, "configmaps"), deployment("x")).refused(400, "BadRequest")["message"]
    assert "cannot be handled as a ConfigMap" in message or "does not match the expected" in message


def test_a_value_of_the_wrong_type(wire: Wire, namespace: str) -> None:
    body = _changed(deployment("x"), "spec", "replicas", to="three")
    answer = wire.create(apps(namespace, "deployments"), body)
    assert answer.refused(400, "BadRequest")["message"].startswith('Deployment in version "v1" cannot be handled')


def test_a_patch_of_an_unknown_type_is_refused(wire: Wire, namespace: str) -> None:
    wire.create(core(namespace, "configmaps"), config_map("one")).ok()
    answer = wire.send("PATCH", core(namespace, "configmaps", "one"), {}, content_type="application/json")
    answer.refused(415, "UnsupportedMediaType")
    custom = wire.create(widgets(namespace), widget("one")).ok()["metadata"]["name"]
    wire.strategic(widgets(namespace, custom), {"spec": {"size": 4}}).refused(415, "UnsupportedMediaType")


def test_methods_a_resource_does_not_have(wire: Wire, namespace: str) -> None:
    wire.send("PUT", core(namespace, "configmaps"), config_map("x")).refused(405, "MethodNotAllowed")
    wire.send("POST", core(namespace, "configmaps", "x"), config_map("x")).refused(405, "MethodNotAllowed")


@pytest.mark.parametrize(
    "query", [{"labelSelector": "a=b=c"}, {"fieldSelector": "spec.nonsense=1"}, {"fieldSelector": "nonsense"}]
)
def test_bad_selectors(wire: Wire, namespace: str, query: dict[str, str]) -> None:
    wire.get(core(namespace, "configmaps"), **query).refused(400, "BadRequest")


def test_an_unknown_token_is_refused(wire: Wire, namespace: str) -> None:
    wire.send("GET", core(namespace, "configmaps"), token="wrong").refused(401, "Unauthorized")


def test_the_typed_client_raises_the_code(api: ApiClient, namespace: str) -> None:
    with pytest.raises(ApiException) as caught:
        CoreV1Api(api).read_namespaced_pod("none", namespace)
    assert (caught.value.status, caught.value.reason) == (404, "Not Found")


def test_our_client_says_what_the_server_said(cluster: Cluster, namespace: str) -> None:
    body = _changed(deployment("bad", namespace=namespace), "spec", "replicas", to=-1)
    with pytest.raises(InvalidSpec, match=r"Deployment\.apps .*/bad: .*spec\.replicas: Invalid value: -1"):
        cluster.create(DEPLOYMENT, body)
