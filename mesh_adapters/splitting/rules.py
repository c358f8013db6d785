"""The rules of a route object that hand traffic to destinations, and which of them a release is about."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from mesh_adapters.adapter import AmbiguousRoute, NoMatchingRoute, Route, RouteSelector
from mesh_adapters.splitting.slots import Arm, Entries, Entry

SPLIT = (Arm.STABLE, Arm.CANARY)
Address = tuple[str, int]
"""A rule's kind and index in the object at hand."""


class Rule(NamedTuple):
    """One rule that has destinations, `entries`, under `key` of its `body` (the object's own, not a copy).

    `kind` is the list of the spec it stands in at `position` (None: the spec itself is the only rule). `matches` are
    the conditions of its requests.
    """

    kind: str
    position: int | None
    body: Mapping[str, Any]
    key: str
    entries: Sequence[Entry]
    matches: Any = None

    @property
    def name(self) -> str:
        return str(self.body.get("name") or "")

    @property
    def path(self) -> str:
        """What leads to the rule, for messages."""
        return "spec" if self.position is None else f"spec.{self.kind}[{self.position}]"

    @property
    def field(self) -> str:
        return f"{self.path}.{self.key}"

    @property
    def address(self) -> Address:
        return self.kind, self.position or 0


def identity(kind: str, route: Route) -> str:
    """What a message calls the object."""
    metadata = route.get("metadata") or {}
    return f"{kind} {metadata.get('namespace', '')}/{metadata.get('name', '')}"


def namespace_of(route: Route) -> str:
    return str((route.get("metadata") or {}).get("namespace") or "")


def is_split(rule: Rule, names: Entries) -> bool:
    return any(names.arm(entry) in SPLIT for entry in rule.entries)


def reaches_apex(rule: Rule, names: Entries) -> bool:
    return any(map(names.reaches, rule.entries))


def in_scope(route: Route, rules: Iterable[Rule], selectors: Sequence[RouteSelector], names: Entries) -> list[Rule]:
    """The rules that carry the apex's traffic and that the selectors choose; all of them when there are none.

    A rule that is split already is always in scope: what a release has begun it must be able to take back, whatever
    has become of the policy or the rule's name since.
    """
    chosen = _chosen(route, selectors)
    reached = [rule for rule in rules if any(map(names.reaches, rule.entries))]
    return reached if chosen is None else [r for r in reached if r.name in chosen or is_split(r, names)]


def require_named_rules(where: str, rules: Sequence[Rule], selector: RouteSelector, names: Entries, apex: str) -> None:
    """Raises NoMatchingRoute or AmbiguousRoute unless each rule that the selector names is there, is the only one of
    that name, and carries the traffic of `apex`."""
    for wanted in selector.routes:
        found = [rule for rule in rules if rule.name == wanted]
        if not found:
            raise NoMatchingRoute(
                f"{where} has no rule with destinations and the name {wanted!r}; it has "
                f"{_listed(rule.name for rule in rules)}: correct `routes` in the policy or name the rule"
            )
        if len(found) > 1:
            fields = " and ".join(rule.path for rule in found)
            raise AmbiguousRoute(f"{where}: {fields} both have the name {wanted!r}: give them different names")
        if not reaches_apex(found[0], names):
            raise NoMatchingRoute(
                f"{where}: {found[0].field} (rule {wanted!r}) has no destination that is Service "
                f"{apex}: choose another rule in the policy's `routes`"
            )


def selectors_of(route: Route, selectors: Sequence[RouteSelector]) -> list[RouteSelector]:
    metadata = route.get("metadata") or {}
    return [s for s in selectors if (s.namespace, s.name) == (namespace_of(route), metadata.get("name"))]


def _chosen(route: Route, selectors: Sequence[RouteSelector]) -> set[str] | None:
    """The names of the chosen rules; None when every rule is meant."""
    mine = selectors_of(route, selectors)
    if not selectors or any(not selector.routes for selector in mine):
        return None
    return {name for selector in mine for name in selector.routes}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names if name) or "no named rule"
