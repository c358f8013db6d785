"""Selectors, and lists read page by page."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes.client import ApiClient, CoreV1Api

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import EVENT, POD, Kind
from tests.contract.control_plane.objects import GROUP, config_map, core, pod, widget, widgets
from tests.contract.control_plane.wire import Wire

CONFIG_MAP = Kind("", ("v1",), "ConfigMap", "configmaps")


def _names(answer: Any) -> list[str]:
    return [item["metadata"]["name"] for item in answer["items"]]


@pytest.fixture
def path(wire: Wire, namespace: str) -> str:
    """Three labelled ConfigMaps: a (tier=web, track=stable), b (tier=web), c (tier=db)."""
    labels = {"a": {"tier": "web", "track": "stable"}, "b": {"tier": "web"}, "c": {"tier": "db"}}
    for name, given in labels.items():
        wire.create(core(namespace, "configmaps"), config_map(name, labels={"own": "yes", **given})).ok()
    return core(namespace, "configmaps")


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("tier=web", ["a", "b"]),
        ("tier==web", ["a", "b"]),
        ("own,tier!=web", ["c"]),
        ("tier in (web, db)", ["a", "b", "c"]),
        ("own,tier notin (web)", ["c"]),
        ("track", ["a"]),
        ("own,!track", ["b", "c"]),
        ("tier=web,track=stable", ["a"]),
        ("tier=none", []),
    ],
)
def test_label_selectors(wire: Wire, path: str, selector: str, expected: list[str]) -> None:
    assert _names(wire.get(path, labelSelector=selector).ok()) == expected


def test_field_selector_by_name_and_namespace(wire: Wire, namespace: str, path: str) -> None:
    assert _names(wire.get(path, fieldSelector="metadata.name=b").ok()) == ["b"]
    assert _names(wire.get(path, fieldSelector="metadata.name!=b", labelSelector="own").ok()) == ["a", "c"]
    everywhere = wire.get("/api/v1/configmaps", fieldSelector=f"metadata.namespace={namespace}", labelSelector="own")
    assert _names(everywhere.ok()) == ["a", "b", "c"]


def test_field_selectors_of_pods(wire: Wire, namespace: str) -> None:
    for name, node in (("a", "node-1"), ("b", "node-2"), ("c", "")):
        body = pod(name)
        if node:
            body["spec"]["nodeName"] = node
        wire.create(core(namespace, "pods"), body).ok()
    wire.merge(core(namespace, "pods", "a") + "/status", {"status": {"phase": "Running"}}).ok()
    assert _names(wire.get(core(namespace, "pods"), fieldSelector="spec.nodeName=node-2").ok()) == ["b"]
    assert _names(wire.get(core(namespace, "pods"), fieldSelector="spec.nodeName=").ok()) == ["c"]
    assert _names(wire.get(core(namespace, "pods"), fieldSelector="status.phase=Running").ok()) == ["a"]
    both = "status.phase!=Running,spec.nodeName!=node-2"
    assert _names(wire.get(core(namespace, "pods"), fieldSelector=both).ok()) == ["c"]


def test_field_selectors_of_events(wire: Wire, cluster: Cluster, namespace: str) -> None:
    for name, reason in (("a", "Made"), ("b", "Broken")):
        body = {
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {"kind": "Pod", "name": f"pod-{name}", "namespace": namespace},
            "reason": reason,
            "type": "Normal",
        }
        cluster.create(EVENT, body)
    assert _names(wire.get(core(namespace, "events"), fieldSelector="reason=Broken").ok()) == ["b"]
    selector = "involvedObject.name=pod-a,involvedObject.kind=Pod"
    assert _names(wire.get(core(namespace, "events"), fieldSelector=selector).ok()) == ["a"]


def test_field_selector_of_a_custom_resource(wire: Wire, namespace: str) -> None:
    for name in ("a", "b"):
        wire.create(widgets(namespace), widget(name)).ok()
    assert _names(wire.get(widgets(namespace), fieldSelector="metadata.name=a").ok()) == ["a"]
    wire.get(widgets(namespace), fieldSelector="spec.colour=red").refused(400, "BadRequest")


def test_pages_follow_each_other(wire: Wire, namespace: str) -> None:
    for number in range(5):
        wire.create(widgets(namespace), widget(f"w{number}")).ok()
    first = wire.get(widgets(namespace), limit=2).ok()
    assert _names(first) == ["w0", "w1"]
    assert first["metadata"]["remainingItemCount"] == 3
    second = wire.get(widgets(namespace), limit=2, **{"continue": first["metadata"]["continue"]}).ok()
    assert _names(second) == ["w2", "w3"]
    third = wire.get(widgets(namespace), limit=2, **{"continue": second["metadata"]["continue"]}).ok()
    assert _names(third) == ["w4"]
    assert not third["metadata"].get("continue")
    versions = {page["metadata"]["resourceVersion"] for page in (first, second, third)}
    assert len(versions) == 1


def test_pages_show_one_moment(wire: Wire, namespace: str) -> None:
    path = core(namespace, "configmaps")
    for name in ("a", "b", "c"):
        wire.create(path, config_map(name, labels={"own": "yes"})).ok()
    first = wire.get(path, limit=1, labelSelector="own").ok()
    wire.create(path, config_map("bb", labels={"own": "yes"})).ok()
    wire.delete(f"{path}/c").ok()
    token = first["metadata"]["continue"]
    rest = wire.get(path, limit=10, labelSelector="own", **{"continue": token}).ok()
    assert _names(rest) == ["b", "c"]
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_a_broken_continue_token(wire: Wire, namespace: str) -> None:
    wire.get(core(namespace, "configmaps"), limit=1, **{"continue": "nonsense"}).refused(400, "BadRequest")


def test_a_list_of_exactly_one_page_does_not_continue(wire: Wire, namespace: str) -> None:
    for name in ("a", "b"):
        wire.create(widgets(namespace), widget(name)).ok()
    meta = wire.get(widgets(namespace), limit=2).ok()["metadata"]
    assert not meta.get("continue")
    assert "remainingItemCount" not in meta


def test_typed_client_pages(api: ApiClient, path: str, namespace: str) -> None:
    typed: Any = CoreV1Api(api)
    first = typed.list_namespaced_config_map(namespace, limit=2, label_selector="own")
    rest = typed.list_namespaced_config_map(
        namespace, limit=2, label_selector="own", _continue=first.metadata._continue
    )
    assert [item.metadata.name for item in [*first.items, *rest.items]] == ["a", "b", "c"]


def test_our_client_reads_all_pages(cluster: Cluster, path: str, namespace: str) -> None:
    found = cluster.list(CONFIG_MAP, namespace, labels="own", limit=1)
    assert _names({"items": found.items}) == ["a", "b", "c"]
    assert {(item["apiVersion"], item["kind"]) for item in found.items} == {("v1", "ConfigMap")}
    assert _names({"items": cluster.list(CONFIG_MAP, namespace, labels={"tier": "web"}).items}) == ["a", "b"]
    assert cluster.list(POD, namespace).items == []


def test_our_client_pages_custom_resources(wire: Wire, cluster: Cluster, namespace: str) -> None:
    for name in ("a", "b", "c"):
        wire.create(widgets(namespace), widget(name)).ok()
    kind = Kind(GROUP, ("v1",), "Widget", "widgets")
    assert _names({"items": cluster.list(kind, namespace, limit=2).items}) == ["a", "b", "c"]
