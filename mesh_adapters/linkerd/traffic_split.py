"""SMI's TrafficSplit: its backend that is the apex becomes a weighted pair of the stable and the canary Service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from mesh_adapters.adapter import Route, RouteRef, RouteTaken, TrafficSplit, UnsupportedRoute
from mesh_adapters.splitting.kind import Object
from mesh_adapters.splitting.routes import SplitRoutes
from mesh_adapters.splitting.rules import Address, Rule, namespace_of
from mesh_adapters.splitting.slots import Arm, Destination, Entries, Entry
from mesh_adapters.splitting.weights import Limit, Weight

REF = RouteRef("split.smi-spec.io", "TrafficSplit", "trafficsplits", ("v1alpha1", "v1alpha2"))
"""v1alpha1 first: its weights may be quantities, which an object that is stored so keeps under every version."""


_SUFFIXES: Mapping[str, Fraction] = {
    "": Fraction(1),
    **{suffix: Fraction(10) ** (3 * power) for power, suffix in enumerate("num", start=-3)},
    **{suffix: Fraction(10) ** (3 * power) for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Fraction(2) ** (10 * power) for power, suffix in enumerate("KMGTPE", start=1)},
}
"""Of Kubernetes' quantities."""


@dataclass(frozen=True, slots=True)
class TrafficSplitEntries:
    """The backends of one TrafficSplit, Services of its own namespace."""

    route_namespace: str
    split: TrafficSplit

    def arm(self, entry: Entry) -> Arm | None:
        split = self.split
        if self.route_namespace != split.namespace:
            return None
        arms = {split.apex: Arm.APEX, split.stable: Arm.STABLE, split.canary: Arm.CANARY}
        return arms.get(str(entry.get("service") or ""))

    def reaches(self, entry: Entry) -> bool:
        return self.arm(entry) is not None

    def refused(self, entry: Entry) -> str | None:
        return None if self.arm(entry) is None else self.malformed(entry)

    def malformed(self, entry: Entry) -> str | None:
        weight = entry.get("weight")
        meant = weight_of(weight)
        if meant is None or (isinstance(weight, float) and self.arm(entry) is not None and not weight.is_integer()):
            return f".weight is {weight!r}, which is no quantity: write an integer, or thousandths as in 500m"
        return f".weight is {weight!r}: write 0 or more" if meant < 0 else None

    def target(self, entry: Entry) -> str:
        return str(entry.get("service") or "")

    def weight(self, entry: Entry) -> Weight:
        return weight_of(entry.get("weight")) or 0

    def content(self, entry: Entry, arm: Arm | None) -> Destination:
        content = {key: value for key, value in entry.items() if key != "weight"}
        if arm is not None:
            content["service"] = self.split.apex
        return content

    def entry(self, content: Destination, arm: Arm | None, weight: int | None) -> Destination:
        entry = dict(content)
        if arm is not None:
            entry["service"] = self.split.stable if arm is Arm.STABLE else self.split.canary
        return {**entry, "weight": 1 if weight is None else weight}

    @property
    def alone_gets_all(self) -> bool:
        return True

    @property
    def limit(self) -> Limit:
        return Limit()


class TrafficSplits(SplitRoutes):
    """The RouteAdapter for TrafficSplits."""

    @property
    def ref(self) -> RouteRef:
        return REF

    def entries(self, route: Route, split: TrafficSplit) -> TrafficSplitEntries:
        return TrafficSplitEntries(namespace_of(route), split)

    def rules(self, route: Route) -> list[Rule]:
        spec = route.get("spec") or {}
        entries = spec.get("backends")
        return [Rule("backends", None, spec, "backends", entries)] if entries else []

    def with_destinations(self, route: Route, lists: Mapping[Address, list[Destination]]) -> Object:
        found = next(iter(lists.values()), None)
        return dict(route) if found is None else {**route, "spec": {**route["spec"], "backends": found}}

    def treated(
        self, route: Route, split: TrafficSplit, scope: Sequence[Rule], names: Entries, before: Route
    ) -> Object:
        del split, scope, names, before
        raise UnsupportedRoute(
            f"{self.identity(route)}: spec.backends can be given weights and nothing else: take match, mirror, sticky "
            "and fault out of the policy, or use an HTTPRoute"
        )

    def require_room(self, routes: Sequence[Route], split: TrafficSplit) -> None:
        for route in routes:
            spec, metadata = route.get("spec") or {}, route.get("metadata") or {}
            if namespace_of(route) != split.namespace:
                continue
            if spec.get("service") == split.apex:
                backends = ", ".join(str(each.get("service")) for each in spec.get("backends") or ())
                raise RouteTaken(
                    f"{self.identity(route)}: spec.service is {split.apex!r}, but that is not among spec.backends "
                    f"({backends or 'none'}): release the backend whose pods the Deployment has, or put {split.apex} "
                    "there with its weight"
                )
            if metadata.get("name") == split.apex:
                raise RouteTaken(
                    f"{self.identity(route)} has the name that a TrafficSplit for Service "
                    f"{split.namespace}/{split.apex} would get: rename it"
                )

    def blank(self, split: TrafficSplit, ports: Sequence[int]) -> Object:
        del ports
        return {"service": split.apex, "backends": [{"service": split.apex, "weight": 1}]}


def weight_of(value: object) -> Fraction | None:
    """A weight as both versions write it: a number, or a quantity ("500m", "1.5", "2k"). None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    text = str(value)
    if "/" in text or "_" in text:  # which only a Fraction takes
        return None
    suffix = text.lstrip("+-0123456789.") if "e" not in text.lower() else ""
    suffix = suffix if suffix in _SUFFIXES else ""
    try:
        return Fraction(text.removesuffix(suffix)) * _SUFFIXES[suffix]
    except ValueError:
        return None
