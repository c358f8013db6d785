"""How many pods are left when one goes, or when all are replaced."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from delivery.lint.finding import Told
from delivery.lint.given import Deployment, Given, inside, mapping

_DEFAULT = "25%"  # Kubernetes' own, for maxSurge and maxUnavailable alike
_PERCENT = re.compile(r"[0-9]+%")


def single_replica(deployment: Deployment, given: Given) -> Iterator[Told]:
    autoscaler = given.autoscaler_of(deployment)
    if least_replicas(deployment, given) != 1:
        return
    if autoscaler is None:
        yield (
            "spec.replicas",
            "one pod is no pod while its node is drained; set at least 2, or add a HorizontalPodAutoscaler with "
            "minReplicas: 2",
        )
    else:
        yield (
            "spec.replicas",
            f"HorizontalPodAutoscaler {autoscaler.name} may leave one pod, which is no pod while its node is drained; "
            "set its minReplicas to at least 2",
        )


def all_unavailable(deployment: Deployment, given: Given) -> Iterator[Told]:
    strategy = mapping(deployment.spec.get("strategy"))
    replicas = least_replicas(deployment, given)
    if strategy.get("type", "RollingUpdate") != "RollingUpdate" or replicas < 1:
        return
    surge = pods_of(inside(strategy, "rollingUpdate", "maxSurge"), replicas, round_up=True)
    away = pods_of(inside(strategy, "rollingUpdate", "maxUnavailable"), replicas, round_up=False)
    if surge is None or away is None:
        return
    if max(away, 0 if surge else 1) >= replicas:  # where both round to nothing, Kubernetes takes one pod away
        yield (
            "spec.strategy.rollingUpdate.maxUnavailable",
            f"a rolling update may leave none of {replicas} {'pod' if replicas == 1 else 'pods'} for a while; write "
            "maxUnavailable: 0 and maxSurge: 1",
        )


def least_replicas(deployment: Deployment, given: Given) -> int:
    """As few as there may be; 0 where that is what is asked for."""
    replicas = deployment.spec.get("replicas", 1)
    replicas = replicas if isinstance(replicas, int) else 1
    autoscaler = given.autoscaler_of(deployment)
    return autoscaler.least if autoscaler and replicas else replicas


def pods_of(value: Any, replicas: int, *, round_up: bool) -> int | None:
    """Pods of a number or a percentage; None for what the API server will refuse."""
    value = _DEFAULT if value is None else value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or not _PERCENT.fullmatch(value):
        return None
    hundredfold = int(value[:-1]) * replicas
    return -(-hundredfold // 100) if round_up else hundredfold // 100
