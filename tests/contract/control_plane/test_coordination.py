"""Leases, Events and the scale subresource: what controllers use beside their objects."""

from __future__ import annotations

from typing import Any

from kubernetes.client import ApiClient, AppsV1Api, CoordinationV1Api, CoreV1Api

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import EVENT
from tests.contract.control_plane.objects import GROUP, apps, core, deployment, widget, widgets
from tests.contract.control_plane.wire import Wire


def _lease_path(namespace: str, name: str = "") -> str:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    return f"{path}/{name}" if name else path


def _lease(holder: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "leader"},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": 15,
            "acquireTime": "2024-05-06T07:08:09.123456Z",
            "renewTime": "2024-05-06T07:08:09.123456Z",
            **spec,
        },
    }


# -- leases --------------------------------------------------------------------------------------------------


def test_one_of_two_candidates_takes_a_lease_over(wire: Wire, namespace: str) -> None:
    wire.create(_lease_path(namespace), _lease("old")).ok()
    first, second = (wire.get(_lease_path(namespace, "leader")).ok() for _ in range(2))
    first["spec"].update(holderIdentity="first", leaseTransitions=1)
    second["spec"].update(holderIdentity="second", leaseTransitions=1)
    assert wire.replace(_lease_path(namespace, "leader"), first).status == 200
    wire.replace(_lease_path(namespace, "leader"), second).refused(409, "Conflict")
    assert wire.get(_lease_path(namespace, "leader")).ok()["spec"]["holderIdentity"] == "first"


def test_only_one_creates_it(wire: Wire, namespace: str) -> None:
    assert wire.create(_lease_path(namespace), _lease("first")).status == 201
    wire.create(_lease_path(namespace), _lease("second")).refused(409, "AlreadyExists")


def test_lease_times_keep_their_microseconds(wire: Wire, api: ApiClient, namespace: str) -> None:
    created = wire.create(_lease_path(namespace), _lease("me")).ok()
    assert created["spec"]["renewTime"] == "2024-05-06T07:08:09.123456Z"
    typed: Any = CoordinationV1Api(api).read_namespaced_lease("leader", namespace)
    assert typed.spec.renew_time.microsecond == 123456


def test_an_invalid_lease_names_the_field(wire: Wire, namespace: str) -> None:
    answer = wire.create(_lease_path(namespace), _lease("me", leaseDurationSeconds=0))
    assert answer.causes() == [("FieldValueInvalid", "spec.leaseDurationSeconds")]


# -- events --------------------------------------------------------------------------------------------------


def _event(namespace: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": namespace},
        "reason": "Promoted",
        "message": "took all traffic",
        "type": "Normal",
        "source": {"component": "suite"},
        "firstTimestamp": "2024-05-06T07:08:09Z",
        "lastTimestamp": "2024-05-06T07:08:09Z",
        "count": 1,
        **more,
    }


def test_an_event_is_stored_and_counted_up(wire: Wire, namespace: str) -> None:
    created = wire.create(core(namespace, "events"), _event(namespace, "web.1")).ok()
    assert (created["reason"], created["count"], created["source"]) == ("Promoted", 1, {"component": "suite"})
    patched = wire.merge(core(namespace, "events", "web.1"), {"count": 2, "lastTimestamp": "2024-05-06T07:09:00Z"}).ok()
    assert (patched["count"], patched["lastTimestamp"]) == (2, "2024-05-06T07:09:00Z")


def test_an_event_about_another_namespace_is_refused(wire: Wire, namespace: str) -> None:
    event = _event(namespace, "web.1")
    event["involvedObject"]["namespace"] = "elsewhere"
    answer = wire.create(core(namespace, "events"), event)
    assert ("FieldValueInvalid", "involvedObject.namespace") in answer.causes()


def test_typed_and_own_client_read_events(cluster: Cluster, api: ApiClient, namespace: str) -> None:
    cluster.create(EVENT, _event(namespace, "web.1"))
    typed: Any = CoreV1Api(api).list_namespaced_event(namespace)
    assert [item.message for item in typed.items] == ["took all traffic"]


# -- scale ---------------------------------------------------------------------------------------------------


def test_scale_of_a_deployment(wire: Wire, api: ApiClient, namespace: str) -> None:
    body = deployment("one")
    body["spec"]["paused"] = True
    wire.create(apps(namespace, "deployments"), body).ok()
    path = apps(namespace, "deployments", "one")
    scale = wire.get(f"{path}/scale").ok()
    assert (scale["apiVersion"], scale["kind"], scale["metadata"]["name"]) == ("autoscaling/v1", "Scale", "one")
    assert (scale["spec"], scale["status"]["selector"]) == ({}, "app=one")  # zero is left out
    assert wire.merge(f"{path}/scale", {"spec": {"replicas": 2}}).ok()["spec"] == {"replicas": 2}
    found = wire.get(path).ok()
    assert (found["spec"]["replicas"], found["metadata"]["generation"]) == (2, 2)
    typed: Any = AppsV1Api(api)
    scaled = typed.patch_namespaced_deployment_scale("one", namespace, {"spec": {"replicas": 1}})
    assert scaled.spec.replicas == 1
    scale = wire.get(f"{path}/scale").ok()
    scale["spec"]["replicas"] = 0
    del scale["metadata"]["resourceVersion"]  # the controller writes the status meanwhile
    assert wire.replace(f"{path}/scale", scale).ok()["spec"] == {}


def test_scale_refuses_a_negative_number(wire: Wire, namespace: str) -> None:
    wire.create(apps(namespace, "deployments"), deployment("one")).ok()
    answer = wire.merge(apps(namespace, "deployments", "one") + "/scale", {"spec": {"replicas": -1}})
    assert answer.causes() == [("FieldValueInvalid", "spec.replicas")]


def test_scale_of_a_custom_resource(wire: Wire, namespace: str) -> None:
    path = widgets(namespace, "one")
    wire.create(widgets(namespace), widget("one")).ok()
    wire.merge(f"{path}/status", {"status": {"ready": 2, "selector": "a=b"}}).ok()
    scale = wire.get(f"{path}/scale").ok()
    assert (scale["kind"], scale["spec"], scale["status"]) == (
        "Scale",
        {"replicas": 3},
        {"replicas": 2, "selector": "a=b"},
    )
    wire.merge(f"{path}/scale", {"spec": {"replicas": 7}}).ok()
    found = wire.get(path).ok()
    assert (found["spec"]["size"], found["metadata"]["generation"], found["status"]["ready"]) == (7, 2, 2)
    assert wire.merge(f"{path}/scale", {"spec": {"replicas": 99}}).status == 422
    assert f"{GROUP}/v1" == found["apiVersion"]
