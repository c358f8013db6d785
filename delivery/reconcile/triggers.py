"""Which Deployments a change concerns. Events only wake the loop; state alone decides."""

from __future__ import annotations

from collections.abc import Iterable

from delivery.cluster.client import Object
from delivery.resources.annotations import DEPLOYMENT, MANAGED_BY, MANAGER, POLICY, SERVICE
from delivery.workload.adoption import paused_by_us

Key = tuple[str, str]
SERVICE_NAME = "kubernetes.io/service-name"
ARMS = ("-stable", "-canary")


def from_deployment(deployment: Object) -> Key | None:
    """The Deployment itself where it is annotated or was; a canary wakes the Deployment it belongs to."""
    meta = deployment["metadata"]
    owner = _owner(deployment)
    if owner:
        return owner
    concerned = policy_name(deployment) is not None or paused_by_us(deployment)
    return (meta["namespace"], meta["name"]) if concerned else None


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


def from_service(name: str, namespace: str, service: Object | None, deployments: Iterable[Object]) -> list[Key]:
    """The Deployments whose traffic a Service carries, or may carry; one of ours wakes the Deployment it is for.

    Of a Service that is gone only the name is known, so it concerns every annotated Deployment of its namespace.
    """
    annotated = [each for each in deployments if policy_name(each) is not None]
    if service is None:
        ours = {name.removesuffix(arm) for arm in ARMS if name.endswith(arm)}
        named = [each for each in annotated if each["metadata"]["name"] in ours]
        return [_key(each) for each in named or annotated if _key(each)[0] == namespace]
    owner = _owner(service)
    if owner:
        return [owner]
    selector = (service["spec"].get("selector") or {}).items()
    return [
        _key(each)
        for each in annotated
        if _key(each)[0] == namespace and (_names(each) == name or (selector and selector <= _labels(each).items()))
    ]


def from_replica_set(replica_set: Object) -> Key | None:
    """The Deployment that owns it; whether that one is ours to care for, its own pass says."""
    owners = replica_set["metadata"].get("ownerReferences") or ()
    name = next((owner["name"] for owner in owners if owner.get("controller") and owner["kind"] == "Deployment"), None)
    return (replica_set["metadata"]["namespace"], name) if name else None


def from_slice(endpoint_slice: Object) -> Key | None:
    """The Deployment whose stable or canary pods these endpoints are."""
    service = (endpoint_slice["metadata"].get("labels") or {}).get(SERVICE_NAME, "")
    arm = next((arm for arm in ARMS if service.endswith(arm)), None)
    return (endpoint_slice["metadata"]["namespace"], service.removesuffix(arm)) if arm else None


def from_pod(pod: Object) -> Key | None:
    """The Deployment whose canary this pod is."""
    name = (pod["metadata"].get("labels") or {}).get(DEPLOYMENT)
    return (pod["metadata"]["namespace"], name) if name else None


def policy_name(deployment: Object) -> str | None:
    """The policy the Deployment asks for, None where it does not opt in."""
    return (deployment["metadata"].get("annotations") or {}).get(POLICY)


def _owner(obj: Object) -> Key | None:
    labels = obj["metadata"].get("labels") or {}
    if labels.get(MANAGED_BY) == MANAGER and labels.get(DEPLOYMENT):
        return obj["metadata"]["namespace"], labels[DEPLOYMENT]
    return None


def _key(obj: Object) -> Key:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _names(deployment: Object) -> str | None:
    return (deployment["metadata"].get("annotations") or {}).get(SERVICE)


def _labels(deployment: Object) -> dict[str, str]:
    return (deployment["spec"]["template"].get("metadata") or {}).get("labels") or {}
