"""Which Deployments wake when something changes."""

from __future__ import annotations

from typing import Any

from delivery.reconcile import triggers
from delivery.resources.annotations import DEPLOYMENT, MANAGED_BY, POLICY


def deployment(name: str, namespace: str = "shop", policy: str | None = None, **labels: str) -> dict[str, Any]:
    annotations = {POLICY: policy} if policy is not None else {}
    return {"metadata": {"name": name, "namespace": namespace, "annotations": annotations, "labels": labels}}


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


def test_a_service_wakes_the_annotated_deployments_beside_it() -> None:
    all_of_them = [deployment("web", policy="p"), deployment("plain"), deployment("web", namespace="bank", policy="p")]
    assert triggers.from_neighbour("shop", all_of_them) == [("shop", "web")]


def test_a_release_wakes_its_deployment() -> None:
    release = {"metadata": {"namespace": "shop", "name": "web-1"}, "spec": {"deployment": "web"}}
    assert triggers.from_release(release) == ("shop", "web")
