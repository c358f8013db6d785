"""Which policy and which Service apply; the mistakes themselves are in test_bad_input."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.cluster.kinds import CLUSTER_DELIVERY_POLICY, DELIVERY_POLICY, SERVICE
from delivery.errors import InvalidSpec
from delivery.reconcile.configuration import configuration_of, find_policy, find_service
from delivery.reconcile.route_finding import route_kinds
from delivery.reconcile.routes import Routes
from delivery.resources.annotations import ownership_labels
from mesh_adapters.meshes import meshes
from tests.reconcile.memory_cluster import MemoryCluster


def deployment(labels: dict[str, str] | None = None, **annotations: str) -> dict[str, Any]:
    noted = {"headgate.dev/policy": "standard", **{f"headgate.dev/{key}": value for key, value in annotations.items()}}
    template = {"metadata": {"labels": {"app": "web", "tier": "front"} if labels is None else labels}}
    meta = {"name": "web", "namespace": "shop", "annotations": noted}
    return {"metadata": meta, "spec": {"template": template}}


def service(
    name: str, namespace: str = "shop", labels: dict[str, str] | None = None, **selector: str
) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace, "labels": labels or {}}
    return {"metadata": meta, "spec": {"selector": selector}}


def with_services(*services: dict[str, Any]) -> MemoryCluster:
    cluster = MemoryCluster()
    for made in services:
        cluster.put(SERVICE, made)
    return cluster


def policy(name: str, steps: list[float], namespace: str | None = "shop") -> dict[str, Any]:
    return {
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "spec": {"strategy": {"canary": {"steps": steps}}},
    }


def test_the_namespaces_own_policy_comes_before_the_clusters() -> None:
    cluster = MemoryCluster()
    cluster.put(CLUSTER_DELIVERY_POLICY, policy("standard", [10], None))
    assert find_policy(cluster.reader, deployment()).weights == (10,)
    cluster.put(DELIVERY_POLICY, policy("standard", [20]))
    assert find_policy(cluster.reader, deployment()).weights == (20,)


def test_a_policy_of_another_namespace_does_not_count() -> None:
    cluster = MemoryCluster()
    cluster.put(DELIVERY_POLICY, policy("standard", [20], "bank"))
    with pytest.raises(InvalidSpec, match="neither a DeliveryPolicy of that name in namespace shop"):
        find_policy(cluster.reader, deployment())


def test_an_empty_annotation_is_told() -> None:
    with pytest.raises(InvalidSpec, match=r"annotation headgate[.]dev/policy names ''"):
        find_policy(MemoryCluster().reader, deployment(policy=""))


def test_a_mistake_in_a_cluster_policy_names_the_cluster_policy() -> None:
    cluster = MemoryCluster()
    cluster.put(CLUSTER_DELIVERY_POLICY, {"metadata": {"name": "standard"}, "spec": {"mash": {}}})
    with pytest.raises(InvalidSpec, match=r"^ClusterDeliveryPolicy standard: spec\.mash: unknown field"):
        find_policy(cluster.reader, deployment())


def test_the_only_service_whose_selector_holds_is_the_one() -> None:
    cluster = with_services(
        service("web", app="web"),
        service("cart", app="cart"),
        service("headless"),  # without a selector it selects nothing
        service("elsewhere", "bank", app="web"),
        service("web-stable", labels=ownership_labels("web"), app="web"),
        service("narrower", app="web", tier="back"),
    )
    assert find_service(cluster.reader, deployment())["metadata"]["name"] == "web"


def test_the_annotation_decides_between_several() -> None:
    cluster = with_services(service("web", app="web"), service("front", tier="front"))
    with pytest.raises(InvalidSpec, match=r"2 Services select its pods \(front, web\)"):
        find_service(cluster.reader, deployment())
    assert find_service(cluster.reader, deployment(service="front"))["metadata"]["name"] == "front"


def test_pods_without_labels_have_no_service() -> None:
    with pytest.raises(InvalidSpec, match="no Service in namespace shop selects its pods"):
        find_service(with_services(service("web", app="web")).reader, deployment(labels={}))


@pytest.mark.parametrize(
    ("cluster", "reason"),
    [
        (MemoryCluster(), "InvalidPolicy"),
        (with_services(), "InvalidService"),
        (with_services(service("web", app="web")), "InvalidRoute"),
    ],
)
def test_a_problem_comes_with_what_it_is_about(cluster: MemoryCluster, reason: str) -> None:
    if reason != "InvalidPolicy":
        cluster.put(DELIVERY_POLICY, policy("standard", [20]))
    cluster.unserved = {str(kind) for kind in route_kinds(meshes())}
    found = configuration_of(cluster.reader, Routes(cluster.client, meshes()), deployment())
    assert found.problem_reason == reason
    assert found.problem is not None
    assert found.policy is None


def test_a_sound_configuration_names_policy_and_service() -> None:
    cluster = with_services(service("web", app="web"))
    cluster.put(DELIVERY_POLICY, policy("standard", [20]))
    found = configuration_of(cluster.reader, Routes(cluster.client, meshes()), deployment())
    assert (found.problem, found.policy_name, found.service) == (None, "standard", "web")
