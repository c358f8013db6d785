"""Finalizers, owners, grace periods and namespaces: how an object goes."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import DEPLOYMENT
from tests.conditions import eventually
from tests.contract.control_plane.objects import apps, config_map, core, deployment, pod, widget, widgets
from tests.contract.control_plane.wire import Wire

FINALIZER = "suite.headgate.dev/hold"


def _owner(obj: Any, **extra: bool) -> dict[str, Any]:
    meta = obj["metadata"]
    named = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "name": meta["name"], "uid": meta["uid"]}
    return {**named, **extra}


def _gone(wire: Wire, path: str) -> bool:
    return wire.get(path).status == 404


def _options(**options: Any) -> dict[str, Any]:
    return {"kind": "DeleteOptions", "apiVersion": "v1", **options}


def test_a_finalizer_holds_the_object(wire: Wire, namespace: str) -> None:
    for collection, body in (
        (core(namespace, "configmaps"), config_map("held", finalizers=[FINALIZER])),
        (widgets(namespace), widget("held", finalizers=[FINALIZER])),
    ):
        path = f"{collection}/held"
        wire.create(collection, body).ok()
        answer = wire.delete(path)
        assert (answer.status, answer.body["kind"]) == (200, body["kind"])
        held = wire.get(path).ok()
        assert held["metadata"]["deletionTimestamp"]
        assert held["metadata"]["deletionGracePeriodSeconds"] == 0
        assert wire.merge(path, {"metadata": {"labels": {"still": "editable"}}}).status == 200
        assert wire.delete(path).status == 200
        assert wire.get(path).ok()["metadata"]["deletionTimestamp"] == held["metadata"]["deletionTimestamp"]
        assert wire.merge(path, {"metadata": {"finalizers": None}}).status == 200
        assert _gone(wire, path)


def test_a_deletion_with_finalizers_is_a_change_of_generation(wire: Wire, namespace: str) -> None:
    wire.create(widgets(namespace), widget("held", finalizers=[FINALIZER])).ok()
    assert wire.delete(widgets(namespace, "held")).ok()["metadata"]["generation"] == 2
    wire.merge(widgets(namespace, "held"), {"metadata": {"finalizers": []}}).ok()


def test_a_watch_sees_the_mark_and_then_the_deletion(wire: Wire, namespace: str) -> None:
    created = wire.create(widgets(namespace), widget("held", finalizers=[FINALIZER])).ok()
    wire.delete(widgets(namespace, "held")).ok()
    wire.merge(widgets(namespace, "held"), {"metadata": {"finalizers": None}}).ok()
    events = wire.watched(widgets(namespace), 2, resourceVersion=created["metadata"]["resourceVersion"])
    assert [event["type"] for event in events] == ["MODIFIED", "DELETED"]
    assert "deletionTimestamp" in events[0]["object"]["metadata"]


def test_no_finalizer_is_added_to_what_is_going(wire: Wire, namespace: str) -> None:
    path = widgets(namespace, "held")
    wire.create(widgets(namespace), widget("held", finalizers=[FINALIZER])).ok()
    wire.delete(path).ok()
    more = {"metadata": {"finalizers": [FINALIZER, "suite.headgate.dev/late"]}}
    assert ("FieldValueForbidden", "metadata.finalizers") in wire.merge(path, more).causes()
    wire.merge(path, {"metadata": {"finalizers": None}}).ok()


def test_clients_cannot_set_or_clear_the_deletion_timestamp(wire: Wire, namespace: str) -> None:
    body = config_map("one", deletionTimestamp="2020-01-01T00:00:00Z")
    assert "deletionTimestamp" not in wire.create(core(namespace, "configmaps"), body).ok()["metadata"]
    path = widgets(namespace, "held")
    wire.create(widgets(namespace), widget("held", finalizers=[FINALIZER])).ok()
    marked = wire.delete(path).ok()["metadata"]["deletionTimestamp"]
    answer = wire.merge(path, {"metadata": {"deletionTimestamp": None}}).ok()
    assert answer["metadata"]["deletionTimestamp"] == marked
    wire.merge(path, {"metadata": {"finalizers": None}}).ok()


# -- owners --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [None, _options(propagationPolicy="Background")])
def test_dependents_follow_their_owner(wire: Wire, namespace: str, options: Any) -> None:
    path = core(namespace, "configmaps")
    owner = wire.create(path, config_map("owner")).ok()
    child = wire.create(path, config_map("child", ownerReferences=[_owner(owner)])).ok()
    wire.create(path, config_map("grandchild", ownerReferences=[_owner(child)])).ok()
    wire.create(path, config_map("stranger")).ok()
    wire.delete(f"{path}/owner", options).ok()
    assert _gone(wire, f"{path}/owner")
    eventually(lambda: _gone(wire, f"{path}/child") and _gone(wire, f"{path}/grandchild"))
    assert wire.get(f"{path}/stranger").status == 200


def test_foreground_waits_for_blocking_dependents(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps")
    owner = wire.create(path, config_map("owner")).ok()
    reference = _owner(owner, blockOwnerDeletion=True)
    child = config_map("child", ownerReferences=[reference], finalizers=[FINALIZER])
    wire.create(path, child).ok()
    marked = wire.delete(f"{path}/owner", _options(propagationPolicy="Foreground")).ok()
    assert marked["metadata"]["finalizers"] == ["foregroundDeletion"]
    eventually(lambda: "deletionTimestamp" in wire.get(f"{path}/child").ok()["metadata"])
    assert wire.get(f"{path}/owner").status == 200
    wire.merge(f"{path}/child", {"metadata": {"finalizers": None}}).ok()
    eventually(lambda: _gone(wire, f"{path}/owner"))


def test_orphans_stay_and_lose_the_reference(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps")
    owner = wire.create(path, config_map("owner")).ok()
    wire.create(path, config_map("child", ownerReferences=[_owner(owner)])).ok()
    # A controller that collects must have seen the reference before it can cut it.
    eventually(lambda: wire.get(f"{path}/child").status == 200)
    wire.delete(f"{path}/owner", _options(propagationPolicy="Orphan")).ok()
    eventually(lambda: _gone(wire, f"{path}/owner"))
    assert "ownerReferences" not in wire.get(f"{path}/child").ok()["metadata"]


def test_a_dependent_with_another_owner_stays(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps")
    first = wire.create(path, config_map("first")).ok()
    second = wire.create(path, config_map("second")).ok()
    wire.create(path, config_map("child", ownerReferences=[_owner(first), _owner(second)])).ok()
    wire.create(path, config_map("only", ownerReferences=[_owner(first)])).ok()
    wire.delete(f"{path}/first", _options(propagationPolicy="Background")).ok()
    eventually(lambda: _gone(wire, f"{path}/only"))
    eventually(lambda: len(wire.get(f"{path}/child").ok()["metadata"]["ownerReferences"]) == 1)
    assert wire.get(f"{path}/child").ok()["metadata"]["ownerReferences"] == [_owner(second)]


def test_an_owner_that_never_was_takes_the_dependent_along(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps")
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "never",
        "uid": "e7a2f0de-40a8-4d6c-9d3b-2f3ad0e9c001",
    }
    wire.create(path, config_map("child", ownerReferences=[reference])).ok()
    eventually(lambda: _gone(wire, f"{path}/child"))


def test_two_controllers_of_one_object_are_refused(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps")
    owners = [wire.create(path, config_map(name)).ok() for name in ("a", "b")]
    references = [_owner(owner, controller=True) for owner in owners]
    answer = wire.create(path, config_map("child", ownerReferences=references))
    assert {cause[1] for cause in answer.causes()} == {"metadata.ownerReferences"}


def test_our_client_deletes_with_each_propagation(cluster: Cluster, wire: Wire, namespace: str) -> None:
    for name in ("a", "b"):
        created = cluster.create(DEPLOYMENT, deployment(name, namespace=namespace))
        child = config_map(f"child-{name}", ownerReferences=[_owner(created)])
        wire.create(core(namespace, "configmaps"), child).ok()
    cluster.delete(DEPLOYMENT, "a", namespace)
    eventually(lambda: _gone(wire, core(namespace, "configmaps", "child-a")))
    cluster.delete(DEPLOYMENT, "b", namespace, propagation="Orphan")
    eventually(lambda: _gone(wire, apps(namespace, "deployments", "b")))
    assert wire.get(core(namespace, "configmaps", "child-b")).status == 200


# -- pods ----------------------------------------------------------------------------------------------------


def test_a_pod_on_no_node_goes_at_once(wire: Wire, namespace: str) -> None:
    wire.create(core(namespace, "pods"), pod("one")).ok()
    assert wire.delete(core(namespace, "pods", "one")).status == 200
    assert _gone(wire, core(namespace, "pods", "one"))


def test_a_pod_on_a_node_waits_for_its_agent(wire: Wire, namespace: str) -> None:
    path = core(namespace, "pods", "one")
    body = pod("one")
    body["spec"].update(nodeName="node-1", terminationGracePeriodSeconds=7)
    wire.create(core(namespace, "pods"), body).ok()
    answer = wire.delete(path)
    assert (answer.status, answer.body["kind"]) == (200, "Pod")
    meta = wire.get(path).ok()["metadata"]
    assert meta["deletionTimestamp"]
    assert meta["deletionGracePeriodSeconds"] == 7
    assert wire.delete(path, _options(gracePeriodSeconds=0)).status == 200
    assert _gone(wire, path)


def test_grace_is_the_deleters_to_shorten(wire: Wire, namespace: str) -> None:
    path = core(namespace, "pods", "one")
    body = pod("one")
    body["spec"]["nodeName"] = "node-1"
    wire.create(core(namespace, "pods"), body).ok()
    wire.delete(path, _options(gracePeriodSeconds=20)).ok()
    assert wire.get(path).ok()["metadata"]["deletionGracePeriodSeconds"] == 20
    wire.delete(path, _options(gracePeriodSeconds=3)).ok()
    assert wire.get(path).ok()["metadata"]["deletionGracePeriodSeconds"] == 3
    wire.delete(path, gracePeriodSeconds=0).ok()
    assert _gone(wire, path)


# -- namespaces ----------------------------------------------------------------------------------------------


def test_a_namespace_takes_everything_along(wire: Wire, namespace: str) -> None:
    name = f"{namespace}-going"
    path = f"/api/v1/namespaces/{name}"
    held = {"name": name, "finalizers": [FINALIZER]}
    wire.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": held}).ok()
    wire.create(core(name, "configmaps"), config_map("one")).ok()
    wire.create(widgets(name), widget("one")).ok()
    assert wire.delete(path).ok()["metadata"]["deletionTimestamp"]
    assert wire.get(path).ok()["status"]["phase"] == "Terminating"
    refusal = wire.create(core(name, "configmaps"), config_map("late")).refused(403, "Forbidden")
    assert "because it is being terminated" in refusal["message"]
    eventually(lambda: _gone(wire, core(name, "configmaps", "one")) and _gone(wire, widgets(name, "one")))
    assert wire.get(path).status == 200
    wire.merge(path, {"metadata": {"finalizers": None}}).ok()
    eventually(lambda: _gone(wire, path))
