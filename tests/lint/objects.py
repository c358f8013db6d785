"""Objects without a fault; each test makes one."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from delivery.lint.finding import Finding
from delivery.lint.rules import lint

Object = dict[str, Any]


def container(**changed: Any) -> Object:
    sound: Object = {
        "name": "web",
        "image": "registry.example:5000/shop/web:1.4.0",
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
        "lifecycle": {"preStop": {"sleep": {"seconds": 10}}},
    }
    return {key: value for key, value in {**sound, **changed}.items() if value is not None}


def deployment(*containers: Mapping[str, Any], **spec: Any) -> Object:
    """`spec` overrides fields of the Deployment's; `annotations`, `labels` and `pod` go where they belong."""
    annotations, labels, pod = (spec.pop(part, {}) for part in ("annotations", "labels", "pod"))
    template = {
        "metadata": {"labels": {"app": "web", **labels}},
        "spec": {"containers": [dict(each) for each in containers] or [container()], **pod},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "annotations": annotations},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template, **spec},
    }


def service(name: str = "web", **changed: Any) -> Object:
    metadata = {"name": name, "namespace": "shop", **changed.pop("metadata", {})}
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80}], **changed}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def policy(kind: str = "DeliveryPolicy", name: str = "standard", **spec: Any) -> Object:
    metadata = {"name": name, **({"namespace": "shop"} if kind == "DeliveryPolicy" else {})}
    return {"apiVersion": "headgate.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": deepcopy(spec)}


def autoscaler(**spec: Any) -> Object:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, **spec},
    }


def found(*objects: Object) -> list[tuple[str, str]]:
    """The rules that found something, each with its path."""
    return [(finding.rule, finding.path) for finding in findings(*objects)]


def findings(*objects: Object) -> tuple[Finding, ...]:
    return lint(objects)
