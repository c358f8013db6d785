"""How a VirtualService names the back ends of a split: hosts of Services, or subsets of the apex's host."""

from dataclasses import dataclass, field

from mesh_adapters.adapter import TrafficSplit
from mesh_adapters.istio.cookies import without_cookie
from mesh_adapters.istio.hosts import ServiceHosts, renamed
from mesh_adapters.splitting.slots import Arm, Destination, Entry
from mesh_adapters.splitting.weights import Limit, below_zero

_STABLE, _CANARY = Arm.STABLE, Arm.CANARY  # which are looked up for every rule, and slowly on an Enum
LIMIT = Limit(total=2**31 - 1)
"""Istio adds the weights of a rule up in an int32."""


@dataclass(frozen=True, slots=True)
class IstioEntries:
    """The destinations of one VirtualService. A subset of the apex is none of the apex's Services: its pods are chosen
    by a DestinationRule, which a Service beside the apex has not got."""

    hosts: ServiceHosts
    split: TrafficSplit
    # A route names few hosts, many times.
    _services: dict[str, str | None] = field(default_factory=dict)
    _arms: dict[tuple[str, str | None], Arm | None] = field(default_factory=dict)
    _reached: dict[tuple[str, str | None], bool] = field(default_factory=dict)
    _hosts: dict[tuple[str, str], str] = field(default_factory=dict)

    def service(self, host: str) -> str | None:
        """The Service of the split's namespace that a host means."""
        if host not in self._services:
            self._services[host] = self.hosts.service(host)
        return self._services[host]

    def arm(self, entry: Entry) -> Arm | None:
        target = entry.get("destination") or {}
        named = target.get("host") or "", target.get("subset")
        if named not in self._arms:
            self._arms[named] = self._arm_of(*named)
        return self._arms[named]

    def reaches(self, entry: Entry) -> bool:
        target, split = entry.get("destination") or {}, self.split
        named = target.get("host") or "", target.get("subset")
        if not named[0].startswith((split.apex, split.stable, split.canary)):
            return False  # nearly all hosts of a large route, each of them another one
        if named not in self._reached:
            self._reached[named] = self.arm(entry) is not None or self.refused(entry) is not None
        return self._reached[named]

    def refused(self, entry: Entry) -> str | None:
        target = entry.get("destination") or {}
        subset = target.get("subset")
        if self.split.subsets is not None or not subset or self.service(target.get("host") or "") != self.split.apex:
            return None
        return (
            f".destination.subset is {subset!r}; a subset of the apex Service cannot be split between two Services: "
            "set `splitBy: subsets` (or auto) in the policy, remove the subset, or choose other rules"
        )

    def weight(self, entry: Entry) -> int:
        return entry.get("weight") or 0

    def malformed(self, entry: Entry) -> str | None:
        return below_zero(entry)

    def target(self, entry: Entry) -> str:
        """The host, and behind it the subset."""
        target = entry.get("destination") or {}
        return " ".join(filter(None, (target.get("host"), target.get("subset"))))

    def content(self, entry: Entry, arm: Arm | None) -> Destination:
        content = dict(entry)
        content.pop("weight", None)
        if arm is None or arm is Arm.APEX:
            return content
        content["destination"] = self._target(content["destination"], Arm.APEX)
        return without_cookie(content, self.split.canary) if arm is Arm.CANARY else content

    def entry(self, content: Destination, arm: Arm | None, weight: int | None) -> Destination:
        entry = dict(content)
        if arm is not None:
            entry["destination"] = self._target(content["destination"], arm)
        if weight is not None:
            entry["weight"] = weight
        return entry

    @property
    def alone_gets_all(self) -> bool:
        return True

    @property
    def limit(self) -> Limit:
        return LIMIT

    def subset(self, own: str | None, arm: Arm) -> str:
        """The subset of one arm that stands for the user's own one of the apex, or for the apex itself."""
        name = self.split.stable if arm is Arm.STABLE else self.split.canary
        return f"{name}-{own}" if own else name

    def _target(self, target: Destination, arm: Arm) -> Destination:
        """The destination with another arm in place of the one it names."""
        split = self.split
        if split.subsets is None:
            service = split.canary if arm is _CANARY else split.stable if arm is _STABLE else split.apex
            key = target["host"], service
            if key not in self._hosts:
                self._hosts[key] = renamed(*key)
            return {**target, "host": self._hosts[key]}
        own = self._own_subset(target.get("subset"))
        subset = own if arm is Arm.APEX else self.subset(own, arm)
        if subset:
            return {**target, "subset": subset}
        return {key: value for key, value in target.items() if key != "subset"}

    def _arm_of(self, host: str, subset: str | None) -> Arm | None:
        split, service = self.split, self.service(host)
        if split.subsets is not None:
            return self._arm_of_subset(subset) if service == split.apex else None
        arms = {split.apex: None if subset else Arm.APEX, split.stable: Arm.STABLE, split.canary: Arm.CANARY}
        return arms.get(service or "")

    def _arm_of_subset(self, subset: str | None) -> Arm | None:
        if not subset or subset in (self.split.subsets or ()):
            return Arm.APEX
        for arm, name in ((Arm.STABLE, self.split.stable), (Arm.CANARY, self.split.canary)):
            if subset == name or subset.startswith(f"{name}-"):
                return arm
        return None

    def _own_subset(self, subset: str | None) -> str | None:
        for name in (self.split.stable, self.split.canary):
            if subset == name:
                return None
            if subset and subset.startswith(f"{name}-"):
                return subset.removeprefix(f"{name}-")
        return subset or None
