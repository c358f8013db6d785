"""How far each channel was told of a Release: annotations on the Release itself, one a channel.

One each, so that channels do not overwrite what the others wrote.
"""

from __future__ import annotations

from collections.abc import Mapping

from delivery.clock import from_rfc3339, to_rfc3339
from delivery.resources.annotations import NOTIFIED


def notified_until(annotations: Mapping[str, str]) -> dict[str, float]:
    """The time of the last line that each channel was told of. What is no time (somebody edited it) is no mark."""
    found: dict[str, float] = {}
    for name, value in annotations.items():
        at = _time(value) if name.startswith(NOTIFIED) else None
        if at is not None:
            found[name.removeprefix(NOTIFIED)] = at
    return found


def notified_annotation(channel: str, at: float) -> dict[str, str]:
    """The annotation that says the channel was told of everything up to the line of that time."""
    return {f"{NOTIFIED}{channel}": to_rfc3339(at)}


def _time(text: str) -> float | None:
    try:
        return from_rfc3339(text)
    except ValueError:
        return None
