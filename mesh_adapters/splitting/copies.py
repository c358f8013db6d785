"""Rules that a release adds: copies of split rules, for the requests that a policy's match or sticky cookie chooses.

A copy has a name that says whose it is, for several releases may share a route. Where a kind of rule has no names, or a
server drops them, a copy is known by its destinations: a plan writes both arms into every rule but its copies.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from mesh_adapters.adapter import Saved, TrafficSplit, UnsupportedRoute
from mesh_adapters.splitting.rules import Rule, is_split
from mesh_adapters.splitting.saved import known
from mesh_adapters.splitting.slots import Arm, Entries, Entry

PREFIX = "headgate-canary."
COPIED = ("http", "rules")
"""The kinds of rule that get copies."""
_ARM_OF = re.compile(r"(.+)-(stable|canary)((?:[-.].*)?)")
Item = TypeVar("Item")
Stems = Mapping[str, Collection[str]]
"""What other releases would be called by their arms, and which arms are there."""


def copy_name(split: TrafficSplit, suffix: str = "") -> str:
    """No name of a namespace or a Service has a dot, so none of these names begins another release's."""
    return ".".join(filter(None, (f"{PREFIX}{split.namespace}.{split.canary}", suffix)))


def copy_names(rules: Iterable[Mapping[str, Any]]) -> list[tuple[int, str]]:
    """The names that some release has given to rules, with their positions."""
    return [(at, name) for at, rule in enumerate(rules) if (name := rule.get("name")) and name.startswith(PREFIX)]


def is_own_name(name: str, split: TrafficSplit) -> bool:
    """Whether a name is one of this release's."""
    own = copy_name(split)
    return name == own or name.startswith(f"{own}.")


def canary_alone(entries: Iterable[Entry], names: Entries) -> bool:
    """Whether all that would be the apex's goes to the canary."""
    arms = {names.arm(entry) for entry in entries}
    return Arm.CANARY in arms and not arms & {Arm.STABLE, Arm.APEX}


def strays(
    rules: Sequence[Rule], own: Collection[int], saved: Saved, names: Entries, narrows: Callable[[Rule, Rule], bool]
) -> set[int]:
    """The positions of copies beside those of `own` that somebody has edited beyond recognition: without a name, for
    the canary alone, narrower than a rule that is split, and no rule of the user's that lost its stable arm."""
    suspects = {id(rule): rule for rule in rules if _is_suspect(rule, own, names)}
    if not suspects:
        return set()
    others = [rule for rule in rules if id(rule) not in suspects and rule.position not in own and is_split(rule, names)]
    users = known([*others, *suspects.values()], saved, names)
    return {
        rule.position or 0
        for rule in suspects.values()
        if rule.address not in users and any(narrows(rule, other) for other in others)
    }


def stems(entries: Iterable[Entry], names: Entries) -> Stems:
    """The arms of other releases among these destinations."""
    found: dict[str, set[str]] = {}
    for entry in entries:
        named = _ARM_OF.fullmatch(names.target(entry)) if names.arm(entry) is None else None
        if named:
            found.setdefault(named[1] + named[3], set()).add(named[2])
    return found


def require_alone(rule: Rule, names: Entries, where: str) -> None:
    """Raises UnsupportedRoute where another release has split a destination of the rule: a copy of the rule would go
    on sending traffic there when that release has withdrawn it."""
    other = next((stem for stem, arms in stems(rule.entries, names).items() if len(arms) > 1), None)
    if other is not None:
        raise UnsupportedRoute(
            f"{where}: {rule.field} is split between the stable and the canary of {other} as well, so it cannot have "
            "the policy's match or sticky: wait until that release has ended, or take them out of the policy"
        )


def canary_key(target: str) -> str | None:
    """By what `inserted` orders a destination that is some release's canary; None for any other."""
    named = _ARM_OF.fullmatch(target)
    return target if named and named[2] == "canary" else None


def inserted(items: Sequence[Item], ours: Iterable[Item], mine: str, key: Callable[[Item], str | None]) -> list[Item]:
    """`ours` behind all items but those of other releases with a greater key: what several releases append to one
    list has an order on which all of them agree."""
    at = len(items)
    while at and (key(items[at - 1]) or "") > mine:
        at -= 1
    return [*items[:at], *ours, *items[at:]]


def _is_suspect(rule: Rule, own: Collection[int], names: Entries) -> bool:
    return rule.kind in COPIED and rule.position not in own and not rule.name and canary_alone(rule.entries, names)
