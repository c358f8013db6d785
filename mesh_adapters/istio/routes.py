"""Istio: a VirtualService's destinations to the apex Service become weighted pairs of the stable and the canary Service
(or of two subsets of the apex), and nothing else in the object is touched."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mesh_adapters.adapter import CLUSTER_DOMAIN, Route, RouteRef, RouteTaken, TrafficSplit
from mesh_adapters.istio.entries import IstioEntries
from mesh_adapters.istio.hosts import ServiceHosts
from mesh_adapters.istio.subsets import REF as DESTINATION_RULE
from mesh_adapters.istio.subsets import suited_to_subsets
from mesh_adapters.istio.treatment import narrows, others_copies, own_copies, own_mirrors, treated, untreated
from mesh_adapters.splitting.kind import Object
from mesh_adapters.splitting.routes import SplitRoutes
from mesh_adapters.splitting.rules import Address, Rule, in_scope, namespace_of
from mesh_adapters.splitting.slots import Destination, Entries

KINDS = ("http", "tls", "tcp")


class IstioRoutes(SplitRoutes):
    """The RouteAdapter for VirtualServices. `cluster_domain` is what fully qualified hosts end in."""

    copied = "http"

    def __init__(self, cluster_domain: str = CLUSTER_DOMAIN) -> None:
        self._domain = cluster_domain

    @property
    def ref(self) -> RouteRef:
        return RouteRef("networking.istio.io", "VirtualService", "virtualservices", ("v1", "v1beta1", "v1alpha3"))

    @property
    def beside_refs(self) -> tuple[RouteRef, ...]:
        return (DESTINATION_RULE,)

    def entries(self, route: Route, split: TrafficSplit) -> IstioEntries:
        return IstioEntries(ServiceHosts(namespace_of(route), split.namespace, self._domain), split)

    def rules(self, route: Route) -> list[Rule]:
        """Redirects, direct responses and delegations have no destinations, so they are not among them."""
        spec = route.get("spec") or {}
        return [
            Rule(kind, index, body, "route", entries, body.get("match"))
            for kind in KINDS
            for index, body in enumerate(spec.get(kind) or ())
            if (entries := body.get("route"))
        ]

    def with_destinations(self, route: Route, lists: Mapping[Address, list[Destination]]) -> Object:
        spec = dict(route.get("spec") or {})
        for kind in {kind for kind, _ in lists}:
            spec[kind] = list(spec[kind])
        for (kind, index), destinations in lists.items():
            spec[kind][index] = {**spec[kind][index], "route": destinations}
        return {**route, "spec": spec}

    def own_copies(self, route: Route, split: TrafficSplit, names: Entries) -> set[int]:
        del names
        return own_copies(route, split)

    def others_copies(self, route: Route, split: TrafficSplit, names: Entries) -> set[int]:
        del names
        return others_copies(route, split)

    def own_mirrors(self, route: Route, names: Entries) -> list[str]:
        return own_mirrors(route, names)

    def narrows(self, copy: Rule, rule: Rule) -> bool:
        return narrows(copy, rule)

    def untreated(self, route: Route, copies: Collection[int], names: Entries) -> Route:
        return untreated(route, copies, names)

    def treated(
        self, route: Route, split: TrafficSplit, scope: Sequence[Rule], names: Entries, before: Route
    ) -> Object:
        del before
        return treated(route, split, scope, names, self.identity(route))

    def suited(
        self,
        routes: Sequence[Route],
        split: TrafficSplit,
        beside: Sequence[Route],
        pod_labels: Mapping[str, str] | None = None,
    ) -> TrafficSplit:
        named = [
            subset
            for route in routes
            for rule in in_scope(route, self.rules(route), (), self.entries(route, split))
            for subset in self._subsets_of_apex(route, rule, split)
        ]
        return suited_to_subsets(split, beside, named, pod_labels, self._domain)

    def require_room(self, routes: Sequence[Route], split: TrafficSplit) -> None:
        for route in routes:
            hosts = ServiceHosts(namespace_of(route), split.namespace, self._domain)
            spec = route.get("spec") or {}
            taken = next((h for h in spec.get("hosts") or () if hosts.covers(h, split.apex)), None)
            if taken is not None and "mesh" in (spec.get("gateways") or ["mesh"]):
                raise RouteTaken(
                    f"{self.identity(route)}: spec.hosts has {taken!r} for the mesh, but none of its rules has Service "
                    f"{split.namespace}/{split.apex} as a destination: add one, or take the host out"
                )
            metadata = route.get("metadata") or {}
            if (metadata.get("namespace"), metadata.get("name")) == (split.namespace, split.apex):
                raise RouteTaken(
                    f"{self.identity(route)} has the name that a VirtualService for Service "
                    f"{split.namespace}/{split.apex} would get, and sends it nothing: rename it, or add a rule with "
                    "the Service as destination"
                )

    def blank(self, split: TrafficSplit, ports: Sequence[int]) -> Object:
        """The host is the apex's short name, which Istio completes with the VirtualService's own namespace, so that
        it holds for callers in every namespace and under any cluster domain. One rule serves every port."""
        del ports
        return {"hosts": [split.apex], "http": [{"route": [{"destination": {"host": split.apex}}]}]}

    def _subsets_of_apex(self, route: Route, rule: Rule, split: TrafficSplit) -> list[str]:
        names = self.entries(route, split)
        targets: list[Mapping[str, Any]] = [entry.get("destination") or {} for entry in rule.entries]
        return [
            target["subset"]
            for target in targets
            if target.get("subset") and names.service(target.get("host") or "") == split.apex
        ]
