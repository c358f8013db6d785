"""The application the lab delivers: one Deployment and its Service."""

from __future__ import annotations

from typing import Any

from delivery.lab.scenario import Behaviour, Scenario
from delivery.resources.annotations import API_VERSION, POLICY

NAMESPACE, NAME, POLICY_NAME = "shop", "web", "web"
PORT, CONTAINER_PORT = 80, 8080
HOST = f"{NAME}.{NAMESPACE}.svc.cluster.local"
LABELS = {"app": NAME}


def namespace() -> dict[str, Any]:
    return {"metadata": {"name": NAMESPACE}}


def service() -> dict[str, Any]:
    ports = [{"name": "http", "port": PORT, "targetPort": CONTAINER_PORT, "protocol": "TCP"}]
    return {"metadata": {"name": NAME, "namespace": NAMESPACE}, "spec": {"selector": LABELS, "ports": ports}}


def policy(scenario: Scenario, provider: str) -> dict[str, Any]:
    """The scenario's policy; where it does not choose a mesh, this one, judged by its own metrics."""
    return {
        "apiVersion": API_VERSION,
        "kind": "DeliveryPolicy",
        "metadata": {"name": POLICY_NAME, "namespace": NAMESPACE},
        "spec": {"mesh": {"provider": provider}, **scenario.policy},
    }


def deployment(scenario: Scenario, version: str) -> dict[str, Any]:
    return {
        "metadata": {"name": NAME, "namespace": NAMESPACE, "annotations": {POLICY: POLICY_NAME}},
        "spec": {
            "replicas": scenario.replicas,
            "selector": {"matchLabels": LABELS},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": template(scenario.stable, version, scenario.seed),
        },
    }


def template(behaviour: Behaviour, version: str, seed: int) -> dict[str, Any]:
    """The pod template of one version; every version has an image tag of its own."""
    environment = {
        "LAB_ERROR_RATE": f"{behaviour.error_rate:g}",
        "LAB_LATENCY_MEDIAN_MS": f"{behaviour.latency_ms.median:g}",
        "LAB_LATENCY_SIGMA": f"{behaviour.latency_ms.sigma:g}",
        "LAB_CRASH": str(behaviour.crash).lower(),
        "LAB_NEVER_READY": str(behaviour.never_ready).lower(),
        "LAB_SEED": str(seed),
    }
    container = {
        "name": "app",
        "image": f"registry.example/{NAMESPACE}/{NAME}:{version}",
        "ports": [{"name": "http", "containerPort": CONTAINER_PORT, "protocol": "TCP"}],
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": CONTAINER_PORT}, "periodSeconds": 1},
    }
    return {
        "metadata": {"labels": LABELS},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 5},
    }
