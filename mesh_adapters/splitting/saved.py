"""The record of what a user had: each rule's destinations word for word, and by what to know the rule again.

    {"rules": [{"kind": "http", "name": "primary", "match": DIGEST, "rest": DIGEST, "route": [...]}]}

whatever the kind of route calls its list of destinations.

`match` and `rest` are digests of the rule's match conditions and of all of it but its destinations. A rule is known
first by the destinations themselves (a split list folds back to the recorded one, or it is not the same), then by the
most of these that still agree; so rules may be edited, moved, added and removed while a release runs.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from mesh_adapters.adapter import Saved
from mesh_adapters.splitting.rules import Address, Rule
from mesh_adapters.splitting.slots import Entries, folded, matching

Entry = Mapping[str, Any]


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
    """Which recorded entry each rule is; a rule that is not in the record is not in the answer."""
    entries: Sequence[Entry] = (saved or {}).get("rules") or ()
    candidates = [
        (_likeness(rule, entry), rule, at)
        for rule in rules
        for at, entry in enumerate(entries)
        if entry["kind"] == rule.kind and matching(folded(rule.entries, names), entry["route"], names) is not None
    ]
    found: dict[Address, int] = {}
    # The sort is stable: among equals, the order of the rules and of the record decides.
    for _, rule, at in sorted(candidates, key=lambda candidate: candidate[0], reverse=True):
        if rule.address not in found and at not in found.values():
            found[rule.address] = at
    return {address: entries[at] for address, at in found.items()}


def _likeness(rule: Rule, entry: Entry) -> tuple[bool, bool, bool]:
    marks = _marks(rule)
    return (
        entry["rest"] == marks["rest"],
        bool(marks["name"]) and entry["name"] == marks["name"],
        entry["match"] == marks["match"],
    )


def _marks(rule: Rule) -> dict[str, str]:
    rest = {key: value for key, value in rule.body.items() if key != rule.key}
    return {"name": rule.name, "match": _digest(rule.matches), "rest": _digest(rest)}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
