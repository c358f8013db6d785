"""Which Deployments wake when something changes."""

from __future__ import annotations

from typing import Any

from delivery.reconcile import triggers
from delivery.reconcile.triggers import SERVICE_NAME
from delivery.resources.annotations import DEPLOYMENT, MANAGED_BY, POLICY, SERVICE


def deployment(name: str, namespace: str = "shop", policy: str | None = None, **labels: str) -> dict[str, Any]:
    annotations = {POLICY: policy} if policy is not None else {}
    meta = {"name": name, "namespace": namespace, "annotations": annotations, "labels": labels}
    return {"metadata": meta, "spec": {}}


def test_only_an_annotated_deployment_wakes() -> None:
    assert triggers.from_deployment(deployment("web", policy="standard")) == ("shop", "web")
    assert triggers.from_deployment(deployment("web")) is None


def test_a_canary_wakes_the_deployment_it_belongs_to() -> None:
    canary = deployment("web-canary", **{MANAGED_BY: "headgate", DEPLOYMENT: "web"})
    assert triggers.from_deployment(canary) == ("shop", "web")


def test_a_policy_wakes_its_users_in_its_namespace_and_a_cluster_policy_everywhere() -> None:
    all_of_them = [
        deployment("web", policy="standard"),
        deployment("api", policy="other"),
        deployment("web", namespace="bank", policy="standard"),
    ]
    assert triggers.from_policy("standard", "shop", all_of_them) == [("shop", "web")]
    assert triggers.from_policy("standard", None, all_of_them) == [("shop", "web"), ("bank", "web")]


def service(
    name: str, namespace: str = "shop", selector: dict[str, str] | None = None, **labels: str
) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}, "spec": {"selector": selector or {}}}


def app(name: str, namespace: str = "shop", policy: str | None = "p") -> dict[str, Any]:
    made = deployment(name, namespace, policy)
    return {**made, "spec": {"template": {"metadata": {"labels": {"app": name}}}}}


def test_a_service_wakes_the_annotated_deployments_it_selects() -> None:
    all_of_them = [app("web"), app("api"), app("plain", policy=None), app("web", namespace="bank")]
    changed = service("front", selector={"app": "web"})
    assert triggers.from_service("front", "shop", changed, all_of_them) == [("shop", "web")]
    assert triggers.from_service("front", "shop", service("front"), all_of_them) == []


def test_a_service_that_is_gone_wakes_all_beside_it_but_one_of_ours_only_its_own() -> None:
    all_of_them = [app("web"), app("api"), app("web", namespace="bank")]
    assert triggers.from_service("front", "shop", None, all_of_them) == [("shop", "web"), ("shop", "api")]
    assert triggers.from_service("api-canary", "shop", None, all_of_them) == [("shop", "api")]
    ours = service("api-canary", "shop", {}, **{MANAGED_BY: "headgate", DEPLOYMENT: "api"})
    assert triggers.from_service("api-canary", "shop", ours, all_of_them) == [("shop", "api")]


def test_a_service_named_by_an_annotation_wakes_who_names_it() -> None:
    naming = app("web")
    naming["metadata"]["annotations"][SERVICE] = "front"
    assert triggers.from_service("front", "shop", service("front"), [naming, app("api")]) == [("shop", "web")]


def test_endpoints_pods_and_replica_sets_wake_the_deployment_they_belong_to() -> None:
    endpoints = {"metadata": {"name": "web-canary-x", "namespace": "shop", "labels": {SERVICE_NAME: "web-canary"}}}
    assert triggers.from_slice(endpoints) == ("shop", "web")
    endpoints["metadata"]["labels"] = {SERVICE_NAME: "web"}
    assert triggers.from_slice(endpoints) is None
    assert triggers.from_pod({"metadata": {"namespace": "shop", "labels": {DEPLOYMENT: "web"}}}) == ("shop", "web")
    owner = {"kind": "Deployment", "name": "web", "controller": True}
    replica_set = {"metadata": {"namespace": "shop", "ownerReferences": [owner]}}
    assert triggers.from_replica_set(replica_set) == ("shop", "web")
    assert triggers.from_replica_set({"metadata": {"namespace": "shop"}}) is None


def test_a_release_wakes_its_deployment() -> None:
    made = {"metadata": {"namespace": "shop", "name": "web-1"}, "spec": {"deployment": "web"}}
    assert triggers.from_release(made) == ("shop", "web")
