"""What the controller needs of a Deployment that it is to deliver, found before it says so in an Event."""

from __future__ import annotations

import re
from collections.abc import Iterator

from delivery.lint.finding import Told
from delivery.lint.given import Deployment, Given, inside
from delivery.resources.annotations import POLICY, SERVICE

_SERVICE_AT = f"metadata.annotations[{SERVICE}]"
_LONGEST_NAME = 63 - len("-canary")
_SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def unsupported_strategy(deployment: Deployment, _given: Given) -> Iterator[Told]:
    if inside(deployment.spec, "strategy", "type") == "Recreate":
        yield (
            "spec.strategy.type",
            "Recreate stops every pod before a new one starts, so there is nothing to compare with; use RollingUpdate",
        )


def unsuitable_name(deployment: Deployment, _given: Given) -> Iterator[Told]:
    if not _SERVICE_NAME.fullmatch(deployment.name) or len(deployment.name) > _LONGEST_NAME:
        yield (
            "metadata.name",
            f"{deployment.name}-canary must do as the name of a Service; use a letter, then letters, digits and "
            f"dashes, at most {_LONGEST_NAME} in all",
        )


def unknown_service(deployment: Deployment, given: Given) -> Iterator[Told]:
    name = deployment.annotations.get(SERVICE)
    if name and name not in {service.name for service in given.services_of(deployment)}:
        yield (
            _SERVICE_AT,
            f"Service {name} is not among the given objects of namespace {deployment.namespace}; give it too, or "
            "correct the annotation",
        )


def other_pods(deployment: Deployment, given: Given) -> Iterator[Told]:
    name = deployment.annotations.get(SERVICE)
    named = next((service for service in given.services_of(deployment) if name and service.name == name), None)
    if named and not named.selects(deployment):
        yield (
            _SERVICE_AT,
            f"Service {name} selects {_labels(named.selector)} and the pods have {_labels(deployment.pod_labels)}; "
            "correct the selector or the annotation",
        )


def without_service(deployment: Deployment, given: Given) -> Iterator[Told]:
    if not deployment.annotations.get(SERVICE) and not _apex_services(deployment, given):
        yield (
            "spec.template.metadata.labels",
            f"no Service among the given objects of namespace {deployment.namespace} selects these pods "
            f"({_labels(deployment.pod_labels)}); give the Service that carries the traffic too",
        )


def ambiguous_service(deployment: Deployment, given: Given) -> Iterator[Told]:
    selecting = _apex_services(deployment, given)
    if not deployment.annotations.get(SERVICE) and len(selecting) > 1:
        yield (
            _SERVICE_AT,
            f"{len(selecting)} Services select these pods ({', '.join(selecting)}); name the one that carries the "
            "traffic in this annotation",
        )


def unknown_policy(deployment: Deployment, given: Given) -> Iterator[Told]:
    name = deployment.annotations.get(POLICY, "")
    if not {(deployment.namespace, name), ("", name)} & given.policies:
        yield (
            f"metadata.annotations[{POLICY}]",
            f"no DeliveryPolicy {name!r} of namespace {deployment.namespace} and no such ClusterDeliveryPolicy is "
            "among the given objects; give it too, or see that the cluster has it",
        )


def _apex_services(deployment: Deployment, given: Given) -> list[str]:
    return sorted(service.name for service in given.services_of(deployment) if service.selects(deployment))


def _labels(labels: dict[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items())) or "no labels"
