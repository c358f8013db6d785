"""One step of a rollout: the sizes that RollingUpdate and Recreate allow next."""

from __future__ import annotations

from collections.abc import Iterable

from delivery.lab.neighbours.ownership import controller_uid
from delivery.lab.neighbours.plan import Change, Object
from delivery.lab.neighbours.pods import is_finished
from delivery.lab.neighbours.rollout import Rollout, available, existing, keeps_available, size


def first_size(rollout: Rollout) -> int:
    """How large the new ReplicaSet may be created or grown to now."""
    now = size(rollout.new) if rollout.new else 0
    if rollout.is_recreate:
        return rollout.bounds.desired
    room = rollout.bounds.most - sum(size(each) for each in rollout.every)
    return now + max(0, min(room, rollout.bounds.desired - now))


def rolling_step(rollout: Rollout, new: Object) -> list[Change]:
    """Grows the new ReplicaSet where there is room; otherwise shrinks old ones as far as availability allows."""
    desired = rollout.bounds.desired
    target = desired if size(new) > desired else first_size(rollout)
    grown = rollout.scaled(new, target, "rolling update") if target != size(new) else None
    return [grown] if grown else _shrink_old(rollout, new)


def recreate_step(rollout: Rollout, pods: Iterable[Object]) -> tuple[list[Change], bool]:
    """The patches that empty old ReplicaSets, and whether the new one may start."""
    emptied = [rollout.scaled(each, 0, "recreate: old pods go first") for each in rollout.old if size(each)]
    clear = not emptied and not any(existing(each) for each in rollout.old) and not _old_pods_run(rollout, pods)
    return [each for each in emptied if each], clear


def _old_pods_run(rollout: Rollout, pods: Iterable[Object]) -> bool:
    old = {each["metadata"]["uid"] for each in rollout.old}
    return any(controller_uid(pod) in old and not is_finished(pod) for pod in pods)


def _shrink_old(rollout: Rollout, new: Object) -> list[Change]:
    spare = sum(size(each) for each in rollout.every) - rollout.bounds.fewest_available - (size(new) - available(new))
    if spare <= 0:
        return []
    sizes = {each["metadata"]["name"]: size(each) for each in rollout.old}
    _give_up_unhealthy(rollout, sizes, spare)
    _give_up_available(rollout, sizes)
    changes = (rollout.scaled(each, sizes[each["metadata"]["name"]], "rolling update") for each in rollout.old)
    shrunk = zip(rollout.old, changes, strict=True)
    return [each for old, each in shrunk if each and sizes[old["metadata"]["name"]] != size(old)]


def _give_up_unhealthy(rollout: Rollout, sizes: dict[str, int], spare: int) -> None:
    for each in rollout.old:
        name = each["metadata"]["name"]
        count = min(spare, sizes[name] - min(sizes[name], available(each)))
        sizes[name] -= count
        spare -= count


def _give_up_available(rollout: Rollout, sizes: dict[str, int]) -> None:
    spare = sum(keeps_available(each) for each in rollout.every) - rollout.bounds.fewest_available
    for each in rollout.old:
        name = each["metadata"]["name"]
        count = max(0, min(spare, sizes[name]))
        sizes[name] -= count
        spare -= count
