"""What every kind of route has in common: a kind says how it writes rules and destinations, and all else is here."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from mesh_adapters.adapter import (
    MANAGED_BY,
    MANAGED_BY_LABEL,
    NoMatchingRoute,
    Route,
    RouteSelector,
    RouteTaken,
    Saved,
    SplitDisagrees,
    TrafficSplit,
    UnsupportedRoute,
)
from mesh_adapters.splitting.copies import copy_name, strays
from mesh_adapters.splitting.kind import Object, RouteKind
from mesh_adapters.splitting.rules import (
    Rule,
    in_scope,
    is_split,
    reaches_apex,
    require_named_rules,
    selectors_of,
)
from mesh_adapters.splitting.saved import known, record, recorded
from mesh_adapters.splitting.slots import (
    Destination,
    Entries,
    Slot,
    divided,
    divided_at_once,
    divisible,
    folded,
    pair_weights,
    united,
)
from mesh_adapters.splitting.weights import canary_share


class SplitRoutes(RouteKind):
    """A RouteAdapter but for what its kind of route says in its own way."""

    def find(
        self,
        routes: Sequence[Route],
        namespace: str,
        apex: str,
        selectors: Sequence[RouteSelector] = (),
        arms: Sequence[str] | None = None,
    ) -> list[Object]:
        stable, canary = arms or (f"{apex}-stable", f"{apex}-canary")
        wish = TrafficSplit(namespace, apex, stable, canary, canary_weight=0)
        live = [route for route in routes if not (route.get("metadata") or {}).get("deletionTimestamp")]
        mine = [selector for selector in selectors if selector.means(self.ref)]
        if selectors:
            chosen = [self._selected(live, selector) for selector in mine]
            found = [route for route in live if any(route is each for each in chosen)]
        else:
            found = [route for route in live if self._carries(route, wish)]
        for route in found:
            self._require_reached(route, wish, mine)
        if not found and not selectors:
            self.require_room(live, wish)
        return [deepcopy(dict(route)) for route in found]

    def create(
        self, split: TrafficSplit, labels: Mapping[str, str], version: str | None = None, ports: Sequence[int] = ()
    ) -> Object:
        route = {
            "apiVersion": f"{self.ref.group}/{version or self.ref.versions[0]}",
            "kind": self.ref.kind,
            "metadata": {
                "name": split.apex,
                "namespace": split.namespace,
                "labels": {**labels, MANAGED_BY_LABEL: MANAGED_BY},
            },
            "spec": self.blank(split, ports),
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
    ) -> Object:
        names = self.entries(route, split)
        if saved is None:
            self._require_untaken(route, split, names)
            self._require_splittable(route, self.rules(route), split, selectors, names)
        bare = self._bare(route, split, names, saved)
        rules = self._rules(bare, split, names)
        scope = in_scope(route, rules, selectors, names)
        found = known([rule for rule in scope if is_split(rule, names)], saved, names)
        kept = []
        for rule in scope:
            if not is_split(rule, names):
                kept.append(recorded(rule, rule.entries))
            elif rule.address in found:
                kept.append(dict(found[rule.address]))
        return record(kept)

    def plan(
        self,
        route: Route,
        split: TrafficSplit,
        selectors: Sequence[RouteSelector] = (),
        saved: Saved | None = None,
    ) -> Object:
        names = self.entries(route, split)
        bare = self._bare(route, split, names, saved)
        rules = self._rules(bare, split, names)
        scope = in_scope(route, rules, selectors, names)
        if split.canary_weight > 0 and not any(is_split(rule, names) for rule in scope):
            self._require_scope(route, rules, scope, split, selectors, names)
            self._require_no_copy_of_another(route, split, names)
            for rule in scope:
                self._require_plain(route, rule, names)
        had = known([rule for rule in scope if len(rule.entries) > 2], saved, names)  # a pair has no shares to keep
        alone = pair_weights(canary_share(split.canary_weight), names.limit)
        lists = {}
        for rule in scope:
            found = divided_at_once(rule.entries, names, alone) or self._divided(
                route, rule, had.get(rule.address), split, names
            )
            if found:
                lists[rule.address] = found
        planned = self.with_destinations(bare, lists)
        if not split.treated:
            return planned
        divided_rules = [rule for rule in self.rules(planned) if rule.address in lists]
        return self.treated(planned, split, divided_rules, names, route)

    def _divided(
        self, route: Route, rule: Rule, had: Mapping[str, Any] | None, split: TrafficSplit, names: Entries
    ) -> list[Destination] | None:
        slots = folded(rule.entries, names)
        if had is not None and any(slot.canary is not None for slot in slots):
            slots = folded(united(slots, had["route"], names), names)
        if not any(slot.apex for slot in slots):
            return None
        if split.canary_weight > 0:
            self._require_fine_enough(route, rule, slots, split, names)
        return divided(slots, names, canary_share(split.canary_weight))

    def read(self, route: Route, split: TrafficSplit, selectors: Sequence[RouteSelector] = ()) -> float | None:
        names = self.entries(route, split)
        rules = self._rules(self._bare(route, split, names), split, names)
        seen: dict[float | None, str] = {}
        for rule in in_scope(route, rules, selectors, names):
            for slot in folded(rule.entries, names):
                if slot.apex and slot.share:
                    percent = None if slot.canary is None else float(slot.canary * 100)
                    seen.setdefault(percent, rule.field)
        if len(seen) > 1:
            found = ", ".join(f"{_percent(weight)} in {field}" for weight, field in seen.items())
            raise SplitDisagrees(
                f"{self.identity(route)}: the canary's share of Service {split.namespace}/{split.apex} differs: "
                f"{found}. Somebody has edited it during the release: set the weight again"
            )
        return next(iter(seen), None)

    def restore(self, route: Route, saved: Saved, split: TrafficSplit) -> Object:
        names = self.entries(route, split)
        bare = self._bare(route, split, names, saved)
        mine = [rule for rule in self._rules(bare, split, names) if is_split(rule, names)]
        found = known(mine, saved, names)
        lists = {
            rule.address: united(folded(rule.entries, names), found.get(rule.address, {}).get("route"), names)
            for rule in mine
        }
        return self.with_destinations(bare, lists)

    def _bare(self, route: Route, split: TrafficSplit, names: Entries, saved: Saved | None = None) -> Route:
        """The route without what a treatment of this release has added."""
        copies = self.own_copies(route, split, names)
        if saved is not None and split.treatment.alternatives(split.canary):
            copies |= strays(self.rules(route), copies, saved, names, self.narrows)
        return self.untreated(route, copies, names)

    def _rules(self, route: Route, split: TrafficSplit, names: Entries) -> list[Rule]:
        """The rules that have destinations and are the user's."""
        others, rules = self.others_copies(route, split, names), self.rules(route)
        if not others:
            return rules
        return [rule for rule in rules if rule.kind != self.copied or rule.position not in others]

    def _carries(self, route: Route, split: TrafficSplit) -> bool:
        names = self.entries(route, split)
        return any(reaches_apex(rule, names) for rule in self.rules(route))

    def _selected(self, routes: Sequence[Route], selector: RouteSelector) -> Route:
        for route in routes:
            if selectors_of(route, [selector]):
                return route
        raise NoMatchingRoute(
            f"{self.noun} {selector.namespace}/{selector.name}, named in the policy's {selector.field}, "
            "does not exist: create it or correct the name"
        )

    def _require_reached(self, route: Route, split: TrafficSplit, selectors: Sequence[RouteSelector]) -> None:
        """Raises unless there is something to split, which needs not be possible in every form."""
        names = self.entries(route, split)
        rules = self.rules(route)
        if not any(is_split(rule, names) for rule in rules):
            scope = in_scope(route, rules, selectors, names)
            self._require_scope(route, rules, scope, split, selectors, names)

    def _require_scope(
        self,
        route: Route,
        rules: Sequence[Rule],
        scope: Sequence[Rule],
        split: TrafficSplit,
        selectors: Sequence[RouteSelector],
        names: Entries,
    ) -> None:
        for selector in selectors_of(route, selectors):
            require_named_rules(self.identity(route), rules, selector, names, f"{split.namespace}/{split.apex}")
        if not scope:
            raise NoMatchingRoute(
                f"{self.identity(route)} has no rule with a destination that is Service "
                f"{split.namespace}/{split.apex}: add one, or name another {self.noun} in the policy"
            )

    def _require_splittable(
        self,
        route: Route,
        rules: Sequence[Rule],
        split: TrafficSplit,
        selectors: Sequence[RouteSelector],
        names: Entries,
    ) -> None:
        if any(is_split(rule, names) for rule in rules):
            return
        scope = in_scope(route, rules, selectors, names)
        self._require_scope(route, rules, scope, split, selectors, names)
        for rule in scope:
            self._require_plain(route, rule, names)
            self._require_fine_enough(route, rule, folded(rule.entries, names), split, names)

    def _require_untaken(self, route: Route, split: TrafficSplit, names: Entries) -> None:
        """Raises RouteTaken where something in the user's route would be taken for this release's own."""
        for rule in self.rules(route):
            if is_split(rule, names):
                raise RouteTaken(
                    f"{self.identity(route)}: {rule.field} already sends traffic to {split.stable} or {split.canary}: "
                    f"end the release or the other controller that split it, and put {split.apex} back as destination"
                )
        for field in self.own_mirrors(route, names):
            raise RouteTaken(
                f"{self.identity(route)}: {field} already sends copies of requests to {split.canary}, which Headgate "
                "makes for each release: take it out"
            )
        for at in self.own_copies(route, split, names):
            raise RouteTaken(
                f"{self.identity(route)}: spec.{self.copied}[{at}].name begins with {copy_name(split)!r}, which is for "
                "rules that Headgate adds: rename it"
            )
        self._require_no_copy_of_another(route, split, names)

    def _require_no_copy_of_another(self, route: Route, split: TrafficSplit, names: Entries) -> None:
        others = self.others_copies(route, split, names)
        for rule in self.rules(route) if others else ():
            if rule.kind == self.copied and rule.position in others and reaches_apex(rule, names):
                raise RouteTaken(
                    f"{self.identity(route)}: {rule.field}, a rule that the release of another Service has added, "
                    f"sends traffic to Service {split.namespace}/{split.apex}: wait until that release has ended"
                )

    def _require_plain(self, route: Route, rule: Rule, names: Entries) -> None:
        for at, entry in enumerate(rule.entries):
            problem = names.refused(entry) or names.malformed(entry)
            if problem:
                raise UnsupportedRoute(f"{self.identity(route)}: {rule.field}[{at}]{problem}")
        told = len(rule.entries) > 1 or not names.alone_gets_all
        if told and not any(names.weight(entry) for entry in rule.entries):
            raise UnsupportedRoute(
                f"{self.identity(route)}: every weight in {rule.field} is 0 or missing, so there is no share to split: "
                "give the destinations weights"
            )

    def _require_fine_enough(
        self, route: Route, rule: Rule, slots: Sequence[Slot], split: TrafficSplit, names: Entries
    ) -> None:
        if not divisible(slots, names, canary_share(split.canary_weight)):
            raise UnsupportedRoute(
                f"{self.identity(route)}: {rule.field} cannot give the canary exactly {split.canary_weight:g} %, for "
                "with its own weights they would exceed what the mesh takes: use smaller weights in the same "
                "proportion, or a rounder step"
            )


def _percent(weight: float | None) -> str:
    return "not split" if weight is None else f"{weight:g} %"
