"""Routes through the API: find, read, split, restore. The adapter plans; this writes with a precondition."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

from delivery.cluster.client import Cluster, Object
from delivery.cluster.kinds import DESTINATION_RULE, Kind
from delivery.cluster.reader import Reader
from delivery.decision.snapshot import RouteState
from delivery.decision.steps import same_weight
from delivery.errors import InvalidSpec, NotFound
from delivery.reconcile.route_finding import FoundRoutes, RouteFinder, checked, kind_of
from delivery.reconcile.splits import first_split, selectors_of, split_of
from delivery.resources.annotations import FENCE, MANAGER, ownership_labels
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Release, RouteRecord, Stage, SubsetsRecord
from mesh_adapters.adapter import RouteAdapter, RouteSelector, SplitDisagrees, TrafficSplit
from mesh_adapters.istio.subsets import require_untaken
from mesh_adapters.meshes import Mesh

RouteKey = tuple[str, str, str, str]
"""Group, kind, namespace and name."""
RouteObjects = Mapping[RouteKey, Object]
"""The recorded routes that exist."""
NO_SERVICES: Mapping[str, Object] = MappingProxyType({})

UNKNOWN_WEIGHT = math.inf  # rules or routes that disagree: equal to no weight anybody could wish for


class Routes:
    """The mesh's route objects, each kind as its adapter understands it.

    Reading takes a reader; writing takes the objects that were read, so that a write fails where anybody wrote since.
    """

    def __init__(self, cluster: Cluster, meshes: Mapping[str, Mesh]) -> None:
        self._cluster = cluster
        self._finder = RouteFinder(meshes)

    def nothing(self) -> RouteState:
        """The state where no route matters."""
        return RouteState()

    def preview(
        self, reader: Reader, namespace: str, deployment: str, service: Object, policy: DeliveryPolicySpec
    ) -> FoundRoutes:
        """The Service's routes, which a release of this Deployment could split at every step. Raises InvalidSpec."""
        apex = service["metadata"]["name"]
        found = self._finder.find(reader, first_split(namespace, deployment, apex, policy), policy, None)
        selectors = _selectors(namespace, policy)
        for weight in policy.weights:
            wish = replace(first_split(namespace, deployment, apex, policy, weight), subsets=found.split.subsets)
            for adapter, route in found.routes:
                checked(partial(adapter.plan, route, wish, selectors))
            if found.maker is not None:
                checked(partial(found.maker.create, wish, {}, None, ports_of(service)))
        return found

    def recorded(self, reader: Reader, release: Release) -> RouteObjects:
        """The routes that the Release's record names, as they are now."""
        found = {key_of(record): self._read(reader, record) for record in release.status.routes}
        return {key: route for key, route in found.items() if route is not None}

    def state(
        self,
        reader: Reader,
        wide: Reader,
        release: Release,
        policy: DeliveryPolicySpec,
        routes: RouteObjects,
        fence: str,
        pod_labels: Mapping[str, str] | None = None,
    ) -> RouteState:
        """What the mesh does now, and (before the first edit) what must be remembered to undo ours.

        The routes of the Service are looked for in `wide`, and what is remembered is read from `reader`. `pod_labels`
        are those of the stable pods.
        """
        try:
            if not release.status.routes:
                # Looked for, among all there are, only when it is about to be recorded.
                wanted = release.status.stage is Stage.ROUTE
                return self._to_record(reader, wide, release, policy, pod_labels) if wanted else RouteState()
            return self._observe(release, policy, routes, fence)
        except InvalidSpec as problem:
            return RouteState(problem=str(problem))

    def set_weight(
        self,
        release: Release,
        policy: DeliveryPolicySpec,
        routes: RouteObjects,
        weight: float,
        fence: str,
        services: Mapping[str, Object] = NO_SERVICES,
    ) -> bool:
        """Gives the canary `weight` percent on every recorded route; True when something was written.

        `services` are those of the release. A route of our own goes with the one of the stable pods: a route that is
        created late, by a request that was long on its way, finds it gone and is collected.

        Raises InvalidSpec, Conflict, NotFound (a route of the user's that is gone).
        """
        split, wrote = split_of(release, policy, weight), False
        for record in release.status.routes:
            route = routes.get(key_of(record))
            if route is None:
                wrote |= self._recreate(record, split, fence, services)
                continue
            wrote |= self._write(record, route, _fenced(self._planned(record, route, split, policy), fence))
        return wrote

    def fence(self, release: Release, routes: RouteObjects, fence: str) -> bool:
        """Makes this process the last writer of every route; True when something was written."""
        present = [(record, routes[key_of(record)]) for record in release.status.routes if key_of(record) in routes]
        wrote = [self._write(record, route, _fenced(route, fence)) for record, route in present]
        return any(wrote)

    def restore(self, release: Release, policy: DeliveryPolicySpec, routes: RouteObjects) -> bool:
        """Gives every recorded route back as the user had it; True when something was written."""
        wrote, split = False, split_of(release, policy, 0.0)
        for record in release.status.routes:
            route, adapter = routes.get(key_of(record)), self._finder.adapter(record)
            if route is None:
                continue
            if record.created and adapter.is_ours(route):
                self._delete(record, route)
                wrote = True
                continue
            wrote |= self._write(record, route, _unfenced(adapter.restore(route, record.saved, split)))
        return wrote

    def _planned(self, record: RouteRecord, route: Object, split: TrafficSplit, policy: DeliveryPolicySpec) -> Object:
        selectors = _selectors(split.namespace, policy)
        return checked(lambda: self._finder.adapter(record).plan(route, split, selectors, record.saved))

    def _read(self, reader: Reader, record: RouteRecord) -> Object | None:
        return reader.find(self._kind(record), record.name, record.namespace)

    def _kind(self, record: RouteRecord) -> Kind:
        return kind_of(self._finder.adapter(record).ref)

    def _write(self, record: RouteRecord, route: Object, planned: Object) -> bool:
        if planned == route:
            return False
        self._cluster.replace(self._kind(record), planned)
        return True

    def _to_record(
        self,
        reader: Reader,
        wide: Reader,
        release: Release,
        policy: DeliveryPolicySpec,
        pod_labels: Mapping[str, str] | None,
    ) -> RouteState:
        found = self._finder.find(wide, split_of(release, policy, 0.0), policy, pod_labels)
        selectors = _selectors(release.namespace, policy)
        records = []
        for adapter, listed in found.routes:
            blank = _blank_record(adapter, listed["metadata"]["name"], listed["metadata"]["namespace"])
            route = self._read(reader, blank)
            if route is not None:
                saved = checked(partial(adapter.save, route, found.split, selectors))
                records.append(blank.model_copy(update={"saved": saved}))
        if found.maker is not None:
            ours = _blank_record(found.maker, release.spec.service, release.namespace)
            records.append(ours.model_copy(update={"created": True}))
        return RouteState(
            records=tuple(record.model_dump() for record in records),
            mesh=found.mesh,
            subsets=self._subsets_to_record(reader, found),
        )

    def _subsets_to_record(self, reader: Reader, found: FoundRoutes) -> dict[str, Any] | None:
        if found.subset_rule is None:
            return None
        meta = found.subset_rule["metadata"]
        rule = reader.find(DESTINATION_RULE, meta["name"], meta["namespace"])
        checked(lambda: require_untaken(rule or {}, found.split))
        own = found.split.subsets or ()
        return SubsetsRecord(name=meta["name"], namespace=meta["namespace"], own=own).model_dump()

    def _observe(self, release: Release, policy: DeliveryPolicySpec, routes: RouteObjects, fence: str) -> RouteState:
        wanted = release.status.traffic.desired_weight
        split = split_of(release, policy, wanted or 0.0)
        seen = [
            self._seen(record, routes.get(key_of(record)), split, policy, wanted) for record in release.status.routes
        ]
        missing = [f"{each.record.kind} {each.record.namespace}/{each.record.name}" for each in seen if each.missing]
        marks = [fence_of(route) for route in routes.values()]
        return RouteState(
            _common([each.weight for each in seen if each.present]),
            present=not missing,
            problem=f"{', '.join(missing)} is gone; put it back" if missing else None,
            records=tuple(each.record.model_dump() for each in seen),
            unfollowed="; ".join(each.unfollowed for each in seen if each.unfollowed),
            fenced=all(mark == fence for mark in marks),
            marked=any(mark is not None for mark in marks),
            editor=", ".join(sorted({name for route in routes.values() for name in _other_writers(route)})),
        )

    def _seen(
        self,
        record: RouteRecord,
        route: Object | None,
        split: TrafficSplit,
        policy: DeliveryPolicySpec,
        wanted: float | None,
    ) -> _Seen:
        if route is None:  # one that is gone carries nothing and needs no restoring
            return _Seen(record, missing=not record.created)
        adapter, selectors = self._finder.adapter(record), _selectors(split.namespace, policy)
        if not record.created:
            saved = checked(lambda: adapter.save(route, split, selectors, record.saved))
            record = record.model_copy(update={"saved": saved})
        try:
            weight = adapter.read(route, split, selectors)
        except SplitDisagrees:
            weight = UNKNOWN_WEIGHT
        if weight is not None and same_weight(weight, wanted) and self._planned(record, route, split, policy) != route:
            weight = UNKNOWN_WEIGHT  # the canary's weight is right, and something else of the split is not
        return _Seen(record, True, weight, unfollowed=adapter.not_followed(route) or "")

    def _recreate(self, record: RouteRecord, split: TrafficSplit, fence: str, services: Mapping[str, Object]) -> bool:
        if not record.created:
            if split.canary_weight == 0:
                return False  # a route that is gone carries no canary traffic
            raise NotFound(f"{record.kind} {record.namespace}/{record.name} is gone; put it back")
        apex, owner = services.get(split.apex), services.get(split.stable)
        adapter, kind = self._finder.adapter(record), self._kind(record)
        _, _, version = self._cluster.api_version(kind).partition("/")
        ports = ports_of(apex or owner)
        route = checked(lambda: adapter.create(split, ownership_labels(split.apex), version, ports))
        if owner is not None:
            meta = owner["metadata"]
            reference = {"apiVersion": "v1", "kind": "Service", "name": meta["name"], "uid": meta["uid"]}
            route["metadata"]["ownerReferences"] = [reference]
        self._cluster.create(kind, _fenced(route, fence))
        return True

    def _delete(self, record: RouteRecord, route: Object) -> None:
        meta = route["metadata"]
        self._cluster.delete(
            self._kind(record),
            meta["name"],
            meta["namespace"],
            uid=meta["uid"],
            resource_version=meta["resourceVersion"],
        )


@dataclass(frozen=True, slots=True)
class _Seen:
    """One recorded route as it is now."""

    record: RouteRecord
    present: bool = False
    weight: float | None = None
    missing: bool = False
    unfollowed: str = ""


def key_of(record: RouteRecord) -> RouteKey:
    """By what a pass knows the route again."""
    return record.group, record.kind, record.namespace, record.name


def ports_of(service: Object | None) -> tuple[int, ...]:
    """The port numbers of a Service."""
    return tuple(int(port["port"]) for port in ((service or {}).get("spec") or {}).get("ports") or ())


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
    rules = {"f:http", "f:tls", "f:tcp", "f:rules", "f:backends"}
    return {
        str(entry.get("manager", "")).partition("/")[0]
        for entry in route["metadata"].get("managedFields") or ()
        if entry.get("manager") != MANAGER and rules & set((entry.get("fieldsV1") or {}).get("f:spec") or {})
    }


def _common(weights: Sequence[float | None]) -> float | None:
    distinct = set(weights) or {None}
    return distinct.pop() if len(distinct) == 1 else UNKNOWN_WEIGHT


def _selectors(namespace: str, policy: DeliveryPolicySpec) -> list[RouteSelector]:
    return [selector for selectors in selectors_of(policy, namespace).values() for selector in selectors]


def _blank_record(adapter: RouteAdapter, name: str, namespace: str) -> RouteRecord:
    return RouteRecord(name=name, namespace=namespace, group=adapter.ref.group, kind=adapter.ref.kind)
