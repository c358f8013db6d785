"""Which Deployments a change concerns. Events only wake the loop; state alone decides."""

from __future__ import annotations

from collections.abc import Iterable

from delivery.cluster.client import Object
from delivery.resources.annotations import DEPLOYMENT, MANAGED_BY, MANAGER, POLICY

Key = tuple[str, str]


def from_deployment(deployment: Object) -> Key | None:
    """The Deployment itself where it is annotated; a canary wakes the Deployment it belongs to."""
    meta = deployment["metadata"]
    labels = meta.get("labels") or {}
    if labels.get(MANAGED_BY) == MANAGER and labels.get(DEPLOYMENT):
        return meta["namespace"], labels[DEPLOYMENT]
    return (meta["namespace"], meta["name"]) if policy_name(deployment) is not None else None


def from_release(release: Object) -> Key:
    """The Deployment the Release delivers to."""
    return release["metadata"]["namespace"], release["spec"]["deployment"]


def from_policy(name: str, namespace: str | None, deployments: Iterable[Object]) -> list[Key]:
    """The Deployments that use this policy; `namespace` None for a ClusterDeliveryPolicy."""
    return [
        key
        for deployment in deployments
        if policy_name(deployment) == name and (key := from_deployment(deployment)) and namespace in (None, key[0])
    ]


def from_neighbour(namespace: str | None, deployments: Iterable[Object]) -> list[Key]:
    """The annotated Deployments of a namespace in which a Service or a route changed (None: everywhere)."""
    return [
        key
        for deployment in deployments
        if policy_name(deployment) is not None and (key := from_deployment(deployment)) and namespace in (None, key[0])
    ]


def policy_name(deployment: Object) -> str | None:
    """The policy the Deployment asks for, None where it does not opt in."""
    return (deployment["metadata"].get("annotations") or {}).get(POLICY)
