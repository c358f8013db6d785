"""What an update carries over from the object it replaces: what only the server writes, and the half not meant."""

from delivery.lab.apiserver.kinds import Resource
from delivery.lab.apiserver.status import Json

SERVER_WRITTEN = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")
_APART = frozenset({"apiVersion", "kind", "metadata", "status"})


def restricted(resource: Resource, new: Json, old: Json, subresource: str) -> Json:
    """`new` with everything put back that this kind of request may not change."""
    metadata = dict(new["metadata"])
    kept = old["metadata"]
    for name in (*SERVER_WRITTEN, "namespace", "resourceVersion"):
        if name in kept and (name in {"generation", "resourceVersion"} or not metadata.get(name)):
            metadata[name] = kept[name]
    metadata.pop("selfLink", None)
    if subresource == "status":
        return _status_only(resource, {**new, "metadata": metadata}, old)
    if resource.has_status:
        new = {name: value for name, value in new.items() if name != "status"}
        if "status" in old:
            new["status"] = old["status"]
    return {**new, "metadata": metadata}


def _status_only(resource: Resource, new: Json, old: Json) -> Json:
    metadata = new["metadata"]
    if resource.custom:
        metadata = old["metadata"] | {k: v for k, v in metadata.items() if k == "managedFields"}
    elif resource.rules.status_keeps_labels:
        metadata = {name: value for name, value in metadata.items() if name != "labels"}
        if "labels" in old["metadata"]:
            metadata["labels"] = old["metadata"]["labels"]
    content = {name: value for name, value in old.items() if name not in _APART}
    identity = {"apiVersion": old["apiVersion"], "kind": old["kind"], "metadata": metadata}
    status = {"status": new["status"]} if "status" in new else {}
    return {**identity, **content, **status}


def raise_generation(resource: Resource, new: Json, old: Json) -> None:
    """Count a change of what the kind counts, in place; both objects with their defaults."""
    generation_of = resource.rules.generation_of
    if generation_of is None:
        return
    before = old["metadata"].get("generation", 1)
    changed = generation_of(new) != generation_of(old)
    new["metadata"]["generation"] = before + 1 if changed else before
