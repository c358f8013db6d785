"""Kubernetes objects as a server stores them: the Deployment `web` of four pods, its ReplicaSets and its Service."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from delivery.resources.release import Phase, Release, ReleaseSpec, ReleaseStatus, Revision, Stage
from delivery.workload.revision import template_hash


def template(version: int = 1) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app": "web", "tier": "front"}, "creationTimestamp": None},
        "spec": {
            "containers": [
                {
                    "name": "web",
                    "image": f"web:{version}",
                    "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                    "env": [{"name": "MODE", "value": ""}],
                    "resources": {},
                }
            ],
            "restartPolicy": "Always",
        },
    }


def deployment(version: int = 1, **spec: Any) -> dict[str, Any]:
    """Rolled out and available unless its status is changed."""
    return {
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "uid": "uid-web",
            "resourceVersion": "41",
            "generation": 3,
            "annotations": {"headgate.dev/policy": "standard"},
        },
        "spec": {
            "replicas": 4,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template(version),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
            **spec,
        },
        "status": {"observedGeneration": 3, "replicas": 4, "updatedReplicas": 4, "availableReplicas": 4},
    }


def replica_set(version: int, replicas: int, ready: int | None = None, *, uid: str = "uid-web") -> dict[str, Any]:
    """As Kubernetes makes it: the Deployment's template with one label more."""
    copy = deepcopy(template(version))
    copy["metadata"]["labels"]["pod-template-hash"] = f"pod{version}"
    return {
        "metadata": {"name": f"web-pod{version}", "ownerReferences": [{"uid": uid, "controller": True}]},
        "spec": {"replicas": replicas, "template": copy},
        "status": {"readyReplicas": replicas if ready is None else ready},
    }


def release(phase: Phase = Phase.SHIFTING, stage: Stage = Stage.NONE) -> Release:
    """From version 1 to version 2."""
    return Release(
        name="web-2",
        namespace="shop",
        spec=ReleaseSpec(
            deployment="web",
            service="shop-front",
            stable=Revision(template_hash=template_hash(template(1)), pod_template_hash="pod1"),
            canary=Revision(template_hash=template_hash(template(2))),
            template=template(2),
            policy_name="standard",
            policy={},
            release_id="7",
        ),
        status=ReleaseStatus(phase=phase, stage=stage),
    )


def apex() -> dict[str, Any]:
    return {
        "metadata": {"name": "shop-front", "namespace": "shop", "labels": {"team": "shop"}},
        "spec": {
            "type": "NodePort",
            "clusterIP": "10.0.0.7",
            "selector": {"app": "web"},
            "ports": [
                {"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP", "nodePort": 30080},
                {"name": "grpc", "port": 81, "targetPort": 9090, "protocol": "TCP", "appProtocol": "grpc"},
            ],
        },
    }
