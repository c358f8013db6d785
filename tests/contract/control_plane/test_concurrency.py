"""Optimistic concurrency: who wrote first wins, and a precondition that fails changes nothing."""

from __future__ import annotations

import pytest

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import SERVICE
from delivery.errors import Conflict
from tests.contract.control_plane.objects import (
    GROUP,
    apps,
    config_map,
    core,
    deployment,
    service,
    widget,
    widgets,
)
from tests.contract.control_plane.wire import Wire

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"
WRITTEN = {"uid": "UID", "resourceVersion": "ResourceVersion"}


def test_a_replace_with_an_old_resource_version_conflicts(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps")
    first = wire.create(path, config_map("one")).ok()
    wire.merge(f"{path}/one", {"data": {"key": "theirs"}}).ok()
    first["data"]["key"] = "mine"
    status = wire.replace(f"{path}/one", first).refused(409, "Conflict")
    assert status["message"] == f'Operation cannot be fulfilled on configmaps "one": {MODIFIED}'
    assert status["details"] == {"name": "one", "kind": "configmaps"}
    assert wire.get(f"{path}/one").ok()["data"] == {"key": "theirs"}


def test_a_builtin_is_replaced_without_a_resource_version_but_a_custom_resource_is_not(
    wire: Wire, namespace: str
) -> None:
    wire.create(core(namespace, "configmaps"), config_map("one")).ok()
    assert wire.replace(core(namespace, "configmaps", "one"), config_map("one", {})).status == 200
    wire.create(widgets(namespace), widget("one")).ok()
    answer = wire.replace(widgets(namespace, "one"), widget("one", {"colour": "blue"}))
    assert answer.causes() == [("FieldValueInvalid", "metadata.resourceVersion")]
    assert "must be specified for an update" in answer.body["message"]


def test_a_custom_resource_conflicts_alike(wire: Wire, namespace: str) -> None:
    first = wire.create(widgets(namespace), widget("one")).ok()
    wire.merge(widgets(namespace, "one"), {"spec": {"size": 4}}).ok()
    status = wire.replace(widgets(namespace, "one"), first).refused(409, "Conflict")
    assert status["message"] == f'Operation cannot be fulfilled on widgets.{GROUP} "one": {MODIFIED}'


def test_a_merge_patch_with_a_resource_version_is_conditional(wire: Wire, namespace: str) -> None:
    for path, body in ((core(namespace, "configmaps"), config_map("one")), (widgets(namespace), widget("one"))):
        version = wire.create(path, body).ok()["metadata"]["resourceVersion"]
        patch = {"metadata": {"resourceVersion": version, "labels": {"a": "b"}}}
        assert wire.merge(f"{path}/one", patch).status == 200
        patch["metadata"]["labels"] = {"a": "c"}
        wire.merge(f"{path}/one", patch).refused(409, "Conflict")
        assert wire.get(f"{path}/one").ok()["metadata"]["labels"] == {"a": "b"}


def test_a_status_write_conflicts_with_an_old_resource_version(wire: Wire, namespace: str) -> None:
    first = wire.create(widgets(namespace), widget("one")).ok()
    wire.merge(widgets(namespace, "one"), {"spec": {"size": 4}}).ok()
    first["status"] = {"ready": 1}
    wire.replace(widgets(namespace, "one") + "/status", first).refused(409, "Conflict")


def test_a_json_patch_tests_the_resource_version(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps", "one")
    version = wire.create(core(namespace, "configmaps"), config_map("one")).ok()["metadata"]["resourceVersion"]
    test = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
    change = {"op": "replace", "path": "/data/key", "value": "new"}
    assert wire.json_patch(path, test, change).ok()["data"] == {"key": "new"}
    assert wire.json_patch(path, test, change).status == 422


def test_an_unconditional_patch_of_a_changed_object_goes_through(wire: Wire, namespace: str) -> None:
    path = apps(namespace, "deployments", "one")
    wire.create(apps(namespace, "deployments"), deployment("one")).ok()
    for value in ("1", "2", "3"):
        assert wire.merge(path, {"metadata": {"annotations": {"n": value}}}).status == 200
    assert wire.get(path).ok()["metadata"]["annotations"]["n"] == "3"


@pytest.mark.parametrize("which", ["uid", "resourceVersion"])
def test_delete_preconditions(wire: Wire, namespace: str, which: str) -> None:
    for path, body in ((core(namespace, "configmaps"), config_map("one")), (widgets(namespace), widget("one"))):
        meta = wire.create(path, body).ok()["metadata"]
        wrong = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {which: "1"}}
        message = wire.delete(f"{path}/one", wrong).refused(409, "Conflict")["message"]
        assert f"in the precondition (1) does not match the {WRITTEN[which]} in record ({meta[which]})" in message
        assert wire.get(f"{path}/one").status == 200
        right = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {which: meta[which]}}
        assert wire.delete(f"{path}/one", right).status == 200


def test_a_uid_in_a_replace_must_be_the_objects_own(wire: Wire, namespace: str) -> None:
    wire.create(core(namespace, "configmaps"), config_map("one")).ok()
    other = config_map("one", uid="8d2bd1a5-3c5f-4f0e-9f55-2d1c6e0cf6b0")
    message = wire.replace(core(namespace, "configmaps", "one"), other).refused(409, "Conflict")["message"]
    assert "Precondition failed: UID in precondition" in message


def test_create_with_a_resource_version_is_refused(wire: Wire, namespace: str) -> None:
    answer = wire.create(core(namespace, "configmaps"), config_map("one", resourceVersion="7"))
    # The one refusal of this kind the server answers as its own fault.
    assert answer.status == 500
    assert "resourceVersion should not be set on objects to be created" in answer.body["message"]


def test_our_client_maps_lost_races_to_conflict(cluster: Cluster, namespace: str) -> None:
    first = cluster.create(SERVICE, service("mine", namespace=namespace))
    cluster.patch(SERVICE, "mine", namespace, {"metadata": {"labels": {"a": "b"}}})
    with pytest.raises(Conflict, match=f'Service {namespace}/mine: .*services "mine"'):
        cluster.replace(SERVICE, first)
    with pytest.raises(Conflict):
        cluster.delete(SERVICE, "mine", namespace, resource_version=first["metadata"]["resourceVersion"])
    with pytest.raises(Conflict):
        cluster.delete(SERVICE, "mine", namespace, uid="1")
    cluster.delete(SERVICE, "mine", namespace, uid=first["metadata"]["uid"])
