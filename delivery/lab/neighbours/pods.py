"""What a Pod's status says: ready, available, active."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from delivery.clock import from_rfc3339

Pod = Mapping[str, Any]


def is_active(pod: Pod) -> bool:
    """Neither ended nor on its way out."""
    return not is_finished(pod) and not pod["metadata"].get("deletionTimestamp")


def is_finished(pod: Pod) -> bool:
    """Ended for good, well or badly."""
    return phase(pod) in ("Succeeded", "Failed")


def phase(pod: Pod) -> str:
    """`status.phase`; Pending where nothing was reported."""
    return str((pod.get("status") or {}).get("phase") or "Pending")


def is_ready(pod: Pod) -> bool:
    """Whether condition Ready is True."""
    return _ready_condition(pod).get("status") == "True"


def ready_since(pod: Pod) -> float | None:
    """Since when the pod is ready, in seconds since the epoch; None while it is not."""
    if not is_ready(pod):
        return None
    since = _ready_condition(pod).get("lastTransitionTime")
    return from_rfc3339(since) if since else 0.0


def available_in(pod: Pod, min_ready_s: float, now: float) -> float | None:
    """Seconds until the pod counts as available (0 when it does); None while it is not ready."""
    since = ready_since(pod)
    if since is None:
        return None
    return max(0.0, since + min_ready_s - now) if min_ready_s else 0.0


def restarts(pod: Pod) -> int:
    """Restarts of all its containers."""
    return sum(each.get("restartCount", 0) for each in (pod.get("status") or {}).get("containerStatuses") or [])


def _ready_condition(pod: Pod) -> Mapping[str, Any]:
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition["type"] == "Ready":
            return dict(condition)
    return {}
