"""What a mesh adapter is: plain objects in, plain objects out, and no client.

A *route* is the mesh's object that says where an apex Service's traffic goes (Istio: a VirtualService), as the plain
dictionary the API server holds. A *split* names the three Services of a release and the canary's share. An adapter
finds the routes of an apex, records what the user had in them, plans the edit, reads the share back, and restores.
No method changes its arguments.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "headgate"

Route = Mapping[str, Any]
Saved = Mapping[str, Any]
"""What `save` returns: a JSON-able record, opaque to everyone but the adapter that wrote it."""


class RouteError(Exception):
    """A route cannot be used as asked. The message names the object, the field and what to do about it."""


class NoMatchingRoute(RouteError):
    """A route that a policy names does not exist, or sends nothing to the apex Service."""


class AmbiguousRoute(RouteError):
    """What a policy names could mean more than one thing."""


class UnsupportedRoute(RouteError):
    """The route sends traffic to the apex Service in a way this adapter cannot split."""


class RouteTaken(RouteError):
    """The route already belongs to something else: another controller's split, or a host that is routed elsewhere."""


class SplitDisagrees(RouteError):
    """The rules of one route do not all give the canary the same share, so there is no single weight to report."""


@dataclass(frozen=True, slots=True)
class TrafficSplit:
    """The wish: of the traffic for Service `apex` of `namespace`, `canary_weight` percent to `canary`, the rest to
    `stable`. Weights are in percent, within [0, 100], and are kept to the nearest 0.0001: compare what `read` answers
    with that tolerance."""

    namespace: str
    apex: str
    stable: str
    canary: str
    canary_weight: float

    def __post_init__(self) -> None:
        if not 0 <= self.canary_weight <= 100:
            raise ValueError(f"canary_weight {self.canary_weight} is not a percentage: give a number from 0 to 100")
        if len({self.apex, self.stable, self.canary}) != 3:
            raise ValueError(f"apex, stable and canary must be three Services: {self}")


@dataclass(frozen=True, slots=True)
class RouteRef:
    """The kind of object an adapter edits. `versions` are those it can handle, the preferred one first."""

    group: str
    kind: str
    plural: str
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RouteSelector:
    """A policy's explicit choice of a route object and, in it, of the named HTTP rules (none named: all rules)."""

    name: str
    namespace: str
    routes: tuple[str, ...] = ()


class RouteAdapter(Protocol):
    """One mesh's way to split traffic. Every method is pure."""

    @property
    def ref(self) -> RouteRef: ...

    def find(
        self,
        routes: Sequence[Route],
        namespace: str,
        apex: str,
        selectors: Sequence[RouteSelector] = (),
        arms: Sequence[str] | None = None,
    ) -> list[dict[str, Any]]:
        """The route objects among `routes` that carry the apex Service's traffic, in the order given.

        An empty list (only without selectors) means that none exists: `create` one. `arms` are the names of the
        stable and canary Services, which stand for the apex in a route that is split already; by default
        APEX-stable and APEX-canary. Raises RouteError.
        """
        ...

    def create(self, split: TrafficSplit, labels: Mapping[str, str], version: str | None = None) -> dict[str, Any]:
        """A new route object, named like the apex and marked as ours, for an apex that has none."""
        ...

    def is_ours(self, route: Route) -> bool:
        """Whether `create` made this object: then giving the route back means deleting it."""
        ...

    def save(
        self,
        route: Route,
        split: TrafficSplit,
        selectors: Sequence[RouteSelector] = (),
        saved: Saved | None = None,
    ) -> dict[str, Any]:
        """The record of what the user has in `route`, to be stored before the first edit.

        Given the earlier record as `saved`, brings it up to date with what the user has changed since; only then may
        the route be split already. Raises RouteError where the route cannot be split.
        """
        ...

    def plan(self, route: Route, split: TrafficSplit, selectors: Sequence[RouteSelector] = ()) -> dict[str, Any]:
        """The edited route. Starts from the user's original or from an earlier split alike, with the same result.

        Raises RouteError for a route that cannot be split, but never for a weight of 0: withdrawing traffic always
        has a plan.
        """
        ...

    def read(self, route: Route, split: TrafficSplit, selectors: Sequence[RouteSelector] = ()) -> float | None:
        """The canary's observed share in percent, None when the route is not split (`split`'s own weight is not
        looked at). Raises SplitDisagrees when its rules differ: plan again."""
        ...

    def restore(self, route: Route, saved: Saved, split: TrafficSplit) -> dict[str, Any]:
        """The route as the user had it, with everything the user has changed since kept."""
        ...


@dataclass(frozen=True, slots=True)
class LabelMatch:
    """One condition on a series' label, in Prometheus' terms: `operator` is one of = != =~ !~, and a missing label
    is the empty string."""

    label: str
    operator: str
    value: str

    def holds(self, labels: Mapping[str, str]) -> bool:
        found = labels.get(self.label, "")
        # Prometheus anchors its regular expressions at both ends.
        matched = found == self.value if self.operator in ("=", "!=") else bool(re.fullmatch(self.value, found))
        return matched != self.operator.startswith("!")


@dataclass(frozen=True, slots=True)
class Series:
    """What a mesh calls its metrics.

    `scope` applies to every query. A request failed when one of `failures` holds, each a conjunction; they exclude
    one another, so their counts may be added. `classified_by` are the labels `failures` look at.
    """

    requests: str
    latency_bucket: str
    latency_unit_seconds: float
    instance: str
    workload: str
    namespace: str
    scope: tuple[LabelMatch, ...]
    failures: tuple[tuple[LabelMatch, ...], ...]

    @property
    def classified_by(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(match.label for failure in self.failures for match in failure))

    def failed(self, labels: Mapping[str, str]) -> bool:
        """Whether the requests counted under these labels failed."""
        return any(all(match.holds(labels) for match in failure) for failure in self.failures)
