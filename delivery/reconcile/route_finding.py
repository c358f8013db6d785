"""Which routes carry a Service's traffic, of which mesh they are, and in what form they can be split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from delivery.cluster.client import Object
from delivery.cluster.kinds import Kind
from delivery.cluster.reader import Reader
from delivery.errors import InvalidSpec
from delivery.reconcile.splits import selectors_of
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import RouteRecord
from mesh_adapters.adapter import RouteAdapter, RouteError, RouteRef, RouteSelector, RouteTaken, TrafficSplit
from mesh_adapters.istio.subsets import REF as DESTINATION_RULE
from mesh_adapters.istio.subsets import rule_of
from mesh_adapters.meshes import Mesh

Answer = TypeVar("Answer")
ISTIO = "istio"
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FoundRoutes:
    """The routes of one Service, all of one mesh, and the split in the form they need.

    None found: `maker` makes one. `subset_rule` is the DestinationRule that gets the arms as subsets, where the split
    is by subsets.
    """

    mesh: str
    split: TrafficSplit
    routes: tuple[tuple[RouteAdapter, Object], ...]
    maker: RouteAdapter | None = None
    subset_rule: Object | None = None


class RouteFinder:
    """Looks through all the routes there are. Raises InvalidSpec with the sentence that says what to do."""

    def __init__(self, meshes: Mapping[str, Mesh]) -> None:
        self._meshes = meshes
        self._adapters = {
            (adapter.ref.group, adapter.ref.kind): adapter for mesh in meshes.values() for adapter in mesh.adapters
        }

    def adapter(self, record: RouteRecord) -> RouteAdapter:
        """The adapter for a route that is recorded."""
        return self._adapters[record.group, record.kind]

    def find(
        self, reader: Reader, split: TrafficSplit, policy: DeliveryPolicySpec, pod_labels: Labels | None
    ) -> FoundRoutes:
        """`pod_labels` as in RouteAdapter.suited."""
        named = selectors_of(policy, split.namespace)
        candidates = self._candidates(policy, named)
        served = [adapter for adapter in _distinct(candidates) if reader.serves(kind_of(adapter.ref))]
        if not served:
            kinds = " or ".join(str(kind_of(adapter.ref)) for adapter in _distinct(candidates))
            raise InvalidSpec(
                f"Service {split.namespace}/{split.apex}: this cluster serves no {kinds}; install the mesh's CRDs, or "
                "correct the policy's mesh.provider"
            )
        selectors = [each for mesh in candidates for each in named[mesh.name]]
        found = self._look(reader, served, split, selectors)
        mesh = self._mesh(reader, candidates, found, split)
        split, rule = self._suited(reader, found, split, policy, pod_labels)
        found = _with_traffic(found, split)
        return FoundRoutes(mesh.name, split, tuple(found), None if found else _maker(mesh, served, split), rule)

    def _candidates(self, policy: DeliveryPolicySpec, named: Mapping[str, Sequence[RouteSelector]]) -> list[Mesh]:
        chosen = next((name for name, selectors in named.items() if selectors), policy.mesh.provider)
        return [mesh for mesh in self._meshes.values() if chosen in ("auto", mesh.name)]

    def _look(
        self, reader: Reader, adapters: Sequence[RouteAdapter], split: TrafficSplit, selectors: Sequence[RouteSelector]
    ) -> list[tuple[RouteAdapter, Object]]:
        found: list[tuple[RouteAdapter, Object]] = []
        taken: list[RouteTaken] = []
        for adapter in adapters:
            arms = (split.stable, split.canary)
            named = (split.apex, *arms, *(selector.name for selector in selectors))
            listed = reader.mentioning(kind_of(adapter.ref), named)
            try:
                routes = adapter.find(listed, split.namespace, split.apex, selectors, arms)
            except RouteTaken as problem:
                taken.append(problem)  # only in the way where nothing else carries the Service
            except RouteError as problem:
                raise InvalidSpec(str(problem)) from problem
            else:
                found += [(adapter, route) for route in routes]
        if taken and not found:
            raise InvalidSpec(str(taken[0])) from taken[0]
        return found

    def _mesh(
        self,
        reader: Reader,
        candidates: Sequence[Mesh],
        found: Sequence[tuple[RouteAdapter, Object]],
        split: TrafficSplit,
    ) -> Mesh:
        """The one mesh whose routes these are."""
        fitting = [mesh for mesh in candidates if all(adapter in mesh.adapters for adapter, _ in found)]
        if not fitting:
            names = " and ".join(_named(adapter, route) for adapter, route in found)
            raise InvalidSpec(
                f"Service {split.namespace}/{split.apex} has routes of several meshes: {names}; choose one with the "
                "policy's mesh.provider"
            )
        if len(fitting) == 1:
            return fitting[0]
        # Routes of the Gateway API are several meshes'; what else the cluster serves tells which is there.
        told = [mesh for mesh in fitting if any(_serves_own(reader, adapter, mesh) for adapter in mesh.adapters)]
        return (told or fitting)[0]

    def _suited(
        self,
        reader: Reader,
        found: Sequence[tuple[RouteAdapter, Object]],
        split: TrafficSplit,
        policy: DeliveryPolicySpec,
        pod_labels: Labels | None,
    ) -> tuple[TrafficSplit, Object | None]:
        """The split in the form these routes need, and the DestinationRule where that is by subsets."""
        rule: Object | None = None
        for adapter in {adapter.ref: adapter for adapter, _ in found}.values():
            mine = [route for each, route in found if each is adapter]
            if DESTINATION_RULE not in adapter.beside_refs:
                split = _suited_by(adapter, mine, split, _beside(reader, adapter, split), pod_labels)
            elif policy.mesh.istio.split_by != "services":
                rules = _beside(reader, adapter, split)
                split = _suited_by(adapter, mine, split, rules, pod_labels)
                domain = self._meshes[ISTIO].cluster_domain
                rule = None if split.subsets is None else dict(rule_of(split, rules, domain) or {})
        if policy.mesh.istio.split_by == "subsets" and rule is None:
            raise InvalidSpec(
                f"Service {split.namespace}/{split.apex}: the policy's mesh.istio.splitBy is subsets, and no "
                f"DestinationRule in namespace {split.namespace} has its host; create one, or set auto"
            )
        return split, rule


def _with_traffic(found: list[tuple[RouteAdapter, Object]], split: TrafficSplit) -> list[tuple[RouteAdapter, Object]]:
    """Those that give the Service any traffic: of none there is no share to read back."""
    withdrawn = replace(split, canary_weight=0.0)
    kept = [
        (adapter, route)
        for adapter, route in found
        if checked(partial(adapter.read, adapter.plan(route, withdrawn), withdrawn)) is not None
    ]
    if found and not kept:
        adapter, route = found[0]
        checked(partial(adapter.save, route, withdrawn))  # which may have the better words
        raise InvalidSpec(
            f"{_named(adapter, route)} gives Service {split.namespace}/{split.apex} no traffic, so there is nothing to "
            "split: give it a weight"
        )
    return kept


def _maker(mesh: Mesh, served: Sequence[RouteAdapter], split: TrafficSplit) -> RouteAdapter:
    found = next((adapter for adapter in mesh.makers if adapter in served), None)
    if found is None:
        raise InvalidSpec(
            f"Service {split.namespace}/{split.apex} has no route, and the kinds that {mesh.name} has here cannot be "
            "made for it; write a route whose destination is the Service"
        )
    return found


def _beside(reader: Reader, adapter: RouteAdapter, split: TrafficSplit) -> list[Object]:
    kinds = [kind_of(ref) for ref in adapter.beside_refs]
    return [obj for kind in kinds if reader.serves(kind) for obj in reader.list(kind, split.namespace)]


def _suited_by(
    adapter: RouteAdapter,
    routes: Sequence[Object],
    split: TrafficSplit,
    beside: Sequence[Object],
    pod_labels: Labels | None,
) -> TrafficSplit:
    return checked(lambda: adapter.suited(routes, split, beside, pod_labels))


def kind_of(ref: RouteRef) -> Kind:
    """The REST resource of what an adapter edits or asks for."""
    return Kind(ref.group, ref.versions, ref.kind, ref.plural)


def route_kinds(meshes: Mapping[str, Mesh]) -> list[Kind]:
    """Every kind that is edited, or asked for beside a route."""
    refs = [ref for mesh in meshes.values() for each in mesh.adapters for ref in (each.ref, *each.beside_refs)]
    return [kind_of(ref) for ref in dict.fromkeys(refs)]


def checked(plan: Callable[[], Answer]) -> Answer:
    """What an adapter answers. Raises InvalidSpec with its sentence where it refuses."""
    try:
        return plan()
    except RouteError as problem:
        raise InvalidSpec(str(problem)) from problem


def _distinct(meshes: Sequence[Mesh]) -> list[RouteAdapter]:
    return list({adapter.ref: adapter for mesh in meshes for adapter in mesh.adapters}.values())


def _serves_own(reader: Reader, adapter: RouteAdapter, mesh: Mesh) -> bool:
    return adapter.ref.group in mesh.told_by and reader.serves(kind_of(adapter.ref))


def _named(adapter: RouteAdapter, route: Object) -> str:
    return f"{kind_of(adapter.ref)} {route['metadata']['namespace']}/{route['metadata']['name']}"
