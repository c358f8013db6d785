"""A bounded memory of how evidence came about."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Entry = TypeVar("Entry")
MOST = 64


def followed(trace: Sequence[Entry], entry: Entry, at: Callable[[Entry], float], most: int = MOST) -> tuple[Entry, ...]:
    """The trace with one entry more. Of more than `most` the one is dropped whose neighbours are nearest in `at`, so
    that what stays is spread evenly over the whole course; the first and the newest always stay.
    """
    grown = (*trace, entry)
    if len(grown) <= most:
        return grown
    crowded = min(range(1, len(grown) - 1), key=lambda i: at(grown[i + 1]) - at(grown[i - 1]))
    return (*grown[:crowded], *grown[crowded + 1 :])
