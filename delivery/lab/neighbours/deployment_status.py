"""What a Deployment reports."""

from __future__ import annotations

from dataclasses import dataclass

from delivery.lab.neighbours.conditions import (
    NEW_AVAILABLE,
    PAUSED,
    TIMED_OUT,
    Condition,
    available_condition,
    condition,
    deadline_of,
    find_condition,
    has_progressed,
    is_complete,
    seconds_left,
    with_condition,
)
from delivery.lab.neighbours.plan import Object
from delivery.lab.neighbours.rollout import Rollout, available, existing, size


@dataclass(frozen=True, slots=True)
class Reported:
    """The status, and the seconds until its progress deadline where one is running."""

    status: Object
    wake_after_s: float | None


def report(rollout: Rollout, *, rolls: bool, created: str, collisions: int, now: float) -> Reported:
    """Counts and conditions of this pass.

    `rolls`: the rollout may move (neither paused nor only resized); `created`: the name of the ReplicaSet it creates.
    """
    status = _counts(rollout, collisions)
    watched = deadline_of(rollout.deployment) is not None
    before = list((rollout.deployment.get("status") or {}).get("conditions") or [])
    conditions = _announced(rollout, before, created, now) if watched else before
    enough = (status["availableReplicas"] or 0) >= rollout.bounds.fewest_available
    conditions = with_condition(conditions, available_condition(enough, now))
    if rolls and watched:
        conditions = _progress(rollout, conditions, status, now)
    elif rolls:
        conditions = [each for each in conditions if each["type"] != "Progressing"]
    status["conditions"] = conditions
    left = seconds_left(rollout.deployment, find_condition(conditions, "Progressing"), now) if rolls else None
    return Reported(status, None if left is None else max(left, 0.0) + 0.05)


def _counts(rollout: Rollout, collisions: int) -> Object:
    total_available = sum(available(each) for each in rollout.every)
    ready = sum((each.get("status") or {}).get("readyReplicas") or 0 for each in rollout.every)
    unavailable = max(0, sum(size(each) for each in rollout.every) - total_available)
    return {
        "observedGeneration": rollout.deployment["metadata"]["generation"],
        "replicas": sum(existing(each) for each in rollout.every) or None,
        "updatedReplicas": (existing(rollout.new) if rollout.new else 0) or None,
        "readyReplicas": ready or None,
        "availableReplicas": total_available or None,
        "unavailableReplicas": unavailable or None,
        "collisionCount": collisions or None,
    }


def _announced(rollout: Rollout, conditions: list[Condition], created: str, now: float) -> list[Condition]:
    current = find_condition(conditions, "Progressing")
    paused = bool(rollout.deployment["spec"].get("paused"))
    was_paused = bool(current and current["reason"] == PAUSED)
    if paused != was_paused and not (current and current["reason"] == TIMED_OUT):
        word, reason = ("paused", PAUSED) if paused else ("resumed", "DeploymentResumed")
        text = f"Deployment is {word}"
        conditions = with_condition(conditions, condition("Progressing", "Unknown", reason, text, now))
    if created:
        text = f'Created new replica set "{created}"'
        fresh = condition("Progressing", "True", "NewReplicaSetCreated", text, now)
        return with_condition(conditions, fresh, renew=True)
    if rollout.new and find_condition(conditions, "Progressing") is None:
        text = f'Found new replica set "{rollout.new["metadata"]["name"]}"'
        return with_condition(conditions, condition("Progressing", "True", "FoundNewReplicaSet", text, now))
    return conditions


def _progress(rollout: Rollout, conditions: list[Condition], status: Object, now: float) -> list[Condition]:
    deployment, current = rollout.deployment, find_condition(conditions, "Progressing")
    settled = status["replicas"] == status["updatedReplicas"] and current and current["reason"] == NEW_AVAILABLE
    if settled:
        return conditions
    who = f'ReplicaSet "{rollout.new["metadata"]["name"]}"' if rollout.new else "Deployment"
    if is_complete(deployment, status):
        text = f"{who} has successfully progressed."
        return with_condition(conditions, condition("Progressing", "True", NEW_AVAILABLE, text, now))
    if has_progressed(deployment.get("status") or {}, status):
        fresh = condition("Progressing", "True", "ReplicaSetUpdated", f"{who} is progressing.", now)
        return with_condition(conditions, fresh, renew=True)
    left = seconds_left(deployment, current, now)
    if left is not None and left < 0:
        text = f"{who} has timed out progressing."
        return with_condition(conditions, condition("Progressing", "False", TIMED_OUT, text, now))
    return conditions
