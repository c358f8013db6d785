"""The objects a release adds: they carry the app's own labels, belong to its Deployment, and reach only their pods."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from delivery.workload.canary import (
    canary_deployment,
    canary_selector,
    canary_service,
    is_ours,
    stable_service,
)
from tests.workload.objects import apex, deployment, release, replica_set, template

EXPRESSIONS = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}
OURS = {"headgate.dev/track": "canary", "headgate.dev/deployment": "web"}


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


def pod_labels(found: dict[str, Any]) -> dict[str, str]:
    labels: dict[str, str] = found["spec"]["template"]["metadata"]["labels"]
    return labels


def test_the_canary_runs_the_judged_template_under_the_apps_own_labels() -> None:
    canary = canary_deployment(release(), deployment(1, minReadySeconds=5, paused=True), 2)
    assert canary["metadata"]["name"] == "web-canary"
    assert canary["spec"]["replicas"] == 2
    assert pod_labels(canary) == {"app": "web", "tier": "front", **OURS}
    assert canary["spec"]["template"]["spec"] == template(2)["spec"]
    assert canary["spec"]["minReadySeconds"] == 5
    assert "paused" not in canary["spec"]


@pytest.mark.parametrize(
    "selector", [{"matchLabels": {"app": "web"}}, EXPRESSIONS, {"matchLabels": {"app": "web"}, **EXPRESSIONS}]
)
def test_the_canarys_selector_selects_its_own_pods_and_no_others(selector: dict[str, Any]) -> None:
    canary = canary_deployment(release(), deployment(1, selector=selector), 1)
    matched = canary["spec"]["selector"]["matchLabels"]
    assert selects(matched, pod_labels(canary))
    assert not selects(matched, replica_set(1, 4)["spec"]["template"]["metadata"]["labels"])
    assert not selects(matched, {**pod_labels(canary), "headgate.dev/deployment": "other"})
    assert canary["spec"]["selector"].get("matchExpressions") == selector.get("matchExpressions")


@pytest.mark.parametrize("selector", [{"matchLabels": {"app": "web"}}, EXPRESSIONS])
def test_the_canarys_pods_are_found_from_the_users_deployment_and_from_the_canary_alike(
    selector: dict[str, Any],
) -> None:
    user = deployment(1, selector=selector)
    canary = canary_deployment(release(), user, 1)
    assert canary_selector(user) == canary_selector(canary) == canary["spec"]["selector"]["matchLabels"]


def test_the_back_ends_reach_the_stable_and_the_canary_pods_and_no_others() -> None:
    user = deployment()
    stable = stable_service(release(), user, apex(), "pod1")["spec"]["selector"]
    canary = canary_service(release(), user, apex())["spec"]["selector"]
    canary_pod = {**pod_labels(canary_deployment(release(), user, 1)), "pod-template-hash": "c1"}
    stable_pod = replica_set(1, 4)["spec"]["template"]["metadata"]["labels"]
    promoted_pod = replica_set(2, 4)["spec"]["template"]["metadata"]["labels"]
    reached = [(selects(stable, pod), selects(canary, pod)) for pod in (stable_pod, canary_pod, promoted_pod)]
    assert reached == [(True, False), (False, True), (False, False)]
    assert not selects(canary, {**canary_pod, "headgate.dev/deployment": "other"}), "another Deployment's canary"


def test_the_back_ends_have_the_apexs_ports_but_not_its_addresses() -> None:
    for service in (
        stable_service(release(), deployment(), apex(), "pod1"),
        canary_service(release(), deployment(), apex()),
    ):
        assert service["spec"]["ports"] == [
            {"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP"},
            {"name": "grpc", "port": 81, "targetPort": 9090, "protocol": "TCP", "appProtocol": "grpc"},
        ]
        assert set(service["spec"]) == {"selector", "ports"}


def test_everything_is_ours_and_goes_with_the_deployment() -> None:
    user = deployment()
    made = [
        canary_deployment(release(), user, 1),
        stable_service(release(), user, apex(), "pod1"),
        canary_service(release(), user, apex()),
    ]
    assert [one["metadata"]["name"] for one in made] == ["web-canary", "web-stable", "web-canary"]
    for one in made:
        assert one["metadata"]["namespace"] == "shop"
        assert is_ours(one, "web")
        assert not is_ours(one, "other")
        assert one["metadata"]["annotations"]["headgate.dev/template-hash"] == release().spec.canary.template_hash
        [owner] = one["metadata"]["ownerReferences"]
        assert owner == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "uid-web"}


def test_an_object_without_our_labels_is_not_ours() -> None:
    assert not is_ours({"metadata": {"name": "web-canary"}}, "web")
    assert not is_ours({"metadata": {"name": "web-canary", "labels": {"headgate.dev/deployment": "web"}}}, "web")


def test_nothing_that_was_read_is_changed() -> None:
    user, front, record = deployment(), apex(), release()
    before = deepcopy((user, front, record))
    made = canary_deployment(record, user, 1)
    made["spec"]["template"]["spec"]["containers"].clear()
    made["spec"]["selector"]["matchLabels"].clear()
    stable_service(record, user, front, "pod1")["spec"]["ports"].clear()
    canary_service(record, user, front)["spec"]["selector"].clear()
    assert (user, front, record) == before
