"""A Deployment's conditions: Available, and how far Progressing has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from delivery.clock import from_rfc3339

Condition = dict[str, Any]
Status = Mapping[str, Any]
FOREVER = 2**31 - 1  # a progressDeadlineSeconds that never ends
NEW_AVAILABLE = "NewReplicaSetAvailable"
TIMED_OUT = "ProgressDeadlineExceeded"
PAUSED = "DeploymentPaused"


def condition(kind: str, status: str, reason: str, message: str, now: float) -> Condition:
    """A condition that changed just now."""
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": kind,
        "status": status,
        "lastUpdateTime": moment,
        "lastTransitionTime": moment,
        "reason": reason,
        "message": message,
    }


def find_condition(conditions: Sequence[Condition], kind: str) -> Condition | None:
    """The condition of a type, if it is there."""
    return next((each for each in conditions if each["type"] == kind), None)


def with_condition(conditions: Sequence[Condition], fresh: Condition, *, renew: bool = False) -> list[Condition]:
    """Puts `fresh` in; one that says the same stays as it is unless `renew`ed, the transition time where it holds."""
    before = find_condition(conditions, fresh["type"])
    if before and not renew and (before["status"], before["reason"]) == (fresh["status"], fresh["reason"]):
        return list(conditions)
    if before and before["status"] == fresh["status"]:
        fresh = {**fresh, "lastTransitionTime": before["lastTransitionTime"]}
    return [*(each for each in conditions if each["type"] != fresh["type"]), fresh]


def deadline_of(deployment: Mapping[str, Any]) -> int | None:
    """progressDeadlineSeconds; None where progress is not watched."""
    seconds = deployment["spec"].get("progressDeadlineSeconds")
    return None if seconds in (None, FOREVER) else int(seconds)


def available_condition(enough: bool, now: float) -> Condition:
    """Whether the fewest pods that must be available are."""
    if enough:
        return condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", now)
    text = "Deployment does not have minimum availability."
    return condition("Available", "False", "MinimumReplicasUnavailable", text, now)


def is_complete(deployment: Mapping[str, Any], status: Status) -> bool:
    """Whether all pods are of the new template and available, and no others are left."""
    desired = deployment["spec"].get("replicas", 1)
    counts = (status.get(field) or 0 for field in ("replicas", "updatedReplicas", "availableReplicas"))
    return all(count == desired for count in counts)


def has_progressed(before: Status, after: Status) -> bool:
    """Whether more pods are updated, ready or available, or fewer old ones are left."""
    grown = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return _old_pods(after) < _old_pods(before) or any(
        (after.get(field) or 0) > (before.get(field) or 0) for field in grown
    )


def seconds_left(deployment: Mapping[str, Any], progressing: Condition | None, now: float) -> float | None:
    """Until the progress deadline (negative once past); None where nothing is awaited."""
    deadline = deadline_of(deployment)
    if deadline is None or progressing is None or progressing["reason"] in (NEW_AVAILABLE, TIMED_OUT):
        return None
    return from_rfc3339(progressing["lastUpdateTime"]) + deadline - now


def _old_pods(status: Status) -> int:
    return int(status.get("replicas") or 0) - int(status.get("updatedReplicas") or 0)
