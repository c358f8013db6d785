"""Scaling a Deployment that is paused or in the middle of a rollout: every ReplicaSet takes its share."""

from __future__ import annotations

import math
from collections.abc import Sequence

from delivery.lab.neighbours.plan import Change, Object
from delivery.lab.neighbours.rollout import DESIRED, MAX, Rollout, age_key, available, noted_number, size


def was_scaled(rollout: Rollout) -> bool:
    """Whether spec.replicas changed since the ReplicaSets were last sized."""
    noted = (noted_number(each, DESIRED) for each in rollout.active)
    return any(number is not None and number != rollout.bounds.desired for number in noted)


def resize(rollout: Rollout) -> list[Change]:
    """Brings the ReplicaSets to the Deployment's size without moving the rollout on."""
    only = _only_one_to_size(rollout)
    if only is not None:
        sizes = {only["metadata"]["name"]: rollout.bounds.desired}
    elif _is_saturated(rollout):
        sizes = {each["metadata"]["name"]: 0 for each in rollout.old if size(each)}
    elif rollout.is_recreate:
        sizes = {}
    else:
        sizes = proportional_sizes(rollout)
    changes = (
        rollout.scaled(each, sizes[each["metadata"]["name"]], "spec.replicas changed")
        for each in rollout.every
        if each["metadata"]["name"] in sizes
    )
    return [each for each in changes if each is not None]


def proportional_sizes(rollout: Rollout) -> dict[str, int]:
    """Sizes by name: the change of the total is shared out by size, the remainder goes to the largest."""
    desired = rollout.bounds.desired
    to_add = (rollout.bounds.most if desired > 0 else 0) - sum(size(each) for each in rollout.active)
    by_size = sorted(rollout.active, key=age_key, reverse=to_add > 0)
    by_size.sort(key=size, reverse=True)  # stable: of equals the newer grows first and the older shrinks first
    sizes: dict[str, int] = {}
    added = 0
    for each in by_size:
        share = _share(each, rollout, to_add, added)
        sizes[each["metadata"]["name"]] = size(each) + share
        added += share
    if by_size and to_add:
        largest = by_size[0]["metadata"]["name"]
        sizes[largest] = max(0, sizes[largest] + to_add - added)
    return sizes


def _share(replica_set: Object, rollout: Rollout, to_add: int, added: int) -> int:
    if to_add in (0, added):
        return 0
    fraction = _fraction(replica_set, rollout)
    return min(fraction, to_add - added) if to_add > 0 else max(fraction, to_add - added)


def _fraction(replica_set: Object, rollout: Rollout) -> int:
    if rollout.bounds.desired == 0:
        return -size(replica_set)
    before = noted_number(replica_set, MAX) or (rollout.deployment.get("status") or {}).get("replicas") or 0
    if not before:
        return 0
    # Half a pod is rounded up, as Kubernetes does: Python's round() would go to the even number.
    return math.floor(size(replica_set) * rollout.bounds.most / before + 0.5) - size(replica_set)


def _only_one_to_size(rollout: Rollout) -> Object | None:
    active: Sequence[Object] = rollout.active
    if len(active) == 1:
        return active[0]
    if active:
        return None
    return rollout.new or (rollout.old[-1] if rollout.old else None)


def _is_saturated(rollout: Rollout) -> bool:
    new, desired = rollout.new, rollout.bounds.desired
    if new is None:
        return False
    return noted_number(new, DESIRED) == desired == size(new) == available(new)
