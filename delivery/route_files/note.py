"""What an edited object carries in an annotation so that the edit can be undone, as a Release's record in a cluster."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from delivery.cluster.client import Object
from delivery.errors import InvalidSpec
from delivery.resources.annotations import PLAN
from delivery.resources.refusals import sentences
from delivery.route_files.documents import named
from delivery.route_files.shapes import require_destinations
from mesh_adapters.adapter import CLUSTER_DOMAIN, TrafficSplit


class Before(StrEnum):
    """What metadata.annotations was."""

    ABSENT = "absent"
    NULL = "null"
    THERE = "there"


class SavedRule(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: str
    name: str
    match: str
    rest: str
    route: tuple[dict[str, Any], ...]


class Saved(BaseModel):
    """An adapter's record."""

    model_config = ConfigDict(extra="forbid")

    rules: tuple[SavedRule, ...]


class Note(BaseModel):
    """`created`: the object was made, and goes. `saved`: of a route; a DestinationRule needs none."""

    model_config = ConfigDict(extra="forbid")

    split: TrafficSplit
    annotations: Before = Before.ABSENT
    created: bool = False
    saved: Saved | None = None
    cluster_domain: str = CLUSTER_DOMAIN


def noted(obj: Object, note: Note) -> Object:
    """The object with the note."""
    meta = obj["metadata"]
    before = Before.ABSENT
    if "annotations" in meta:
        before = Before.NULL if meta["annotations"] is None else Before.THERE
    text = note.model_copy(update={"annotations": before}).model_dump_json()
    return {**obj, "metadata": {**meta, "annotations": {**(meta.get("annotations") or {}), PLAN: text}}}


def note_of(obj: Object) -> Note | None:
    """The object's note, if it has one. Raises InvalidSpec where it cannot be read."""
    text = (obj["metadata"].get("annotations") or {}).get(PLAN)
    if text is None:
        return None
    where = f"{named(obj)}: annotation {PLAN} cannot be read"
    try:
        note = Note.model_validate_json(str(text))
        for rule in note.saved.rules if note.saved else ():
            require_destinations(obj["kind"], rule.route, where)
    except ValidationError as problem:
        raise InvalidSpec(f"{where} ({sentences(problem)[0]}); plan the file anew") from problem
    return note


def without_note(obj: Object) -> Object:
    """The object as it was but for its spec."""
    note = note_of(obj)
    if note is None:
        return obj
    meta = dict(obj["metadata"])
    meta["annotations"] = {key: value for key, value in meta["annotations"].items() if key != PLAN}
    if not meta["annotations"] and note.annotations is Before.ABSENT:
        del meta["annotations"]
    elif not meta["annotations"] and note.annotations is Before.NULL:
        meta["annotations"] = None
    return {**obj, "metadata": meta}
