"""The rules of a VirtualService that hand traffic to destinations, and which of them a release is about."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mesh_adapters.adapter import AmbiguousRoute, NoMatchingRoute, Route, RouteSelector
from mesh_adapters.istio.destinations import Arm, Names

_KINDS = ("http", "tls", "tcp")


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of spec.http, spec.tls or spec.tcp that has destinations. `body` is the object's own, not a copy."""

    kind: str
    index: int
    body: dict[str, Any]

    @property
    def name(self) -> str:
        """Only HTTP rules have one."""
        return str(self.body.get("name") or "")

    @property
    def entries(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self.body["route"]
        return found

    @property
    def field(self) -> str:
        return f"spec.{self.kind}[{self.index}].route"


def identity(route: Route) -> str:
    metadata = route.get("metadata") or {}
    return f"VirtualService {metadata.get('namespace', '')}/{metadata.get('name', '')}"


def namespace_of(route: Route) -> str:
    return str((route.get("metadata") or {}).get("namespace") or "")


def rules(route: Route) -> Iterator[Rule]:
    """Redirects, direct responses and delegations have no destinations, so they are not among them."""
    spec = route.get("spec") or {}
    for kind in _KINDS:
        for index, body in enumerate(spec.get(kind) or ()):
            if body.get("route"):
                yield Rule(kind, index, body)


def is_split(rule: Rule, names: Names) -> bool:
    return any(names.arm(entry) in (Arm.STABLE, Arm.CANARY) for entry in rule.entries)


def reaches_apex(rule: Rule, names: Names) -> bool:
    return any(names.arm(entry) or names.subset_of_apex(entry) for entry in rule.entries)


def in_scope(route: Route, selectors: Sequence[RouteSelector], names: Names) -> list[Rule]:
    """The rules that carry the apex's traffic and that the selectors choose; all of them when there are none.

    A rule that is split already is always in scope: what a release has begun it must be able to take back, whatever
    has become of the policy or the rule's name since.
    """
    chosen = _chosen(route, selectors)
    return [
        rule
        for rule in rules(route)
        if is_split(rule, names) or (_selected(rule, chosen) and reaches_apex(rule, names))
    ]


def require_named_rules(route: Route, selector: RouteSelector, names: Names) -> None:
    """Raises NoMatchingRoute or AmbiguousRoute unless each HTTP rule that the selector names is there, is the only one
    of that name, and carries the apex's traffic."""
    for wanted in selector.routes:
        found = [rule for rule in rules(route) if rule.name == wanted]
        if not found:
            raise NoMatchingRoute(
                f"{identity(route)} has no HTTP rule with destinations and the name {wanted!r}; it has "
                f"{_listed(rule.name for rule in rules(route))}: correct `routes` in the policy or name the rule"
            )
        if len(found) > 1:
            fields = " and ".join(f"spec.http[{rule.index}]" for rule in found)
            raise AmbiguousRoute(
                f"{identity(route)}: {fields} both have the name {wanted!r}: give them different names"
            )
        if not reaches_apex(found[0], names) and not is_split(found[0], names):
            raise NoMatchingRoute(
                f"{identity(route)}: {found[0].field} (rule {wanted!r}) has no destination that is Service "
                f"{names.hosts.namespace}/{names.apex}: choose another rule in the policy's `routes`"
            )


def selectors_of(route: Route, selectors: Sequence[RouteSelector]) -> list[RouteSelector]:
    metadata = route.get("metadata") or {}
    return [s for s in selectors if (s.namespace, s.name) == (namespace_of(route), metadata.get("name"))]


def _chosen(route: Route, selectors: Sequence[RouteSelector]) -> set[str] | None:
    """The names of the chosen HTTP rules; None when every rule is meant."""
    mine = selectors_of(route, selectors)
    if not selectors or any(not selector.routes for selector in mine):
        return None
    return {name for selector in mine for name in selector.routes}


def _selected(rule: Rule, chosen: set[str] | None) -> bool:
    return chosen is None or rule.name in chosen


def _listed(names: Iterator[str]) -> str:
    return ", ".join(repr(name) for name in names if name) or "no named rule"
