"""From a view to the plan of one object."""

from __future__ import annotations

from collections.abc import Callable

from delivery.clock import Clock
from delivery.cluster.kinds import DEPLOYMENT, ENDPOINT_SLICE, ENDPOINTS, POD, REPLICA_SET, SERVICE
from delivery.lab.neighbours.deployment import DeploymentSnapshot, plan_deployment
from delivery.lab.neighbours.endpoints import ServiceSnapshot, plan_endpoints
from delivery.lab.neighbours.plan import Plan
from delivery.lab.neighbours.replica_set import ReplicaSetSnapshot, plan_replica_set
from delivery.lab.neighbours.views import View

Name = tuple[str, str]
Planning = Callable[[View, Clock, Name], Plan]


def deployment_plan(view: View, clock: Clock, key: Name) -> Plan:
    """What the Deployment needs; nothing when it is gone."""
    namespace, name = key
    deployment = view.find(DEPLOYMENT, name, namespace)
    if deployment is None:
        return Plan()
    replica_sets, pods = view.list(REPLICA_SET, namespace), view.list(POD, namespace)
    return plan_deployment(DeploymentSnapshot(deployment, replica_sets, pods, clock.now()))


def replica_set_plan(view: View, clock: Clock, key: Name) -> Plan:
    """What the ReplicaSet needs; nothing when it is gone."""
    namespace, name = key
    replica_set = view.find(REPLICA_SET, name, namespace)
    if replica_set is None:
        return Plan()
    return plan_replica_set(ReplicaSetSnapshot(replica_set, view.list(POD, namespace), clock.now()))


def service_plan(view: View, _clock: Clock, key: Name) -> Plan:
    """What the Service's Endpoints and EndpointSlices need; their removal when it is gone."""
    namespace, name = key
    service = view.find(SERVICE, name, namespace)
    endpoints = view.find(ENDPOINTS, name, namespace)
    slices = [each for each in view.list(ENDPOINT_SLICE, namespace) if _is_of(each, name)]
    return plan_endpoints(ServiceSnapshot(service, view.list(POD, namespace), endpoints, slices))


def _is_of(endpoint_slice: dict[str, object], service: str) -> bool:
    metadata = endpoint_slice["metadata"]
    labels = (metadata.get("labels") if isinstance(metadata, dict) else None) or {}
    return bool(labels.get("kubernetes.io/service-name") == service)
