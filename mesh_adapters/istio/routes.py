"""Istio at host level: a VirtualService's destinations to the apex Service become weighted pairs of the stable and
the canary Service, and nothing else in the object is touched."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from mesh_adapters.adapter import (
    MANAGED_BY,
    MANAGED_BY_LABEL,
    NoMatchingRoute,
    Route,
    RouteRef,
    RouteSelector,
    RouteTaken,
    Saved,
    SplitDisagrees,
    TrafficSplit,
    UnsupportedRoute,
)
from mesh_adapters.istio.destinations import Names, Slot, divided, divided_shares, folded, united
from mesh_adapters.istio.hosts import ServiceHosts
from mesh_adapters.istio.rules import (
    Rule,
    identity,
    in_scope,
    is_split,
    namespace_of,
    reaches_apex,
    require_named_rules,
    rules,
    selectors_of,
)
from mesh_adapters.istio.saved import known, record, recorded
from mesh_adapters.istio.weights import MAX_TOTAL, canary_share, representable, shares


class IstioRoutes:
    """The RouteAdapter for VirtualServices. `cluster_domain` is what fully qualified hosts end in."""

    def __init__(self, cluster_domain: str = "cluster.local") -> None:
        self._domain = cluster_domain

    @property
    def ref(self) -> RouteRef:
        return RouteRef("networking.istio.io", "VirtualService", "virtualservices", ("v1", "v1beta1", "v1alpha3"))

    def find(
        self,
        routes: Sequence[Route],
        namespace: str,
        apex: str,
        selectors: Sequence[RouteSelector] = (),
        arms: Sequence[str] | None = None,
    ) -> list[dict[str, Any]]:
        stable, canary = arms or (f"{apex}-stable", f"{apex}-canary")
        wish = TrafficSplit(namespace, apex, stable, canary, canary_weight=0)
        live = [route for route in routes if not (route.get("metadata") or {}).get("deletionTimestamp")]
        if selectors:
            found = [_selected(live, selector, position) for position, selector in enumerate(selectors)]
            found = [route for route in live if any(route is each for each in found)]
        else:
            found = [route for route in live if self._carries(route, wish)]
        for route in found:
            self._require_splittable(route, wish, selectors)
        if not found:
            self._require_room(live, wish)
        return [deepcopy(dict(route)) for route in found]

    def create(self, split: TrafficSplit, labels: Mapping[str, str], version: str | None = None) -> dict[str, Any]:
        """The host is the apex's short name, which Istio completes with the VirtualService's own namespace, so that
        it holds for callers in every namespace and under any cluster domain."""
        route = {
            "apiVersion": f"{self.ref.group}/{version or self.ref.versions[0]}",
            "kind": self.ref.kind,
            "metadata": {
                "name": split.apex,
                "namespace": split.namespace,
                "labels": {**labels, MANAGED_BY_LABEL: MANAGED_BY},
            },
            "spec": {"hosts": [split.apex], "http": [{"route": [{"destination": {"host": split.apex}}]}]},
        }
        return self.plan(route, split)

    def is_ours(self, route: Route) -> bool:
        labels = (route.get("metadata") or {}).get("labels") or {}
        return bool(labels.get(MANAGED_BY_LABEL) == MANAGED_BY)

    def save(
        self,
        route: Route,
        split: TrafficSplit,
        selectors: Sequence[RouteSelector] = (),
        saved: Saved | None = None,
    ) -> dict[str, Any]:
        names = self._names(route, split)
        if saved is None:
            _require_untaken(route, names)
            self._require_splittable(route, split, selectors)
        scope = in_scope(route, selectors, names)
        entries = known([rule for rule in scope if is_split(rule, names)], saved, names)
        kept = []
        for rule in scope:
            if not is_split(rule, names):
                kept.append(recorded(rule, rule.entries))
            elif (rule.kind, rule.index) in entries:
                kept.append(recorded(rule, entries[rule.kind, rule.index]["route"]))
        return record(kept)

    def plan(self, route: Route, split: TrafficSplit, selectors: Sequence[RouteSelector] = ()) -> dict[str, Any]:
        planned = deepcopy(dict(route))
        names = self._names(planned, split)
        if split.canary_weight > 0 and not any(is_split(rule, names) for rule in rules(planned)):
            self._require_splittable(planned, split, selectors)
        for rule in in_scope(planned, selectors, names):
            rule.body["route"] = _split_of(planned, rule, names, split.canary_weight)
        return planned

    def read(self, route: Route, split: TrafficSplit, selectors: Sequence[RouteSelector] = ()) -> float | None:
        names = self._names(route, split)
        seen: dict[float | None, str] = {}
        for rule in in_scope(route, selectors, names):
            for slot in folded(rule.entries, names):
                if slot.apex and slot.share:
                    percent = None if slot.canary is None else float(slot.canary * 100)
                    seen.setdefault(percent, rule.field)
        if len(seen) > 1:
            found = ", ".join(f"{_percent(weight)} in {field}" for weight, field in seen.items())
            raise SplitDisagrees(
                f"{identity(route)}: the canary's share of Service {split.namespace}/{split.apex} differs: {found}. "
                "Somebody has edited it during the release: set the weight again"
            )
        return next(iter(seen), None)

    def restore(self, route: Route, saved: Saved, split: TrafficSplit) -> dict[str, Any]:
        restored = deepcopy(dict(route))
        names = self._names(restored, split)
        mine = [rule for rule in rules(restored) if is_split(rule, names)]
        entries = known(mine, saved, names)
        for rule in mine:
            original = entries.get((rule.kind, rule.index), {}).get("route")
            rule.body["route"] = united(folded(rule.entries, names), original, names)
        return restored

    def _names(self, route: Route, split: TrafficSplit) -> Names:
        return Names.of(split, namespace_of(route), self._domain)

    def _carries(self, route: Route, split: TrafficSplit) -> bool:
        names = self._names(route, split)
        return any(reaches_apex(rule, names) for rule in rules(route))

    def _require_splittable(self, route: Route, split: TrafficSplit, selectors: Sequence[RouteSelector]) -> None:
        names = self._names(route, split)
        if any(is_split(rule, names) for rule in rules(route)):
            return
        for selector in selectors_of(route, selectors):
            require_named_rules(route, selector, names)
        scope = in_scope(route, selectors, names)
        if not scope:
            raise NoMatchingRoute(
                f"{identity(route)} has no rule in spec.http, spec.tls or spec.tcp with a destination that is Service "
                f"{split.namespace}/{split.apex}: add one, or name another VirtualService in the policy"
            )
        for rule in scope:
            _require_plain(route, rule, names)
            _require_fine_enough(route, rule, folded(rule.entries, names), split.canary_weight)

    def _require_room(self, routes: Sequence[Route], split: TrafficSplit) -> None:
        """Raises RouteTaken when a VirtualService of ours would stand beside one that already has the apex's host."""
        for route in routes:
            hosts = ServiceHosts(namespace_of(route), split.namespace, self._domain)
            spec = route.get("spec") or {}
            taken = next((h for h in spec.get("hosts") or () if hosts.covers(h, split.apex)), None)
            if taken is not None and "mesh" in (spec.get("gateways") or ["mesh"]):
                raise RouteTaken(
                    f"{identity(route)}: spec.hosts has {taken!r} for the mesh, but none of its rules has Service "
                    f"{split.namespace}/{split.apex} as a destination: add one, or take the host out"
                )
            metadata = route.get("metadata") or {}
            if (metadata.get("namespace"), metadata.get("name")) == (split.namespace, split.apex):
                raise RouteTaken(
                    f"{identity(route)} has the name that a VirtualService for Service {split.namespace}/{split.apex} "
                    "would get, and sends it nothing: rename it, or add a rule with the Service as destination"
                )


def _selected(routes: Sequence[Route], selector: RouteSelector, position: int) -> Route:
    for route in routes:
        if selectors_of(route, [selector]):
            return route
    raise NoMatchingRoute(
        f"VirtualService {selector.namespace}/{selector.name}, named in the policy's virtualServices[{position}], "
        "does not exist: create it or correct the name"
    )


def _require_untaken(route: Route, names: Names) -> None:
    for rule in rules(route):
        if is_split(rule, names):
            raise RouteTaken(
                f"{identity(route)}: {rule.field} already sends traffic to Service {names.stable} or {names.canary}: "
                f"end the release or the other controller that split it, and put {names.apex} back as destination"
            )


def _require_plain(route: Route, rule: Rule, names: Names) -> None:
    for at, entry in enumerate(rule.entries):
        subset = names.subset_of_apex(entry)
        if subset:
            raise UnsupportedRoute(
                f"{identity(route)}: {rule.field}[{at}].destination.subset is {subset!r}; a subset of the apex Service "
                "cannot be split between two Services: remove the subset, or choose other rules in the policy"
            )
    weights = [entry.get("weight") or 0 for entry in rule.entries]
    if not any(shares(weights)):
        raise UnsupportedRoute(
            f"{identity(route)}: every weight in {rule.field} is 0 or missing, so there is no share to split: "
            "give the destinations weights"
        )


def _require_fine_enough(route: Route, rule: Rule, slots: Sequence[Slot], percent: float) -> None:
    if not representable(divided_shares(slots, canary_share(percent))):
        raise UnsupportedRoute(
            f"{identity(route)}: {rule.field} cannot give the canary exactly {percent:g} %, for with its own weights "
            f"the sum would exceed {MAX_TOTAL}: use smaller weights in the same proportion, or a rounder step"
        )


def _split_of(route: Route, rule: Rule, names: Names, percent: float) -> list[dict[str, Any]]:
    slots = folded(rule.entries, names)
    if not any(slot.apex for slot in slots):
        return [dict(entry) for entry in rule.entries]
    if percent > 0:
        _require_fine_enough(route, rule, slots, percent)
    return divided(slots, names, canary_share(percent))


def _percent(weight: float | None) -> str:
    return "not split" if weight is None else f"{weight:g} %"
