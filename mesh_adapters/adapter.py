"""What a mesh adapter is: plain objects in, plain objects out, and no client.

A *route* is the mesh's object that says where an apex Service's traffic goes (Istio: a VirtualService), as the plain
dictionary the API server holds. A *split* names the three Services of a release and the canary's share. An adapter
finds the routes of an apex, records what the user had in them, plans the edit, reads the share back, and restores.
No method changes its arguments, and what it returns may share parts with them: change neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "headgate"
CLUSTER_DOMAIN = "cluster.local"
"""What fully qualified hosts of a cluster's Services end in where nobody has said otherwise."""

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
class Condition:
    """One thing a request must have: a header, a cookie or a query parameter whose value is, begins with or matches
    (as a whole, RE2) `value`; for `present` any value will do. Header names are compared without case."""

    on: Literal["header", "cookie", "query"]
    name: str
    how: Literal["exact", "prefix", "regex", "present"] = "exact"
    value: str = ""


@dataclass(frozen=True, slots=True)
class Stickiness:
    """Who was answered by the canary is sent there again, by a cookie that lives `max_age_s` seconds."""

    cookie: str
    max_age_s: int


@dataclass(frozen=True, slots=True)
class Fault:
    """For `percent` of the requests: an answer delayed by `delay_s` seconds, or `abort_status` instead of one."""

    percent: float
    delay_s: float | None = None
    abort_status: int | None = None


@dataclass(frozen=True, slots=True)
class Treatment:
    """What the mesh does for the canary beside its weight, while that is between 0 and 100.

    `match`: alternatives, each a conjunction; requests that satisfy one go to the canary whatever the weight.
    `mirror_percent` of all requests are sent to the canary as well, their answers dropped. `fault` is done to the
    requests that are chosen by `match` or by a sticky cookie, never to others.
    """

    match: tuple[tuple[Condition, ...], ...] = ()
    mirror_percent: float = 0.0
    sticky: Stickiness | None = None
    fault: Fault | None = None

    def alternatives(self, canary: str) -> tuple[tuple[Condition, ...], ...]:
        """Every conjunction that sends a request to the canary, the sticky cookie's included."""
        if self.sticky is None:
            return self.match
        return (*self.match, (Condition("cookie", self.sticky.cookie, "exact", canary),))


@dataclass(frozen=True, slots=True)
class TrafficSplit:
    """The wish: of the traffic for Service `apex` of `namespace`, `canary_weight` percent to `canary`, the rest to
    `stable`. Weights are in percent, within [0, 100], and are kept to the nearest 0.0001: compare what `read` answers
    with that tolerance.

    `subsets` None: stable and canary are Services. Else they are subsets (of an Istio DestinationRule) of the apex,
    and `subsets` are the names of those the user has for these same pods.
    """

    namespace: str
    apex: str
    stable: str
    canary: str
    canary_weight: float
    treatment: Treatment = Treatment()
    subsets: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.canary_weight <= 100:
            raise ValueError(f"canary_weight {self.canary_weight} is not a percentage: give a number from 0 to 100")
        if len({self.apex, self.stable, self.canary}) != 3:
            raise ValueError(f"apex, stable and canary must be three Services: {self}")

    @property
    def treated(self) -> bool:
        """Whether the treatment is in effect, and is one."""
        return 0 < self.canary_weight < 100 and self.treatment != Treatment()


@dataclass(frozen=True, slots=True)
class RouteRef:
    """The kind of object an adapter edits. `versions` are those it can handle, the preferred one first."""

    group: str
    kind: str
    plural: str
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RouteSelector:
    """A policy's explicit choice of a route object and, in it, of the named rules (none named: all rules).

    `field` is where the policy says so. `kind` and `group` empty: whichever kind the adapter edits.
    """

    name: str
    namespace: str
    routes: tuple[str, ...] = ()
    kind: str = ""
    group: str = ""
    field: str = "mesh"

    def means(self, ref: RouteRef) -> bool:
        return self.kind in ("", ref.kind) and self.group in ("", ref.group)


class RouteAdapter(Protocol):
    """One mesh's way to split traffic. Every method is pure."""

    @property
    def ref(self) -> RouteRef: ...

    @property
    def noun(self) -> str:
        """What messages call an object of this kind."""
        ...

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

    def suited(
        self,
        routes: Sequence[Route],
        split: TrafficSplit,
        beside: Sequence[Route],
        pod_labels: Mapping[str, str] | None = None,
    ) -> TrafficSplit:
        """The split in the form that these routes of the user's need: by Services, or by subsets of the apex.

        `beside` are the objects of the kinds that `beside_refs` names, of the apex's namespace. `pod_labels` are those
        of the stable pods; None where they are not known, and every subset may be theirs. Raises RouteError where
        what stands beside the routes does not allow the split.
        """
        ...

    @property
    def beside_refs(self) -> tuple[RouteRef, ...]:
        """The kinds of object beside the routes that decide whether and how they can be split."""
        ...

    def create(
        self, split: TrafficSplit, labels: Mapping[str, str], version: str | None = None, ports: Sequence[int] = ()
    ) -> dict[str, Any]:
        """A new route object, named like the apex and marked as ours, for an apex that has none. `ports` are those of
        the apex Service. Raises UnsupportedRoute where one object cannot stand for all of them."""
        ...

    def not_followed(self, route: Route) -> str | None:
        """What the mesh says against the route as it is now, or that it has not taken it up yet; None when it follows
        the route, or when this kind of route does not tell."""
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

    def plan(
        self,
        route: Route,
        split: TrafficSplit,
        selectors: Sequence[RouteSelector] = (),
        saved: Saved | None = None,
    ) -> dict[str, Any]:
        """The edited route. Starts from the user's original or from an earlier split alike, with the same result.

        In an earlier split, destinations that `saved` knows get the shares the user gave them, whatever weights they
        have now; without `saved` their present proportions are kept.

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
