"""One rule's list of weighted destinations, as the user has it and as a release splits it.

`folded` reads a list in either form into slots: one for each destination the user wrote, with the share of the rule's
traffic it has and, where it goes to the apex Service, how much of that is the canary's. `divided` and `united` write
slots back. A destination to the stable or canary Service that has lost its partner counts as the apex's too, for its
Service is gone when the release ends. How a kind of route writes a destination and its weight is its `Entries`.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from typing import Any, Protocol

from mesh_adapters.splitting.weights import Limit, Weight, integer_weights, shares, smallest_integers

Destination = dict[str, Any]
Entry = Mapping[str, Any]


class Arm(Enum):
    APEX = "apex"
    STABLE = "stable"
    CANARY = "canary"


_APEX, _STABLE, _CANARY = Arm.APEX, Arm.STABLE, Arm.CANARY  # members of an Enum are slow to look up


class Entries(Protocol):
    """How one kind of route writes destinations, and which of the three back ends of a split they mean."""

    def arm(self, entry: Entry) -> Arm | None:
        """None for a destination that a split leaves alone."""
        ...

    def reaches(self, entry: Entry) -> bool:
        """Whether the destination is the apex's: one of its arms, or one that is refused."""
        ...

    def refused(self, entry: Entry) -> str | None:
        """For a destination that is the apex's and cannot be split: why, and what to do about it."""
        ...

    def weight(self, entry: Entry) -> Weight:
        """What the entry says or means, among several."""
        ...

    def malformed(self, entry: Entry) -> str | None:
        """For any destination whose weight means nothing: why, and what to do about it."""
        ...

    def target(self, entry: Entry) -> str:
        """What the destination is, in one word: releases of other Services are known by it."""
        ...

    def content(self, entry: Entry, arm: Arm | None) -> Destination:
        """The entry without weight and, where it is one of the three arms, with the apex as its destination."""
        ...

    def entry(self, content: Destination, arm: Arm | None, weight: int | None) -> Destination:
        """The opposite of `content`: a new object, for this arm whichever one the content names. `weight` None: of a
        destination that is alone."""
        ...

    @property
    def alone_gets_all(self) -> bool:
        """Whether a rule's only destination gets everything even with a weight of 0."""
        ...

    @property
    def limit(self) -> Limit:
        """What the mesh takes as weights."""
        ...


@dataclass(frozen=True, slots=True)
class Slot:
    """One destination as the user would have it: `content` names the apex and has no weight; `share` is of the rule's
    traffic; `canary` is the canary's part of that, None when it is not split. `apex` tells it from others."""

    content: Destination
    share: Fraction
    apex: bool
    canary: Fraction | None = None


def folded(entries: Sequence[Entry], names: Entries) -> list[Slot]:
    """The slots of a list of destinations, in its order."""
    weighted = zip(entries, shares(tuple(names.weight(entry) for entry in entries)), strict=True)
    slots: list[Slot] = []
    awaiting: list[tuple[int, Arm]] = []  # positions of the slots that lack the other arm
    for entry, share in weighted:
        arm = names.arm(entry)
        content = names.content(entry, arm)
        if arm in (None, Arm.APEX):
            slots.append(Slot(content, share, apex=arm is not None))
            continue
        pair = next((each for each in awaiting if each[1] is not arm and slots[each[0]].content == content), None)
        if pair:
            awaiting.remove(pair)
            slots[pair[0]] = _joined(slots[pair[0]], share, arm)
        else:
            awaiting.append((len(slots), arm))
            slots.append(Slot(content, share, apex=True, canary=Fraction(arm is Arm.CANARY)))
    # What is one destination to the user gets everything, whatever the weights say.
    return slots if len(slots) != 1 else [replace(slots[0], share=Fraction(1))]


def divided(slots: Sequence[Slot], names: Entries, canary: Fraction) -> list[Destination]:
    """The list with each of the apex's slots as two destinations, `canary` (of 1) of its share to the canary."""
    weights = iter(_divided_weights(_shape(slots), canary, names.limit))
    found = []
    for slot in slots:
        for arm in (Arm.STABLE, Arm.CANARY) if slot.apex else (None,):
            found.append(names.entry(slot.content, arm, next(weights)))
    return found


def pair_weights(canary: Fraction, limit: Limit) -> tuple[int, ...]:
    """The weights of the pair that one destination becomes."""
    return _divided_weights(((Fraction(1), True),), canary, limit)


def divided_at_once(entries: Sequence[Entry], names: Entries, weights: tuple[int, ...]) -> list[Destination] | None:
    """As `divided` of what is `folded`, for the two lists that nearly every rule has: one destination, the apex, or the
    pair that a split makes of it, which get these weights. None for any other."""
    alone, first = len(entries) == 1, entries[0]
    if len(entries) > 2 or names.arm(first) is not (_APEX if alone else _STABLE):
        return None
    content = names.content(first, None)  # whose arm `entry` replaces anyway
    canary = names.entry(content, _CANARY, weights[1])
    if alone:
        return [names.entry(content, _STABLE, weights[0]), canary]
    if {**entries[1], "weight": weights[1]} != canary:
        return None
    return [{**first, "weight": weights[0]}, canary]


def divisible(slots: Sequence[Slot], names: Entries, canary: Fraction) -> bool:
    """Whether the mesh can express this share exactly."""
    return _divisible(_shape(slots), canary, names.limit)


def given_to_canary(slots: Sequence[Slot], names: Entries) -> list[Destination]:
    """The list with the canary in the apex's place, shares as the user has them."""
    arms = [Arm.CANARY if slot.apex else None for slot in slots]
    if len(slots) == 1:
        return [names.entry(slots[0].content, arms[0], None)]
    weights = integer_weights([slot.share for slot in slots], names.limit)
    return [names.entry(slot.content, arm, weight) for slot, arm, weight in zip(slots, arms, weights, strict=True)]


def united(slots: Sequence[Slot], original: Sequence[Entry] | None, names: Entries) -> list[Destination]:
    """The list with one destination for each slot: the user's own of `original`, in the order of the slots; where it is
    None (the user has changed the list) made anew with the same shares."""
    if original is not None:
        return [deepcopy(dict(entry)) for entry in _ordered(original, slots, names)]
    if len(slots) == 1:
        return [names.entry(slots[0].content, None, None)]
    weights = integer_weights([slot.share for slot in slots], names.limit)
    return [names.entry(slot.content, None, weight) for slot, weight in zip(slots, weights, strict=True)]


def _ordered(original: Sequence[Entry], slots: Sequence[Slot], names: Entries) -> list[Entry]:
    """The user's own destinations in the order the slots have now, which are the same ones; shares may differ."""
    left = list(zip(folded(original, names), original, strict=True))
    found = []
    for slot in slots:
        alike = [at for at, (own, _) in enumerate(left) if (own.content, own.apex) == (slot.content, slot.apex)]
        same = [at for at in alike if left[at][0].share == slot.share]
        found.append(left.pop((same or alike)[0])[1])
    return found


def _joined(slot: Slot, share: Fraction, arm: Arm) -> Slot:
    whole = slot.share + share
    canary = share if arm is Arm.CANARY else slot.share
    return replace(slot, share=whole, canary=canary / whole if whole else Fraction(0))


_Shape = tuple[tuple[Fraction, bool], ...]


def _shape(slots: Sequence[Slot]) -> _Shape:
    return tuple((slot.share, slot.apex) for slot in slots)


# Rules with the same shares are the rule, and exact arithmetic is slow.
@lru_cache(maxsize=4096)
def _divided_weights(shape: _Shape, canary: Fraction, limit: Limit) -> tuple[int, ...]:
    return tuple(integer_weights(_divided_shares(shape, canary), limit))


@lru_cache(maxsize=4096)
def _divisible(shape: _Shape, canary: Fraction, limit: Limit) -> bool:
    return limit.allows(smallest_integers(_divided_shares(shape, canary)))


def _divided_shares(shape: _Shape, canary: Fraction) -> list[Fraction]:
    return [part for share, apex in shape for part in ((share * (1 - canary), share * canary) if apex else (share,))]
