"""The objects a release adds: the canary Deployment and the two Services."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from delivery.resources.annotations import (
    CANARY,
    DEPLOYMENT,
    MANAGED_BY,
    MANAGER,
    POD_TEMPLATE_HASH,
    RELEASE,
    TEMPLATE_HASH,
    TRACK,
    ownership_labels,
)
from delivery.resources.release import Release

Object = Mapping[str, Any]
_PORT_FIELDS = ("name", "port", "targetPort", "protocol", "appProtocol")
_CARRIED_SPEC = ("minReadySeconds", "progressDeadlineSeconds")


def is_ours(obj: Object, deployment: str) -> bool:
    """Whether Headgate made this object for that Deployment."""
    labels = obj["metadata"].get("labels") or {}
    return labels.get(MANAGED_BY) == MANAGER and labels.get(DEPLOYMENT) == deployment


def canary_selector(deployment: Object) -> dict[str, str]:
    """The labels that select exactly the canary's pods, from the user's Deployment or from `NAME-canary` itself."""
    matched = deployment["spec"]["selector"].get("matchLabels") or {}
    return {**canary_labels(deployment["metadata"]["name"]), **matched}


def canary_labels(deployment: str) -> dict[str, str]:
    """The labels that a canary's pods have beside the app's own."""
    # The name too: a selector of expressions only, or an apex Service in front of several Deployments, must not
    # reach the canary of another.
    return {TRACK: CANARY, DEPLOYMENT: deployment}


def canary_deployment(release: Release, deployment: Object, replicas: int) -> dict[str, Any]:
    """`NAME-canary`: the judged template with the app's own labels and one more."""
    template = deepcopy(release.spec.template)
    labels = template.setdefault("metadata", {}).setdefault("labels", {})
    labels.update(canary_labels(release.spec.deployment))
    selector = deepcopy(dict(deployment["spec"]["selector"]))
    selector["matchLabels"] = canary_selector(deployment)
    carried = {field: deployment["spec"][field] for field in _CARRIED_SPEC if field in deployment["spec"]}
    return {
        "metadata": _metadata(release, deployment, release.canary_name),
        "spec": {**carried, "replicas": replicas, "selector": selector, "template": template},
    }


def stable_service(release: Release, deployment: Object, apex: Object, stable_hash: str) -> dict[str, Any]:
    """`NAME-stable`: the apex Service's selector, pinned to one ReplicaSet."""
    return _service(release, deployment, apex, release.stable_name, {POD_TEMPLATE_HASH: stable_hash})


def canary_service(release: Release, deployment: Object, apex: Object) -> dict[str, Any]:
    """`NAME-canary`: the apex Service's selector, narrowed to the canary."""
    return _service(release, deployment, apex, release.canary_name, canary_labels(release.spec.deployment))


def _service(
    release: Release, deployment: Object, apex: Object, name: str, narrowed_by: Mapping[str, str]
) -> dict[str, Any]:
    ports = [
        {field: port[field] for field in _PORT_FIELDS if field in port} for port in apex["spec"].get("ports") or ()
    ]
    return {
        "metadata": _metadata(release, deployment, name),
        "spec": {"selector": {**(apex["spec"].get("selector") or {}), **narrowed_by}, "ports": ports},
    }


def _metadata(release: Release, deployment: Object, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": release.namespace,
        "labels": ownership_labels(release.spec.deployment),
        "annotations": {RELEASE: release.name, TEMPLATE_HASH: release.spec.canary.template_hash},
        # With the Deployment goes everything that was added beside it.
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": deployment["metadata"]["name"],
                "uid": deployment["metadata"]["uid"],
            }
        ],
    }
