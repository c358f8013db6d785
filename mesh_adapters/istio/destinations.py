"""One rule's list of weighted destinations, as the user has it and as a release splits it.

`folded` reads a list in either form into slots: one for each destination the user wrote, with the share of the rule's
traffic it has and, where it goes to the apex Service, how much of that is the canary's. `divided` and `united` write
slots back. A destination to the stable or canary Service that has lost its partner counts as the apex's too, for its
Service is gone when the release ends.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from typing import Any

from mesh_adapters.adapter import TrafficSplit
from mesh_adapters.istio.hosts import ServiceHosts, renamed
from mesh_adapters.istio.weights import integer_weights, shares

Destination = dict[str, Any]


class Arm(Enum):
    APEX = "apex"
    STABLE = "stable"
    CANARY = "canary"


@dataclass(frozen=True, slots=True)
class Names:
    """The Services of one split, as the hosts of one VirtualService name them."""

    hosts: ServiceHosts
    apex: str
    stable: str
    canary: str

    @classmethod
    def of(cls, split: TrafficSplit, route_namespace: str, cluster_domain: str) -> "Names":
        hosts = ServiceHosts(route_namespace, split.namespace, cluster_domain)
        return cls(hosts, split.apex, split.stable, split.canary)

    def arm(self, entry: Mapping[str, Any]) -> Arm | None:
        """Which of the three Services a destination goes to. A subset of the apex is none of them: its pods are
        chosen by a DestinationRule, which a Service beside the apex has not got."""
        target = entry.get("destination") or {}
        service = self.hosts.service(target.get("host") or "")
        if service == self.apex:
            return None if target.get("subset") else Arm.APEX
        return {self.stable: Arm.STABLE, self.canary: Arm.CANARY}.get(service or "")

    def subset_of_apex(self, entry: Mapping[str, Any]) -> str | None:
        target = entry.get("destination") or {}
        at_apex = self.hosts.service(target.get("host") or "") == self.apex
        return (target.get("subset") or None) if at_apex else None


@dataclass(frozen=True, slots=True)
class Slot:
    """One destination as the user would have it: `content` has the apex as host and no weight; `share` is of the
    rule's traffic; `canary` is the canary's part of that, None when it is not split. `apex` tells it from others."""

    content: Destination
    share: Fraction
    apex: bool
    canary: Fraction | None = None


def folded(entries: Sequence[Mapping[str, Any]], names: Names) -> list[Slot]:
    """The slots of a list of destinations, in its order."""
    weighted = list(zip(entries, shares([entry.get("weight") or 0 for entry in entries]), strict=True))
    slots: list[Slot] = []
    awaiting: list[tuple[int, Arm]] = []  # positions of the slots that lack the other arm
    for entry, share in weighted:
        arm = names.arm(entry)
        content = _content(entry, names.apex if arm else None)
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


def divided(slots: Sequence[Slot], names: Names, canary: Fraction) -> list[Destination]:
    """The list with each of the apex's slots as two destinations, `canary` (of 1) of its share to the canary."""
    parts = list(_parts(slots, canary))
    weights = integer_weights([part.share for part, _ in parts])
    return [
        _weighted(part.content, service and _service(names, service), weight)
        for (part, service), weight in zip(parts, weights, strict=True)
    ]


def divided_shares(slots: Sequence[Slot], canary: Fraction) -> list[Fraction]:
    """The shares that `divided` has to write as weights."""
    return [part.share for part, _ in _parts(slots, canary)]


def united(slots: Sequence[Slot], original: Sequence[Mapping[str, Any]] | None, names: Names) -> list[Destination]:
    """The list with one destination for each slot: the user's own of `original` where the slots still are those,
    in whatever order; else (the user has changed the list, or `original` is None) made anew with the same shares."""
    matched = matching(slots, original or (), names)
    if matched is not None:
        return [deepcopy(dict(entry)) for entry in matched]
    if len(slots) == 1:
        return [deepcopy(slots[0].content)]
    weights = integer_weights([slot.share for slot in slots])
    return [_weighted(slot.content, None, weight) for slot, weight in zip(slots, weights, strict=True)]


def matching(
    slots: Sequence[Slot], original: Sequence[Mapping[str, Any]], names: Names
) -> list[Mapping[str, Any]] | None:
    """The user's own destinations in the order of `slots`; None unless the two agree, shares included."""
    left = list(zip(folded(original, names), original, strict=True)) if original else []
    found: list[Mapping[str, Any]] = []
    for slot in slots:
        at = next((i for i, (own, _) in enumerate(left) if _same(own, slot)), None)
        if at is None:
            return None
        found.append(left.pop(at)[1])
    return found if found and not left else None


def _same(one: Slot, other: Slot) -> bool:
    return one.content == other.content and one.share == other.share and one.apex == other.apex


def _content(entry: Mapping[str, Any], apex: str | None) -> Destination:
    content = {key: deepcopy(value) for key, value in entry.items() if key != "weight"}
    if apex is not None:
        content["destination"]["host"] = renamed(content["destination"]["host"], apex)
    return content


def _joined(slot: Slot, share: Fraction, arm: Arm) -> Slot:
    whole = slot.share + share
    canary = share if arm is Arm.CANARY else slot.share
    return replace(slot, share=whole, canary=canary / whole if whole else Fraction(0))


def _parts(slots: Sequence[Slot], canary: Fraction) -> Iterator[tuple[Slot, Arm | None]]:
    for slot in slots:
        if not slot.apex:
            yield slot, None
            continue
        yield replace(slot, share=slot.share * (1 - canary)), Arm.STABLE
        yield replace(slot, share=slot.share * canary), Arm.CANARY


def _service(names: Names, arm: Arm) -> str:
    return {Arm.APEX: names.apex, Arm.STABLE: names.stable, Arm.CANARY: names.canary}[arm]


def _weighted(content: Destination, service: str | None, weight: int) -> Destination:
    entry = deepcopy(content)
    if service is not None:
        entry["destination"]["host"] = renamed(entry["destination"]["host"], service)
    entry["weight"] = weight
    return entry
