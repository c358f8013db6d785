"""The record of what a user had: each rule's destinations word for word, and by what to know the rule again.

    {"rules": [{"kind": "http", "name": "primary", "match": DIGEST, "rest": DIGEST, "route": [...]}]}

whatever the kind of route calls its list of destinations.

`match` and `rest` are digests of the rule's match conditions and of all of it but its destinations. A rule is known
first by the destinations themselves (a split list folds back to the recorded one, or it is not the same), then by the
most of these that still agree; so rules may be edited, moved, added and removed while a release runs. A rule with the
recorded name and conditions whose destinations are the recorded ones in other proportions is that rule too: the weights
of a split list are ours, and somebody has edited them.
"""

import hashlib
import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from mesh_adapters.adapter import Saved
from mesh_adapters.splitting.rules import Address, Rule
from mesh_adapters.splitting.slots import Entries, Slot, folded

Entry = Mapping[str, Any]
Marks = Mapping[str, str]


def recorded(rule: Rule, destinations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The entry for a rule whose destinations, as the user has them, are these."""
    return {
        "kind": rule.kind,
        **_marks(rule),
        "route": deepcopy([dict(each) for each in destinations]),
    }


def record(entries: Sequence[Entry]) -> dict[str, Any]:
    return {"rules": [dict(entry) for entry in entries]}


def known(rules: Sequence[Rule], saved: Saved | None, names: Entries) -> dict[Address, Entry]:
    """Which recorded entry each rule is, with the marks that the rule has now; a rule that is not in the record is not
    in the answer."""
    entries: Sequence[Entry] = (saved or {}).get("rules") or ()
    if not entries or not rules:
        return {}
    had = [folded(entry["route"], names) for entry in entries]
    has = [folded(rule.entries, names) for rule in rules]
    marks = [_marks(rule) for rule in rules]
    pairs = _Pairs(len(rules), len(entries))
    kinds = [rule.kind for rule in rules], [entry["kind"] for entry in entries]
    for destinations, tiers in ((_exactly, _TIERS), (_apart_from_shares, _SURE)):
        left = [(kind, destinations(slots)) for kind, slots in zip(kinds[0], has, strict=True)]
        right = [(kind, destinations(slots)) for kind, slots in zip(kinds[1], had, strict=True)]
        for tier in tiers:
            pairs.match(
                [(each, tier(mark)) for each, mark in zip(left, marks, strict=True)],
                [(each, tier(entry)) for each, entry in zip(right, entries, strict=True)],
            )
    return {
        rule.address: {**entries[at], **mark}
        for rule, mark, at in zip(rules, marks, pairs.found, strict=True)
        if at is not None
    }


class _Pairs:
    """Which of `entries` things each of `rules` things is."""

    def __init__(self, rules: int, entries: int) -> None:
        self.found: list[int | None] = [None] * rules
        self._free = [True] * entries

    def match(self, rules: Sequence[tuple[Hashable, Any]], entries: Sequence[tuple[Hashable, Any]]) -> None:
        """Pairs what is not paired yet and has the same key, both in their order. A mark that is None is no key."""
        waiting: dict[Hashable, list[int]] = {}
        for at, (key, mark) in enumerate(entries):
            if self._free[at] and mark is not None:
                waiting.setdefault((key, mark), []).append(at)
        for place, (key, mark) in enumerate(rules):
            candidates = waiting.get((key, mark)) if self.found[place] is None and mark is not None else None
            if candidates:
                self.found[place] = candidates.pop(0)
                self._free[self.found[place] or 0] = False


_TIERS: tuple[Callable[[Marks], Hashable], ...] = (
    lambda marks: marks["rest"],
    lambda marks: (marks["name"], marks["match"]) if marks["name"] else None,
    lambda marks: marks["name"] or None,
    lambda marks: marks["match"],
    lambda _: "",
)
_SURE: tuple[Callable[[Marks], Hashable], ...] = (lambda marks: (marks["name"], marks["match"]),)


def _exactly(slots: Iterable[Slot]) -> Hashable:
    return tuple(sorted((_text(slot.content), slot.apex, slot.share) for slot in slots))


def _apart_from_shares(slots: Iterable[Slot]) -> Hashable:
    return tuple(sorted((_text(slot.content), slot.apex) for slot in slots))


def _marks(rule: Rule) -> dict[str, str]:
    rest = {key: value for key, value in rule.body.items() if key != rule.key}
    return {"name": rule.name, "match": _digest(rule.matches), "rest": _digest(rest)}


_text = json.JSONEncoder(sort_keys=True).encode


def _digest(value: Any) -> str:
    return hashlib.sha256(_text(value).encode()).hexdigest()[:16]
