"""Watches: every change once, in order, from where the list left off."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from kubernetes.client import ApiClient, CoreV1Api
from kubernetes.watch import Watch

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import Kind
from delivery.errors import Expired
from delivery.lab.control_plane import ControlPlane
from tests.contract.control_plane.objects import GROUP, config_map, core, pod, widget, widgets
from tests.contract.control_plane.wire import TABLE, Wire

WIDGET = Kind(GROUP, ("v1",), "Widget", "widgets")


def _told(events: list[Any]) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"]["name"]) for event in events]


def _version(wire: Wire, path: str) -> str:
    return str(wire.get(path).ok()["metadata"]["resourceVersion"])


def test_changes_since_a_list_in_order(wire: Wire, namespace: str) -> None:
    path = widgets(namespace)
    since = _version(wire, path)
    wire.create(path, widget("a")).ok()
    wire.create(path, widget("b")).ok()
    wire.merge(f"{path}/a", {"spec": {"size": 5}}).ok()
    wire.delete(f"{path}/b").ok()
    events = wire.watched(path, 4, resourceVersion=since)
    assert _told(events) == [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))
    assert versions[0] > int(since)
    assert (events[2]["object"]["spec"]["size"], events[2]["object"]["kind"]) == (5, "Widget")
    assert events[3]["object"]["spec"]["colour"] == "red"  # a deletion shows the last state


def test_resuming_from_an_event_shows_only_what_came_after(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps")
    since = _version(wire, path)
    for name in ("a", "b", "c"):
        wire.create(path, config_map(name, labels={"own": "yes"})).ok()
    first = wire.watched(path, 1, resourceVersion=since, labelSelector="own")
    middle = first[0]["object"]["metadata"]["resourceVersion"]
    assert _told(wire.watched(path, 2, resourceVersion=middle, labelSelector="own")) == [("ADDED", "b"), ("ADDED", "c")]


def test_changes_arrive_while_the_watch_is_open(wire: Wire, namespace: str) -> None:
    path = widgets(namespace)
    with wire.watch(path, {"resourceVersion": _version(wire, path)}) as events:
        wire.create(path, widget("a")).ok()
        assert _told([next(events)]) == [("ADDED", "a")]
        wire.merge(f"{path}/a/status", {"status": {"ready": 1}}).ok()
        assert _told([next(events)]) == [("MODIFIED", "a")]


@pytest.mark.parametrize("query", [{}, {"resourceVersion": "0"}])
def test_without_a_version_what_is_there_comes_first(wire: Wire, namespace: str, query: dict[str, str]) -> None:
    path = widgets(namespace)
    wire.create(path, widget("a")).ok()
    wire.create(path, widget("b")).ok()
    with wire.watch(path, query) as events:
        assert sorted(_told([next(events), next(events)])) == [("ADDED", "a"), ("ADDED", "b")]
        wire.delete(f"{path}/a").ok()
        assert _told([next(events)]) == [("DELETED", "a")]


def test_a_write_that_changes_nothing_tells_nothing(wire: Wire, namespace: str) -> None:
    path = widgets(namespace)
    created = wire.create(path, widget("a")).ok()
    since = created["metadata"]["resourceVersion"]
    wire.replace(f"{path}/a", created).ok()
    wire.merge(f"{path}/a", {"spec": {"size": 4}}).ok()
    (event,) = wire.watched(path, 1, resourceVersion=since)
    assert event["object"]["spec"]["size"] == 4


def test_a_selected_watch_sees_objects_come_and_go(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps")
    since = _version(wire, path)
    wire.create(path, config_map("a", labels={"track": "stable"})).ok()
    wire.create(path, config_map("b", labels={"track": "canary"})).ok()
    wire.merge(f"{path}/b", {"metadata": {"labels": {"track": "stable"}}}).ok()
    wire.merge(f"{path}/a", {"data": {"key": "new"}}).ok()
    wire.merge(f"{path}/a", {"metadata": {"labels": {"track": "canary"}}}).ok()
    wire.merge(f"{path}/a", {"data": {"key": "unseen"}}).ok()
    wire.delete(f"{path}/b").ok()
    events = wire.watched(path, 5, resourceVersion=since, labelSelector="track=stable")
    assert _told(events) == [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "a"), ("DELETED", "b")]


def test_a_watch_of_one_object_by_field(wire: Wire, namespace: str) -> None:
    path = core(namespace, "pods")
    since = _version(wire, path)
    wire.create(path, pod("a")).ok()
    wire.create(path, pod("b")).ok()
    wire.merge(f"{path}/b/status", {"status": {"phase": "Running"}}).ok()
    events = wire.watched(path, 2, resourceVersion=since, fieldSelector="metadata.name=b")
    assert _told(events) == [("ADDED", "b"), ("MODIFIED", "b")]
    running = wire.watched(path, 1, resourceVersion=since, fieldSelector="status.phase=Running")
    assert _told(running) == [("ADDED", "b")]


def test_a_watch_of_all_namespaces(wire: Wire, namespace: str) -> None:
    since = _version(wire, f"/apis/{GROUP}/v1/widgets")
    wire.create(widgets(namespace), widget("a")).ok()
    (event,) = wire.watched(f"/apis/{GROUP}/v1/widgets", 1, resourceVersion=since)
    assert (event["object"]["metadata"]["namespace"], event["type"]) == (namespace, "ADDED")


def test_a_watch_in_another_served_version(wire: Wire, namespace: str) -> None:
    since = _version(wire, widgets(namespace))
    wire.create(widgets(namespace), widget("a")).ok()
    (event,) = wire.watched(widgets(namespace, version="v1alpha1"), 1, resourceVersion=since)
    assert event["object"]["apiVersion"] == f"{GROUP}/v1alpha1"


def test_a_watch_ends_when_its_time_is_up_and_sends_no_bookmarks_unasked(wire: Wire, namespace: str) -> None:
    path = widgets(namespace)
    wire.create(path, widget("a")).ok()
    with wire.watch(path, {"timeoutSeconds": 1}) as events:
        assert _told(list(events)) == [("ADDED", "a")]


def test_bookmarks_carry_a_version_to_resume_from(wire: Wire, control_plane: ControlPlane, namespace: str) -> None:
    if control_plane.name == "real":
        pytest.skip("kube-apiserver 1.20 sends a bookmark once a minute only, newer ones before a watch ends too")
    path = widgets(namespace)
    since = _version(wire, path)
    query = {"resourceVersion": since, "allowWatchBookmarks": "true", "timeoutSeconds": "3"}
    wire.create(path, widget("a")).ok()
    with wire.watch(path, query) as events:
        told = list(events)
    assert told[0]["type"] == "ADDED"
    assert {event["type"] for event in told[1:]} == {"BOOKMARK"}
    bookmark = told[-1]["object"]
    assert (bookmark["kind"], bookmark["apiVersion"]) == ("Widget", f"{GROUP}/v1")
    assert int(bookmark["metadata"]["resourceVersion"]) >= int(told[0]["object"]["metadata"]["resourceVersion"])


def test_a_version_too_old_is_gone(wire: Wire, namespace: str) -> None:
    # Nothing of a custom resource is remembered from before its definition, and 1 was before any.
    (event,) = wire.watched(widgets(namespace), 1, resourceVersion="1")
    assert event["type"] == "ERROR"
    status = event["object"]
    assert (status["kind"], status["code"], status["reason"]) == ("Status", 410, "Expired")
    assert status["message"].startswith("too old resource version: 1 (")


def test_our_client_calls_it_expired(wire: Wire, cluster: Cluster, namespace: str) -> None:
    with pytest.raises(Expired, match=r"watch of Widget.*too old resource version"):
        next(iter(cluster.watch(WIDGET, namespace, resource_version="1", timeout_s=5)))


def test_our_client_watches(wire: Wire, cluster: Cluster, namespace: str) -> None:
    since = cluster.list(WIDGET, namespace).resource_version
    wire.create(widgets(namespace), widget("a", labels={"x": "y"})).ok()
    wire.create(widgets(namespace), widget("b")).ok()
    wire.delete(widgets(namespace, "a")).ok()
    changes = cluster.watch(WIDGET, namespace, resource_version=since, timeout_s=20, labels={"x": "y"})
    told = [(event.type, event.object["metadata"]["name"]) for event in itertools.islice(changes, 2)]
    changes.close()
    assert told == [("ADDED", "a"), ("DELETED", "a")]


def test_the_official_watch(api: ApiClient, wire: Wire, namespace: str) -> None:
    typed: Any = CoreV1Api(api)
    since = typed.list_namespaced_pod(namespace).metadata.resource_version
    wire.create(core(namespace, "pods"), pod("a")).ok()
    wire.merge(core(namespace, "pods", "a") + "/status", {"status": {"phase": "Running"}}).ok()
    watch = Watch()
    told = []
    for event in watch.stream(typed.list_namespaced_pod, namespace, resource_version=since, timeout_seconds=20):
        told.append((event["type"], event["object"].status.phase))
        if len(told) == 2:
            watch.stop()
    assert told == [("ADDED", "Pending"), ("MODIFIED", "Running")]


def test_a_watch_in_table_form(wire: Wire, namespace: str) -> None:
    path = widgets(namespace)
    since = _version(wire, path)
    wire.create(path, widget("a", {"colour": "blue"})).ok()
    wire.merge(f"{path}/a", {"spec": {"size": 9}}).ok()
    with wire.watch(path, {"resourceVersion": since}, accept=TABLE) as events:
        first, second = next(events), next(events)
    assert first["object"]["kind"] == second["object"]["kind"] == "Table"
    assert [column["name"] for column in first["object"]["columnDefinitions"]][:3] == ["Name", "Colour", "Size"]
    assert [row["cells"][:3] for row in second["object"]["rows"]] == [["a", "blue", 9]]
