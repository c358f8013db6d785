"""From cumulative counters to increments: every event once, whatever is born, restarts or goes missing."""

import math
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Owner = TypeVar("Owner", bound=Hashable)


def increments(
    known: Mapping[Key, float],
    current: Mapping[Key, float],
    counter: Callable[[Key], Hashable],
    silent: Mapping[Key, float] | None = None,
) -> dict[Key, float]:
    """What was added since `known`, per key of `current`.

    `known` holds the last value ever seen of each key, so a counter that was silent for a while is
    differenced against what it last showed, and one never seen counts from 0. `counter(key)` names the keys
    that restart together: when one of them is below what is known, all of them began anew at 0 and their
    values are the increments themselves. (Differencing them one by one would lose what a restarted counter
    has counted up to its old value.) `silent` are the keys of `silenced`: one that comes back lower than it was
    began anew by itself, for its counter went on meanwhile.
    """
    restarted = fallen(known, current, counter)
    if not restarted and not silent:
        return {key: value - known.get(key, 0.0) for key, value in current.items()}
    before = silent or {}
    return {
        key: value if counter(key) in restarted else value - known.get(key, _known_silent(before, key, value))
        for key, value in current.items()
    }


def fallen(known: Mapping[Key, float], current: Mapping[Key, float], counter: Callable[[Key], Owner]) -> set[Owner]:
    """The counters of which a key is below what is known."""
    last = known.get
    below = [key for key, value in current.items() if value < last(key, 0.0)]
    return {counter(key) for key in below}


def merged(
    known: Mapping[Key, float], current: Mapping[Key, float], counter: Callable[[Key], Hashable]
) -> Mapping[Key, float]:
    """`known` brought up to `current`: a counter that shows nothing at all is kept as it was. A key that is missing
    from one that shows itself is `silenced`, or was lost to a restart.
    """
    missing = known.keys() - current.keys()
    if not missing:
        return current
    shown = {counter(key) for key in current}
    return {**{key: known[key] for key in missing if counter(key) not in shown}, **current}


def silenced(
    known: Mapping[Key, float],
    current: Mapping[Key, float],
    counter: Callable[[Key], Hashable],
    silent: Mapping[Key, float],
) -> Mapping[Key, float]:
    """The keys that their counter does not show (as expired, or not a number) though it shows others and did not
    restart, with their last known values; NaN where nothing is known but that there was something. `silent` are those
    before `current`.
    """
    missing = known.keys() - current.keys()
    if not missing and not silent:
        return silent
    shown, restarted = {counter(key) for key in current}, fallen(known, current, counter)
    kept = {key: value for key, value in silent.items() if key not in current and counter(key) not in restarted}
    gone = {key: known[key] for key in missing if counter(key) in shown and counter(key) not in restarted}
    return {**kept, **gone}


def _known_silent(silent: Mapping[Key, float], key: Key, value: float) -> float:
    """From what a key counts that is not known: 0 for one that is new or has begun anew."""
    before = silent.get(key, 0.0)
    if math.isnan(before):
        return value
    return before if before <= value else 0.0
