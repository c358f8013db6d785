"""From cumulative counters to increments: every event once, whatever is born, restarts or goes missing."""

from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


def increments(
    known: Mapping[Key, float], current: Mapping[Key, float], counter: Callable[[Key], Hashable]
) -> dict[Key, float]:
    """What was added since `known`, per key of `current`.

    `known` holds the last value ever seen of each key, so a counter that was silent for a while is
    differenced against what it last showed, and one never seen counts from 0. `counter(key)` names the keys
    that restart together: when one of them is below what is known, all of them began anew at 0 and their
    values are the increments themselves. (Differencing them one by one would lose what a restarted counter
    has counted up to its old value.)
    """
    restarted = {counter(key) for key, value in current.items() if value < known.get(key, 0.0)}
    return {key: value if counter(key) in restarted else value - known.get(key, 0.0) for key, value in current.items()}


def merged(
    known: Mapping[Key, float], current: Mapping[Key, float], counter: Callable[[Key], Hashable]
) -> dict[Key, float]:
    """`known` brought up to `current`. A counter that is silent is kept as it was; of one that shows itself,
    a series it no longer has was lost to a restart (or expired), and counts from 0 should it come again.
    """
    shown = {counter(key) for key in current}
    kept = {key: value for key, value in known.items() if counter(key) not in shown}
    return {**kept, **current}
