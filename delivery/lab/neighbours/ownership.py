"""Which objects a controller owns: claimed by selector, released when the selector no longer takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from delivery.cluster.kinds import Kind
from delivery.lab.neighbours.plan import Change, Object, change
from delivery.lab.neighbours.selectors import labels_of, matches


@dataclass(frozen=True, slots=True)
class Claimed:
    """The objects that are (now) the owner's, and the patches that adopt or release."""

    objects: tuple[Object, ...]
    changes: tuple[Change, ...]


def controller_uid(obj: Mapping[str, Any]) -> str | None:
    """The uid of the owner that manages the object, if any."""
    for reference in obj["metadata"].get("ownerReferences") or []:
        if reference.get("controller"):
            return str(reference["uid"])
    return None


def controller_reference(api_version: str, kind: Kind, owner: Mapping[str, Any]) -> Object:
    """The owner reference of an object that `owner` manages."""
    meta = owner["metadata"]
    return {
        "apiVersion": api_version,
        "kind": kind.name,
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def is_going(obj: Mapping[str, Any]) -> bool:
    """Whether its deletion has begun."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def claim(owner: Object, reference: Object, kind: Kind, candidates: Iterable[Object]) -> Claimed:
    """Sorts `candidates` (of `kind`, in the owner's namespace) by the owner's `spec.selector`."""
    owned: list[Object] = []
    changes: list[Change] = []
    for obj in candidates:
        manager = controller_uid(obj)
        taken = matches(owner["spec"]["selector"], labels_of(obj))
        if manager == reference["uid"]:
            if taken:
                owned.append(obj)
            elif not is_going(owner):
                changes.append(_release(kind, obj, reference))
        elif manager is None and taken and not is_going(owner) and not is_going(obj):
            owned.append(obj)
            changes.append(_adopt(kind, obj, reference))
    return Claimed(tuple(owned), tuple(changes))


def _adopt(kind: Kind, obj: Object, reference: Object) -> Change:
    references = [*(obj["metadata"].get("ownerReferences") or []), reference]
    return change(kind, obj, {"metadata": {"ownerReferences": references}}, f"adopted by {reference['name']}")


def _release(kind: Kind, obj: Object, reference: Object) -> Change:
    others = [each for each in obj["metadata"]["ownerReferences"] if each["uid"] != reference["uid"]]
    body = {"metadata": {"ownerReferences": others or None}}
    return change(kind, obj, body, f"released by {reference['name']}: its selector no longer takes it")
