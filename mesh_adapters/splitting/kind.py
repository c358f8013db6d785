"""What one kind of route says in its own way, and no other does."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mesh_adapters.adapter import Route, RouteRef, TrafficSplit
from mesh_adapters.splitting.rules import Address, Rule, identity
from mesh_adapters.splitting.slots import Destination, Entries

Object = dict[str, Any]


class RouteKind(ABC):
    """One kind of route."""

    copied: str = ""
    """The list of the spec whose rules a treatment copies."""

    @property
    @abstractmethod
    def ref(self) -> RouteRef: ...

    @property
    def noun(self) -> str:
        """What messages call an object of this kind."""
        return self.ref.kind

    @property
    def beside_refs(self) -> tuple[RouteRef, ...]:
        return ()

    @abstractmethod
    def entries(self, route: Route, split: TrafficSplit) -> Entries:
        """How this route names the back ends of the split."""

    @abstractmethod
    def rules(self, route: Route) -> list[Rule]:
        """Its rules that have destinations."""

    @abstractmethod
    def with_destinations(self, route: Route, lists: Mapping[Address, list[Destination]]) -> Object:
        """The route with these lists of destinations in place of what those rules have."""

    @abstractmethod
    def treated(
        self, route: Route, split: TrafficSplit, scope: Sequence[Rule], names: Entries, before: Route
    ) -> Object:
        """The split route with the split's treatment; `scope` are its rules that are split, and `before` is the route
        as it was found. Raises UnsupportedRoute."""

    def own_copies(self, route: Route, split: TrafficSplit, names: Entries) -> set[int]:  # noqa: ARG002
        """The positions of the rules that this release has added."""
        return set()

    def others_copies(self, route: Route, split: TrafficSplit, names: Entries) -> set[int]:  # noqa: ARG002
        """The positions of the rules that other releases have added."""
        return set()

    def own_mirrors(self, route: Route, names: Entries) -> list[str]:  # noqa: ARG002
        """The fields that send the canary copies of requests."""
        return []

    def narrows(self, copy: Rule, rule: Rule) -> bool:  # noqa: ARG002
        """Whether the one could be a copy of the other but for its headers and parameters."""
        return False

    def untreated(self, route: Route, copies: Collection[int], names: Entries) -> Route:  # noqa: ARG002
        """The route without these copies and without what a treatment has added to other rules; the route itself where
        there is nothing of either."""
        return route

    @abstractmethod
    def require_room(self, routes: Sequence[Route], split: TrafficSplit) -> None:
        """Raises RouteTaken when a route of ours would stand beside one that already has the apex's traffic."""

    @abstractmethod
    def blank(self, split: TrafficSplit, ports: Sequence[int]) -> Object:
        """The spec of a route that sends all of the apex's traffic to the apex."""

    def suited(
        self,
        routes: Sequence[Route],  # noqa: ARG002 -- most kinds need no more than Services
        split: TrafficSplit,
        beside: Sequence[Route],  # noqa: ARG002
        pod_labels: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> TrafficSplit:
        return split

    def not_followed(self, route: Route) -> str | None:  # noqa: ARG002 -- most kinds have no status
        return None

    def identity(self, route: Route) -> str:
        """What messages call this object."""
        return identity(self.noun, route)
