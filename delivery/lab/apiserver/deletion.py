"""Deleting objects: preconditions, finalizers, grace for running pods, and how dependents are meant to follow."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from delivery.lab.apiserver import definitions
from delivery.lab.apiserver.kinds import Resource
from delivery.lab.apiserver.objects import NAMESPACES, Objects, timestamp
from delivery.lab.apiserver.status import Json, bad_request, conflict, forbidden, invalid, unsupported
from delivery.lab.apiserver.store import ObjectKey

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
_PROTECTED = frozenset({"default", "kube-system", "kube-public"})
_POLICIES = ("Foreground", "Background", "Orphan", "nil")


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How a deletion is meant; `grace` is in seconds, None for the object's own."""

    policy: str = ""
    grace: int | None = None
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False


def delete_options(body: Any, query: dict[str, str]) -> DeleteOptions:
    """Options from a DeleteOptions body, or from the query where there is none.

    Raises:
        ApiError: 400 or 422 when an option is not one there is.
    """
    given = body if isinstance(body, dict) else {}
    policy = given.get("propagationPolicy") or query.get("propagationPolicy", "")
    orphan = given.get("orphanDependents", {"true": True, "false": False}.get(query.get("orphanDependents", "")))
    if policy and policy not in _POLICIES[:3]:
        error = unsupported("propagationPolicy", policy, _POLICIES)
        raise invalid("meta.k8s.io", "DeleteOptions", "", [error])
    if not policy and orphan is not None:
        policy = "Orphan" if orphan else "Background"
    preconditions = given.get("preconditions") or {}
    return DeleteOptions(
        policy=policy,
        grace=_grace(given.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))),
        uid=preconditions.get("uid") or "",
        resource_version=preconditions.get("resourceVersion") or "",
        dry_run="All" in (given.get("dryRun") or query.get("dryRun", "").split(",")),
    )


def _grace(value: Any) -> int | None:
    if value is None:
        return None
    try:
        return max(int(value), 0)
    except (TypeError, ValueError) as wrong:
        raise bad_request(f"gracePeriodSeconds: {value!r} is not a number of seconds") from wrong


class Deletion:
    """Removes objects, or marks them for removal where something has to happen first."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def delete(self, resource: Resource, key: ObjectKey, options: DeleteOptions) -> tuple[Json, bool]:
        """The object as it was last stored, and whether it is gone now.

        Raises:
            ApiError: 404, or 409 when a precondition does not hold.
        """
        obj = self._objects.stored(resource, key)
        self._refuse_protected(resource, key)
        self._check(resource, obj, options)
        finalizers = _finalizers(resource, obj, options)
        grace = _grace_of(resource, obj, options)
        if not finalizers and not grace and resource.storage != NAMESPACES:
            if options.dry_run:
                return obj, True
            last = self._marked(resource, obj, [], 0) if resource.rules.graceful else None
            return self._objects.store.remove(resource.storage, key, last), True
        marked = self._marked(resource, obj, finalizers, grace)
        if marked == obj or options.dry_run:
            return obj, False
        return self._objects.store.put(resource.storage, key, marked), False

    def _refuse_protected(self, resource: Resource, key: ObjectKey) -> None:
        if resource.storage == NAMESPACES and key[1] in _PROTECTED:
            raise forbidden("", "namespaces", key[1], "this namespace may not be deleted")

    def _check(self, resource: Resource, obj: Json, options: DeleteOptions) -> None:
        metadata, name = obj["metadata"], obj["metadata"]["name"]
        if options.uid and options.uid != metadata["uid"]:
            why = (
                f"the UID in the precondition ({options.uid}) does not match the UID in record ({metadata['uid']}). "
                "The object might have been deleted and then recreated"
            )
            raise conflict(resource.group, resource.names.kind, name, why)
        held = metadata["resourceVersion"]
        if options.resource_version and options.resource_version != held:
            why = (
                f"the ResourceVersion in the precondition ({options.resource_version}) does not match the "
                f"ResourceVersion in record ({held}). The object might have been modified"
            )
            raise conflict(resource.group, resource.names.kind, name, why)

    def _marked(self, resource: Resource, obj: Json, finalizers: list[str], grace: int) -> Json:
        metadata = dict(obj["metadata"])
        already = metadata.get("deletionTimestamp")
        if finalizers:
            metadata["finalizers"] = finalizers
        else:
            metadata.pop("finalizers", None)
        if already is None or grace < metadata.get("deletionGracePeriodSeconds", 0):
            moment = datetime.fromisoformat(self._objects.now().replace("Z", "+00:00")).astimezone(UTC)
            metadata["deletionTimestamp"] = timestamp(moment + timedelta(seconds=grace))
            metadata["deletionGracePeriodSeconds"] = grace
        if already is None and "generation" in metadata:
            metadata["generation"] += 1
        if resource.storage == NAMESPACES:
            metadata.pop("deletionGracePeriodSeconds", None)
            return {**obj, "metadata": metadata, "status": {**obj.get("status", {}), "phase": "Terminating"}}
        return {**obj, "metadata": metadata}


def _finalizers(resource: Resource, obj: Json, options: DeleteOptions) -> list[str]:
    """The finalizers the deletion leaves on the object: its own, and the one that stands for the policy."""
    finalizers = list(obj["metadata"].get("finalizers") or [])
    if options.policy:
        finalizers = [item for item in finalizers if item not in {FOREGROUND, ORPHAN}]
    if options.policy == "Foreground":
        finalizers.append(FOREGROUND)
    if options.policy == "Orphan":
        finalizers.append(ORPHAN)
    cleaned_up = obj["metadata"].get("deletionTimestamp") or definitions.CLEANUP in finalizers
    if resource.storage == definitions.STORAGE and not cleaned_up:
        finalizers.append(definitions.CLEANUP)
    return finalizers


def _grace_of(resource: Resource, obj: Json, options: DeleteOptions) -> int:
    """Seconds a running pod is given; everything else goes at once."""
    if not resource.rules.graceful or not obj["spec"].get("nodeName"):
        return 0
    if obj.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
        return 0
    own: int = obj["spec"].get("terminationGracePeriodSeconds", 30)
    wanted = own if options.grace is None else options.grace
    if obj["metadata"].get("deletionTimestamp"):
        return min(wanted, int(obj["metadata"].get("deletionGracePeriodSeconds", wanted)))
    return wanted
