"""HTTPRoute and GRPCRoute of the Gateway API, and Linkerd's HTTPRoute, which is written alike: backendRefs to the apex
become weighted pairs of the stable and the canary Service. Their parents may be Services or Gateways."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mesh_adapters.adapter import Route, RouteRef, RouteTaken, TrafficSplit, UnsupportedRoute
from mesh_adapters.gateway import status
from mesh_adapters.gateway.entries import CORE, GatewayEntries
from mesh_adapters.gateway.grants import REF as REFERENCE_GRANT
from mesh_adapters.gateway.grants import require_granted
from mesh_adapters.gateway.precedence import narrows
from mesh_adapters.gateway.treatment import Limits, others_copies, own_copies, own_mirrors, treated, untreated
from mesh_adapters.splitting.kind import Object
from mesh_adapters.splitting.routes import SplitRoutes
from mesh_adapters.splitting.rules import Address, Rule, namespace_of
from mesh_adapters.splitting.slots import Destination, Entries

GROUP = "gateway.networking.k8s.io"


@dataclass(frozen=True, slots=True)
class Flavour:
    """One kind of route that is written in the Gateway API's way. `service_group`: what it calls a Service's group."""

    ref: RouteRef
    noun: str
    limits: Limits
    service_group: str = ""
    grants: bool = True


HTTP = Flavour(RouteRef(GROUP, "HTTPRoute", "httproutes", ("v1", "v1beta1")), "HTTPRoute", Limits())
GRPC = Flavour(RouteRef(GROUP, "GRPCRoute", "grpcroutes", ("v1",)), "GRPCRoute", Limits(query=False))
LINKERD = Flavour(
    # The versions before know no weights.
    RouteRef("policy.linkerd.io", "HTTPRoute", "httproutes", ("v1beta3", "v1beta2")),
    "HTTPRoute.policy.linkerd.io",
    Limits(matches_a_rule=8, mirrors=False, names=False),
    service_group="core",
    grants=False,
)


class GatewayRoutes(SplitRoutes):
    """The RouteAdapter for one flavour."""

    copied = "rules"

    def __init__(self, flavour: Flavour = HTTP) -> None:
        self._flavour = flavour

    @property
    def ref(self) -> RouteRef:
        return self._flavour.ref

    @property
    def noun(self) -> str:
        return self._flavour.noun

    @property
    def beside_refs(self) -> tuple[RouteRef, ...]:
        return (REFERENCE_GRANT,) if self._flavour.grants else ()

    def entries(self, route: Route, split: TrafficSplit) -> GatewayEntries:
        return GatewayEntries(namespace_of(route), split)

    def rules(self, route: Route) -> list[Rule]:
        return [
            Rule("rules", index, body, "backendRefs", entries, body.get("matches"))
            for index, body in enumerate((route.get("spec") or {}).get("rules") or ())
            if (entries := body.get("backendRefs"))
        ]

    def with_destinations(self, route: Route, lists: Mapping[Address, list[Destination]]) -> Object:
        if not lists:
            return dict(route)
        rules = list(route["spec"]["rules"])
        for (_, index), destinations in lists.items():
            rules[index] = {**rules[index], "backendRefs": destinations}
        return {**route, "spec": {**route["spec"], "rules": rules}}

    def own_copies(self, route: Route, split: TrafficSplit, names: Entries) -> set[int]:
        return own_copies(route, split, names)

    def others_copies(self, route: Route, split: TrafficSplit, names: Entries) -> set[int]:
        return set(others_copies(route, split, names))

    def own_mirrors(self, route: Route, names: Entries) -> list[str]:
        return own_mirrors(route, names)

    def narrows(self, copy: Rule, rule: Rule) -> bool:
        return narrows(copy, rule)

    def untreated(self, route: Route, copies: Collection[int], names: Entries) -> Route:
        return untreated(route, copies, names)

    def treated(
        self, route: Route, split: TrafficSplit, scope: Sequence[Rule], names: Entries, before: Route
    ) -> Object:
        """Copies without names are written so again: the server drops names where its CRD is older than they are."""
        present = own_copies(before, split, names)
        unnamed = any(not before["spec"]["rules"][at].get("name") for at in present)
        named = self._flavour.limits.names and not unnamed
        return treated(route, split, scope, names, self._flavour.limits, self.identity(route), named)

    def suited(
        self,
        routes: Sequence[Route],
        split: TrafficSplit,
        beside: Sequence[Route],
        pod_labels: Mapping[str, str] | None = None,
    ) -> TrafficSplit:
        del pod_labels
        if self._flavour.grants:
            for route in routes:
                require_granted(route, self.ref, split, beside, self.identity(route))
        return split

    def not_followed(self, route: Route) -> str | None:
        problem = status.not_followed(route)
        return f"{self.identity(route)}: {problem}" if problem else None

    def require_room(self, routes: Sequence[Route], split: TrafficSplit) -> None:
        for route in routes:
            if any(self._is_apex(parent, route, split) for parent in (route.get("spec") or {}).get("parentRefs") or ()):
                raise RouteTaken(
                    f"{self.identity(route)}: spec.parentRefs has Service {split.namespace}/{split.apex}, but none of "
                    "its rules has it in backendRefs: add it to one, or take the parent out"
                )
            metadata = route.get("metadata") or {}
            if (metadata.get("namespace"), metadata.get("name")) == (split.namespace, split.apex):
                raise RouteTaken(
                    f"{self.identity(route)} has the name that a route for Service {split.namespace}/{split.apex} "
                    "would get, and sends it nothing: rename it, or add the Service to the backendRefs of a rule"
                )

    def blank(self, split: TrafficSplit, ports: Sequence[int]) -> Object:
        """Its parent is the apex itself. One backendRef has one port, so it can stand for one port of the Service."""
        if len(ports) != 1:
            listed = ", ".join(str(port) for port in ports) or "none"
            raise UnsupportedRoute(
                f"Service {split.namespace}/{split.apex} has no {self.noun}, and one can be made for a Service with "
                f"exactly one port only (spec.ports: {listed}): write routes for it, each port's backendRefs its own"
            )
        parent = {"group": self._flavour.service_group, "kind": "Service", "name": split.apex, "port": ports[0]}
        return {"parentRefs": [parent], "rules": [{"backendRefs": [{"name": split.apex, "port": ports[0]}]}]}

    def _is_apex(self, parent: Mapping[str, Any], route: Route, split: TrafficSplit) -> bool:
        return (
            parent.get("kind") == "Service"
            and parent.get("group") in CORE
            and (parent.get("namespace") or namespace_of(route)) == split.namespace
            and parent.get("name") == split.apex
        )
