"""Routes through the API: find, read, split, restore. The adapter plans; this writes with a precondition."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from delivery.cluster.client import Cluster, Object
from delivery.cluster.kinds import VIRTUAL_SERVICE
from delivery.cluster.reader import Reader
from delivery.decision.snapshot import RouteState
from delivery.errors import InvalidSpec, NotFound
from delivery.resources.annotations import FENCE, MANAGER, ownership_labels
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Release, RouteRecord, Stage
from mesh_adapters.adapter import RouteAdapter, RouteError, RouteSelector, SplitDisagrees, TrafficSplit

Answer = TypeVar("Answer")
RouteObjects = Mapping[tuple[str, str], Object]
"""The recorded routes that exist, by namespace and name."""

UNKNOWN_WEIGHT = math.inf  # rules or routes that disagree: equal to no weight anybody could wish for


class Routes:
    """The mesh's route objects of one kind, as one adapter understands them.

    Reading takes a reader; writing takes the objects that were read, so that a write fails where anybody wrote since.
    """

    def __init__(self, cluster: Cluster, adapter: RouteAdapter) -> None:
        self._cluster = cluster
        self._adapter = adapter
        self._kind = VIRTUAL_SERVICE

    def nothing(self) -> RouteState:
        """The state where no route matters."""
        return RouteState()

    def preview(self, reader: Reader, namespace: str, deployment: str, apex: str, policy: DeliveryPolicySpec) -> None:
        """Whether a release of this Deployment could split the apex's route. Raises InvalidSpec."""
        self._find(reader, _split(namespace, deployment, apex, 0.0), policy)

    def recorded(self, reader: Reader, release: Release) -> RouteObjects:
        """The routes that the Release's record names, as they are now."""
        names = [(record.namespace, record.name) for record in release.status.routes]
        found = {(namespace, name): reader.find(self._kind, name, namespace) for namespace, name in names}
        return {key: route for key, route in found.items() if route is not None}

    def state(
        self,
        reader: Reader,
        wide: Reader,
        release: Release,
        policy: DeliveryPolicySpec,
        routes: RouteObjects,
        fence: str,
    ) -> RouteState:
        """What the mesh does now, and (before the first edit) what must be remembered to undo ours.

        The routes of the Service are looked for in `wide`, and what is remembered is read from `reader`.
        """
        split = _split_of(release, 0.0)
        try:
            if not release.status.routes:
                # Looked for, among all there are, only when it is about to be recorded.
                wanted = release.status.stage is Stage.ROUTE
                return RouteState(records=self._records(reader, wide, split, policy) if wanted else ())
            return self._observe(release, split, policy, routes, fence)
        except InvalidSpec as problem:
            return RouteState(problem=str(problem))

    def set_weight(
        self,
        release: Release,
        policy: DeliveryPolicySpec,
        routes: RouteObjects,
        weight: float,
        fence: str,
        owner: Object | None = None,
    ) -> bool:
        """Gives the canary `weight` percent on every recorded route; True when something was written.

        A route of our own goes with its `owner`, the Service of the stable pods: one that is created late, by a
        request that was long on its way, finds it gone and is collected.

        Raises InvalidSpec, Conflict, NotFound (a route of the user's that is gone).
        """
        split, wrote = _split_of(release, weight), False
        for record in release.status.routes:
            route = routes.get((record.namespace, record.name))
            if route is None:
                wrote |= self._recreate(record, split, fence, owner)
                continue
            wrote |= self._write(route, _fenced(self._planned(route, split, policy), fence))
        return wrote

    def fence(self, routes: RouteObjects, fence: str) -> bool:
        """Makes this process the last writer of every route; True when something was written."""
        wrote = [self._write(route, _fenced(route, fence)) for route in routes.values()]
        return any(wrote)

    def restore(self, release: Release, routes: RouteObjects) -> bool:
        """Gives every recorded route back as the user had it; True when something was written."""
        wrote = False
        for record in release.status.routes:
            route = routes.get((record.namespace, record.name))
            if route is None:
                continue
            if record.created and self._adapter.is_ours(route):
                self._delete(route)
                wrote = True
                continue
            restored = self._adapter.restore(route, record.saved, _split_of(release, 0.0))
            wrote |= self._write(route, _unfenced(restored))
        return wrote

    def _planned(self, route: Object, split: TrafficSplit, policy: DeliveryPolicySpec) -> Object:
        return _checked(lambda: self._adapter.plan(route, split, _selectors(split.namespace, policy)))

    def _write(self, route: Object, planned: Object) -> bool:
        if planned == route:
            return False
        self._cluster.replace(self._kind, planned)
        return True

    def _find(self, reader: Reader, split: TrafficSplit, policy: DeliveryPolicySpec) -> list[Object]:
        if not reader.serves(self._kind):
            raise InvalidSpec(
                f"Service {split.namespace}/{split.apex}: this cluster serves no {self._kind}; install Istio's CRDs"
            )
        listed = reader.list(self._kind)
        selectors = _selectors(split.namespace, policy)
        return _checked(
            lambda: self._adapter.find(listed, split.namespace, split.apex, selectors, (split.stable, split.canary))
        )

    def _records(
        self, reader: Reader, wide: Reader, split: TrafficSplit, policy: DeliveryPolicySpec
    ) -> tuple[dict[str, Any], ...]:
        named = [each["metadata"] for each in self._find(wide, split, policy)]
        read = [reader.find(self._kind, meta["name"], meta["namespace"]) for meta in named]
        found = [route for route in read if route is not None]
        if not found:
            return (RouteRecord(name=split.apex, namespace=split.namespace, created=True).model_dump(),)
        selectors = _selectors(split.namespace, policy)
        return tuple(self._record(route, split, selectors).model_dump() for route in found)

    def _record(self, route: Object, split: TrafficSplit, selectors: Sequence[RouteSelector]) -> RouteRecord:
        saved = _checked(lambda: self._adapter.save(route, split, selectors))
        return RouteRecord(name=route["metadata"]["name"], namespace=route["metadata"]["namespace"], saved=saved)

    def _observe(
        self, release: Release, split: TrafficSplit, policy: DeliveryPolicySpec, routes: RouteObjects, fence: str
    ) -> RouteState:
        selectors = _selectors(release.namespace, policy)
        weights: list[float | None] = []
        missing = []
        records = []
        for record in release.status.routes:
            route = routes.get((record.namespace, record.name))
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
        marks = [fence_of(route) for route in routes.values()]
        return RouteState(
            _common(weights),
            present=not missing,
            problem=problem,
            records=kept,
            fenced=all(mark == fence for mark in marks),
            marked=any(mark is not None for mark in marks),
            editor=", ".join(sorted({name for route in routes.values() for name in _other_writers(route)})),
        )

    def _refreshed(
        self, record: RouteRecord, route: Object, split: TrafficSplit, selectors: Sequence[RouteSelector]
    ) -> RouteRecord:
        """The record with what the user has changed in the route since it was made."""
        if record.created:
            return record
        saved = _checked(lambda: self._adapter.save(route, split, selectors, record.saved))
        return record.model_copy(update={"saved": saved})

    def _recreate(self, record: RouteRecord, split: TrafficSplit, fence: str, owner: Object | None) -> bool:
        if not record.created:
            if split.canary_weight == 0:
                return False  # a route that is gone carries no canary traffic
            raise NotFound(f"VirtualService {record.namespace}/{record.name} is gone; put it back")
        _, _, version = self._cluster.api_version(self._kind).partition("/")
        route = self._adapter.create(split, ownership_labels(split.apex), version)
        if owner is not None:
            meta = owner["metadata"]
            reference = {"apiVersion": "v1", "kind": "Service", "name": meta["name"], "uid": meta["uid"]}
            route["metadata"]["ownerReferences"] = [reference]
        self._cluster.create(self._kind, _fenced(route, fence))
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


def fence_of(route: Object) -> str | None:
    """Which controller process wrote the route last, None where it carries nothing of ours."""
    mark = (route["metadata"].get("annotations") or {}).get(FENCE)
    return None if mark is None else str(mark)


def _fenced(route: Object, fence: str) -> Object:
    meta = route["metadata"]
    return {**route, "metadata": {**meta, "annotations": {**(meta.get("annotations") or {}), FENCE: fence}}}


def _unfenced(route: Object) -> Object:
    meta = dict(route["metadata"])
    if FENCE not in (meta.get("annotations") or {}):
        return route
    kept = {key: value for key, value in meta["annotations"].items() if key != FENCE}
    if kept:
        meta["annotations"] = kept
    else:
        del meta["annotations"]
    return {**route, "metadata": meta}


def _other_writers(route: Object) -> set[str]:
    """The managers that the API server recorded for the route's rules, other than ourselves."""
    rules = {"f:http", "f:tls", "f:tcp"}
    return {
        str(entry.get("manager", "")).partition("/")[0]
        for entry in route["metadata"].get("managedFields") or ()
        if entry.get("manager") != MANAGER and rules & set((entry.get("fieldsV1") or {}).get("f:spec") or {})
    }


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
