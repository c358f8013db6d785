"""Which policy and Service apply to a Deployment; every way it can be wrong has one sentence that says what to do."""

from __future__ import annotations

from delivery.cluster.client import Object
from delivery.cluster.kinds import CLUSTER_DELIVERY_POLICY, DELIVERY_POLICY, SERVICE
from delivery.cluster.reader import Reader
from delivery.decision.snapshot import Configuration
from delivery.errors import InvalidSpec
from delivery.reconcile.policies import refused_query
from delivery.reconcile.routes import Routes
from delivery.resources.annotations import MANAGED_BY, MANAGER, POLICY
from delivery.resources.annotations import SERVICE as SERVICE_ANNOTATION
from delivery.resources.policy import DeliveryPolicySpec, parse_policy


def configuration_of(reader: Reader, routes: Routes, deployment: Object) -> Configuration:
    """The configuration, or what is wrong with it as a Configuration with a `problem`."""
    reason = "InvalidPolicy"
    try:
        policy = find_policy(reader, deployment)
        reason = "InvalidService"
        service = find_service(reader, deployment)
        reason = "InvalidRoute"
        meta = deployment["metadata"]
        routes.preview(reader, meta["namespace"], meta["name"], service, policy)
    except InvalidSpec as problem:
        return Configuration(problem=str(problem), problem_reason=reason)
    return Configuration(_annotations(deployment)[POLICY], policy, service["metadata"]["name"])


def find_policy(reader: Reader, deployment: Object) -> DeliveryPolicySpec:
    """The DeliveryPolicy of the Deployment's namespace, else the ClusterDeliveryPolicy of that name.

    Raises InvalidSpec.
    """
    name, namespace = _annotations(deployment)[POLICY], deployment["metadata"]["namespace"]
    found = reader.find(DELIVERY_POLICY, name, namespace) if name else None
    if found:
        return _usable(found, f"DeliveryPolicy {namespace}/{name}")
    found = reader.find(CLUSTER_DELIVERY_POLICY, name) if name else None
    if found:
        return _usable(found, f"ClusterDeliveryPolicy {name}")
    raise InvalidSpec(
        f"{_named(deployment)}: annotation {POLICY} names {name!r}, and there is neither a DeliveryPolicy of that name "
        f"in namespace {namespace} nor a ClusterDeliveryPolicy; create one or correct the annotation"
    )


def _usable(policy: Object, where: str) -> DeliveryPolicySpec:
    spec = parse_policy(policy.get("spec"), where)
    refused = refused_query(policy) if spec.analysis.custom else None
    if refused:
        raise InvalidSpec(refused)
    return spec


def find_service(reader: Reader, deployment: Object) -> Object:
    """The apex Service: the annotated one, else the only one whose selector matches the pod template.

    Raises InvalidSpec.
    """
    namespace = deployment["metadata"]["namespace"]
    chosen = _annotations(deployment).get(SERVICE_ANNOTATION)
    if chosen:
        return _chosen_service(reader, deployment, chosen)
    matching = [
        service
        for service in reader.list(SERVICE, namespace)
        if _selects(service, deployment) and not _made_by_us(service)
    ]
    if len(matching) == 1:
        return matching[0]
    if not matching:
        raise InvalidSpec(
            f"{_named(deployment)}: no Service in namespace {namespace} selects its pods (spec.template.metadata.labels"
            f" {_labels(deployment)}); create one, or name it in the annotation {SERVICE_ANNOTATION}"
        )
    names = ", ".join(sorted(service["metadata"]["name"] for service in matching))
    raise InvalidSpec(
        f"{_named(deployment)}: {len(matching)} Services select its pods ({names}); "
        f"name the one that carries its traffic in the annotation {SERVICE_ANNOTATION}"
    )


def _chosen_service(reader: Reader, deployment: Object, name: str) -> Object:
    namespace = deployment["metadata"]["namespace"]
    service = reader.find(SERVICE, name, namespace)
    if service is None:
        raise InvalidSpec(
            f"{_named(deployment)}: annotation {SERVICE_ANNOTATION} names Service {namespace}/{name}, "
            "which does not exist; create it or correct the annotation"
        )
    if not _selects(service, deployment):
        raise InvalidSpec(
            f"Service {namespace}/{name}: spec.selector {service['spec'].get('selector') or {}} does not select the "
            f"pods of {_named(deployment)} (labels {_labels(deployment)}); correct the selector or the annotation"
        )
    return service


def _selects(service: Object, deployment: Object) -> bool:
    selector = service["spec"].get("selector") or {}
    return bool(selector) and selector.items() <= _labels(deployment).items()


def _labels(deployment: Object) -> dict[str, str]:
    return (deployment["spec"]["template"].get("metadata") or {}).get("labels") or {}


def _made_by_us(service: Object) -> bool:
    return bool((service["metadata"].get("labels") or {}).get(MANAGED_BY) == MANAGER)


def _annotations(deployment: Object) -> dict[str, str]:
    return deployment["metadata"].get("annotations") or {}


def _named(deployment: Object) -> str:
    return f"Deployment {deployment['metadata']['namespace']}/{deployment['metadata']['name']}"
