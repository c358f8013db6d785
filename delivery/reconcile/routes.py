"""Routes through the API: find, read, split, restore. The adapter plans; this writes with a precondition."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from delivery.cluster.client import Cluster, Object
from delivery.cluster.kinds import VIRTUAL_SERVICE
from delivery.decision.snapshot import RouteState
from delivery.errors import InvalidSpec, NotFound
from delivery.resources.annotations import ownership_labels
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Release, RouteRecord
from mesh_adapters.adapter import RouteAdapter, RouteError, RouteSelector, SplitDisagrees, TrafficSplit

Answer = TypeVar("Answer")

UNKNOWN_WEIGHT = math.inf  # rules or routes that disagree: equal to no weight anybody could wish for


class Routes:
    """The mesh's route objects of one kind, as one adapter understands them."""

    def __init__(self, cluster: Cluster, adapter: RouteAdapter) -> None:
        self._cluster = cluster
        self._adapter = adapter
        self._kind = VIRTUAL_SERVICE

    def preview(self, namespace: str, deployment: str, apex: str, policy: DeliveryPolicySpec) -> None:
        """Whether a release of this Deployment could split the apex's route. Raises InvalidSpec."""
        self._find(_split(namespace, deployment, apex, 0.0), policy)

    def state(self, release: Release, policy: DeliveryPolicySpec) -> RouteState:
        """What the mesh does now, and (before the first edit) what must be remembered to undo ours."""
        split = _split_of(release, 0.0)
        try:
            if not release.status.routes:
                return RouteState(records=self._records(split, policy))
            return self._observe(release, split, policy)
        except InvalidSpec as problem:
            return RouteState(problem=str(problem))

    def set_weight(self, release: Release, policy: DeliveryPolicySpec, weight: float) -> bool:
        """Gives the canary `weight` percent on every recorded route; True when something was written.

        Raises InvalidSpec, Conflict, NotFound (a route of the user's that is gone).
        """
        split, wrote = _split_of(release, weight), False
        for record in release.status.routes:
            route = self._cluster.find(self._kind, record.name, record.namespace)
            if route is None:
                wrote |= self._recreate(record, split)
                continue
            wrote |= self._split_one(route, split, policy)
        return wrote

    def restore(self, release: Release) -> bool:
        """Gives every recorded route back as the user had it; True when something was written."""
        wrote = False
        for record in release.status.routes:
            route = self._cluster.find(self._kind, record.name, record.namespace)
            if route is None:
                continue
            if record.created and self._adapter.is_ours(route):
                self._delete(route)
                wrote = True
                continue
            restored = self._adapter.restore(route, record.saved, _split_of(release, 0.0))
            if restored != route:
                self._cluster.replace(self._kind, restored)
                wrote = True
        return wrote

    def _find(self, split: TrafficSplit, policy: DeliveryPolicySpec) -> list[Object]:
        if not self._cluster.serves(self._kind):
            raise InvalidSpec(
                f"Service {split.namespace}/{split.apex}: this cluster serves no {self._kind}; install Istio's CRDs"
            )
        listed = self._cluster.list(self._kind).items
        selectors = _selectors(split.namespace, policy)
        return _checked(
            lambda: self._adapter.find(listed, split.namespace, split.apex, selectors, (split.stable, split.canary))
        )

    def _records(self, split: TrafficSplit, policy: DeliveryPolicySpec) -> tuple[dict[str, Any], ...]:
        found = self._find(split, policy)
        if not found:
            return (RouteRecord(name=split.apex, namespace=split.namespace, created=True).model_dump(),)
        selectors = _selectors(split.namespace, policy)
        return tuple(self._record(route, split, selectors).model_dump() for route in found)

    def _record(self, route: Object, split: TrafficSplit, selectors: Sequence[RouteSelector]) -> RouteRecord:
        saved = _checked(lambda: self._adapter.save(route, split, selectors))
        return RouteRecord(name=route["metadata"]["name"], namespace=route["metadata"]["namespace"], saved=saved)

    def _observe(self, release: Release, split: TrafficSplit, policy: DeliveryPolicySpec) -> RouteState:
        selectors = _selectors(release.namespace, policy)
        weights: list[float | None] = []
        missing = []
        records = []
        for record in release.status.routes:
            route = self._cluster.find(self._kind, record.name, record.namespace)
            if route is None:  # one that is gone carries nothing and needs no restoring
                records.append(record)
                missing += [] if record.created else [f"{record.namespace}/{record.name}"]
                continue
            records.append(self._refreshed(record, route, split, selectors))
            try:
                weights.append(self._adapter.read(route, split, selectors))
            except SplitDisagrees:
                weights.append(UNKNOWN_WEIGHT)
        problem = f"VirtualService {', '.join(missing)} is gone; put it back" if missing else None
        kept = tuple(record.model_dump() for record in records)
        return RouteState(_common(weights), present=not missing, problem=problem, records=kept)

    def _refreshed(
        self, record: RouteRecord, route: Object, split: TrafficSplit, selectors: Sequence[RouteSelector]
    ) -> RouteRecord:
        """The record with what the user has changed in the route since it was made."""
        if record.created:
            return record
        saved = _checked(lambda: self._adapter.save(route, split, selectors, record.saved))
        return record.model_copy(update={"saved": saved})

    def _split_one(self, route: Object, split: TrafficSplit, policy: DeliveryPolicySpec) -> bool:
        planned = _checked(lambda: self._adapter.plan(route, split, _selectors(split.namespace, policy)))
        if planned == route:
            return False
        self._cluster.replace(self._kind, planned)
        return True

    def _recreate(self, record: RouteRecord, split: TrafficSplit) -> bool:
        if not record.created:
            if split.canary_weight == 0:
                return False  # a route that is gone carries no canary traffic
            raise NotFound(f"VirtualService {record.namespace}/{record.name} is gone; put it back")
        _, _, version = self._cluster.api_version(self._kind).partition("/")
        route = self._adapter.create(split, ownership_labels(split.apex), version)
        self._cluster.create(self._kind, route)
        return True

    def _delete(self, route: Object) -> None:
        meta = route["metadata"]
        self._cluster.delete(
            self._kind,
            meta["name"],
            meta["namespace"],
            uid=meta["uid"],
            resource_version=meta["resourceVersion"],
        )


def _common(weights: Sequence[float | None]) -> float | None:
    distinct = set(weights) or {None}
    return distinct.pop() if len(distinct) == 1 else UNKNOWN_WEIGHT


def _split(namespace: str, deployment: str, apex: str, weight: float) -> TrafficSplit:
    return TrafficSplit(namespace, apex, f"{deployment}-stable", f"{deployment}-canary", weight)


def _split_of(release: Release, weight: float) -> TrafficSplit:
    return TrafficSplit(release.namespace, release.spec.service, release.stable_name, release.canary_name, weight)


def _selectors(namespace: str, policy: DeliveryPolicySpec) -> list[RouteSelector]:
    return [
        RouteSelector(chosen.name, chosen.namespace or namespace, chosen.routes)
        for chosen in policy.mesh.istio.virtual_services
    ]


def _checked(plan: Callable[[], Answer]) -> Answer:
    try:
        return plan()
    except RouteError as problem:
        raise InvalidSpec(str(problem)) from problem
