"""The triggers a Deployment remembers: in one annotation, so that a replayed request is known for one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from delivery.resources.annotations import RELEASE_ID, TRIGGERS
from delivery.resources.release import Trigger

KEPT = 10


def recorded_triggers(annotations: Mapping[str, str]) -> tuple[Trigger, ...]:
    """Oldest first; nothing where the annotation is not ours."""
    try:
        return tuple(Trigger.model_validate(each) for each in json.loads(annotations.get(TRIGGERS, "[]")))
    except (ValueError, TypeError, ValidationError):
        return ()


def triggers_text(triggers: Iterable[Trigger]) -> str:
    """The annotation's text, of the newest only."""
    kept = tuple(triggers)[-KEPT:]
    return json.dumps([each.model_dump(mode="json", by_alias=True, exclude_defaults=True) for each in kept])


def current_trigger(annotations: Mapping[str, str]) -> Trigger | None:
    """The trigger that the Deployment's present release id comes from, None where a person set the image."""
    newest = next(reversed(recorded_triggers(annotations)), None)
    return newest if newest is not None and newest.release_id == annotations.get(RELEASE_ID) else None
