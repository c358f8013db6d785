"""Fields the server fills in on built-in kinds: what a client reads back after writing a short object."""

from __future__ import annotations

import copy
from typing import Any

from tests.contract.control_plane.objects import apps, core, deployment, pod, service
from tests.contract.control_plane.wire import Wire

CONTAINER = {
    "imagePullPolicy": "IfNotPresent",
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "resources": {},
}
POD_SPEC = {
    "restartPolicy": "Always",
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "terminationGracePeriodSeconds": 30,
}


def _chosen(found: Any, expected: Any) -> Any:
    return {key: found.get(key) for key in expected}


def test_deployment(wire: Wire, namespace: str) -> None:
    body = deployment("one")
    created = wire.create(apps(namespace, "deployments"), body).ok()
    expected = {
        "replicas": 0,
        "progressDeadlineSeconds": 600,
        "revisionHistoryLimit": 10,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
    }
    assert _chosen(created["spec"], expected) == expected
    assert created["spec"]["template"]["metadata"] == {"creationTimestamp": None, "labels": {"app": "one"}}
    template = created["spec"]["template"]["spec"]
    assert _chosen(template, POD_SPEC) == POD_SPEC
    (container,) = template["containers"]
    assert _chosen(container, CONTAINER) == CONTAINER
    assert container["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]
    assert container["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert created["status"] == {}


def test_deployment_without_replicas_has_one(wire: Wire, namespace: str) -> None:
    body = deployment("one")
    del body["spec"]["replicas"]
    body["spec"]["paused"] = True
    assert wire.create(apps(namespace, "deployments"), body).ok()["spec"]["replicas"] == 1


def test_deployment_that_recreates(wire: Wire, namespace: str) -> None:
    body = deployment("one")
    body["spec"]["strategy"] = {"type": "Recreate"}
    assert wire.create(apps(namespace, "deployments"), body).ok()["spec"]["strategy"] == {"type": "Recreate"}


def test_image_pull_policy_follows_the_tag(wire: Wire, namespace: str) -> None:
    body = pod("one")
    images = {"a": "registry.example/app", "b": "registry.example/app:latest", "c": "registry.example/app:1.2"}
    body["spec"]["containers"] = [{"name": name, "image": image} for name, image in images.items()]
    containers = wire.create(core(namespace, "pods"), body).ok()["spec"]["containers"]
    assert [entry["imagePullPolicy"] for entry in containers] == ["Always", "Always", "IfNotPresent"]


def test_probes(wire: Wire, namespace: str) -> None:
    body = deployment("one")
    container = body["spec"]["template"]["spec"]["containers"][0]
    container["readinessProbe"] = {"httpGet": {"port": "http"}}
    created = wire.create(apps(namespace, "deployments"), body).ok()
    assert created["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] == {
        "httpGet": {"path": "/", "port": "http", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }


def test_resource_limits_become_requests(wire: Wire, namespace: str) -> None:
    body = pod("one")
    body["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "0.5", "memory": "1024Mi"}}
    (container,) = wire.create(core(namespace, "pods"), body).ok()["spec"]["containers"]
    assert container["resources"] == {
        "limits": {"cpu": "500m", "memory": "1Gi"},
        "requests": {"cpu": "500m", "memory": "1Gi"},
    }


def test_pod(wire: Wire, namespace: str) -> None:
    created = wire.create(core(namespace, "pods"), pod("one")).ok()
    assert _chosen(created["spec"], POD_SPEC) == POD_SPEC
    assert created["spec"]["enableServiceLinks"] is True
    (container,) = created["spec"]["containers"]
    assert _chosen(container, CONTAINER) == CONTAINER
    assert created["status"] == {"phase": "Pending", "qosClass": "BestEffort"}


def test_service(wire: Wire, namespace: str) -> None:
    body = service("one")
    del body["spec"]["ports"][0]["targetPort"]
    created = wire.create(core(namespace, "services"), body).ok()
    spec = created["spec"]
    assert spec["clusterIP"].startswith("10.0.")
    assert (spec["type"], spec["sessionAffinity"], spec["selector"]) == ("ClusterIP", "None", {"app": "one"})
    assert spec["ports"] == [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 80}]
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert created["status"] == {"loadBalancer": {}}


def test_headless_service_keeps_none_and_every_service_its_own_address(wire: Wire, namespace: str) -> None:
    headless = service("headless")
    headless["spec"]["clusterIP"] = "None"
    assert wire.create(core(namespace, "services"), headless).ok()["spec"]["clusterIP"] == "None"
    created = [wire.create(core(namespace, "services"), service(name)).ok() for name in ("a", "b")]
    assert created[0]["spec"]["clusterIP"] != created[1]["spec"]["clusterIP"]


def test_the_address_of_a_service_stays(wire: Wire, namespace: str) -> None:
    created = wire.create(core(namespace, "services"), service("one")).ok()
    again = copy.deepcopy(created)
    again["spec"]["ports"][0]["port"] = 81
    replaced = wire.replace(core(namespace, "services", "one"), again).ok()
    assert replaced["spec"] == {**created["spec"], "ports": [{**created["spec"]["ports"][0], "port": 81}]}
    answer = wire.merge(core(namespace, "services", "one"), {"spec": {"clusterIP": "10.0.0.254"}})
    assert ("FieldValueInvalid", "spec.clusterIPs[0]") in answer.causes()


def test_namespace(wire: Wire, namespace: str) -> None:
    found = wire.get(f"/api/v1/namespaces/{namespace}").ok()
    assert (found["spec"], found["status"]) == ({"finalizers": ["kubernetes"]}, {"phase": "Active"})


def test_unknown_fields_of_builtins_are_dropped(wire: Wire, namespace: str) -> None:
    body = deployment("one")
    body["spec"]["mystery"] = 1
    body["spec"]["template"]["spec"]["containers"][0]["mystery"] = {"a": 1}
    created = wire.create(apps(namespace, "deployments"), body).ok()
    assert "mystery" not in created["spec"]
    assert "mystery" not in created["spec"]["template"]["spec"]["containers"][0]
