"""One pass's reads: everything the decision may look at, taken once, and the objects its writes are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from delivery.cluster.client import Object
from delivery.cluster.kinds import DEPLOYMENT, ENDPOINT_SLICE, POD, RELEASE, REPLICA_SET, SERVICE
from delivery.cluster.reader import Reader
from delivery.decision.recorded import recorded_policy
from delivery.decision.snapshot import (
    BackEnds,
    CanaryState,
    Configuration,
    Look,
    Snapshot,
    StableSet,
    Workload,
    is_pending,
)
from delivery.reconcile.configuration import configuration_of
from delivery.reconcile.parsed import Releases
from delivery.reconcile.routes import RouteObjects, Routes
from delivery.reconcile.subsets import in_place, lost, some_left, subset_rule
from delivery.resources.annotations import DEPLOYMENT as DEPLOYMENT_LABEL
from delivery.resources.annotations import POD_TEMPLATE_HASH, POLICY
from delivery.resources.annotations import RELEASE as RELEASE_ANNOTATION
from delivery.resources.release import Release
from delivery.workload.canary import canary_selector, is_ours
from delivery.workload.revision import owned_by, pod_labels, stable_set, workload_from

SERVICE_NAME_LABEL = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True)
class Gathered:
    """The objects of one pass as they were read. Every write of the pass carries the versions they had."""

    namespace: str
    name: str
    deployment: Object | None
    active: Release | None
    finished: tuple[Release, ...] = ()
    superfluous: tuple[Release, ...] = ()
    canary: Object | None = None
    services: Mapping[str, Object] = field(default_factory=dict)
    routes: RouteObjects = field(default_factory=dict)
    subset_rule: Object | None = None

    @property
    def left_over(self) -> tuple[str, ...]:
        """What is ours beside a Deployment that has no active Release."""
        beside = [*([self.canary] if self.canary else []), *self.services.values()]
        if self.active is not None or self.superfluous:
            return ()
        return tuple(f"{obj['kind']} {obj['metadata']['name']}" for obj in beside if is_ours(obj, self.name))


def releases_of(reader: Reader, parsed: Releases, namespace: str, deployment: str) -> list[Release]:
    """A Deployment's Releases, oldest first. Raises pydantic's ValidationError for a damaged one."""
    # Chosen before they are read: a record that cannot be read concerns its own Deployment alone.
    listed = reader.list(RELEASE, namespace, labels={DEPLOYMENT_LABEL: deployment})
    own = [obj for obj in listed if obj["spec"].get("deployment") == deployment]
    # Creation times are whole seconds; attempts of one second keep their order by number.
    own.sort(key=lambda obj: (obj["metadata"]["creationTimestamp"], obj["spec"].get("attempt", 1)))
    return [parsed.of(obj) for obj in own]


def replica_sets_of(reader: Reader, deployment: Object) -> list[Object]:
    """The ReplicaSets that belong to a Deployment."""
    meta, selector = deployment["metadata"], deployment["spec"]["selector"].get("matchLabels") or {}
    listed = reader.list(REPLICA_SET, meta["namespace"], labels=selector)
    return [dict(found) for found in owned_by(listed, meta["uid"])]


class Gatherer:
    """Reads what one Deployment's pass needs.

    `wide` is asked where something has to be found among all there is (which route carries a Service?): whole lists
    from the API server, for every pass, would grow with the cluster. What is found is then read from `reader`.
    """

    def __init__(self, reader: Reader, routes: Routes, parsed: Releases, wide: Reader | None = None) -> None:
        self._reader = reader
        self._routes = routes
        self._parsed = parsed
        self._wide = wide or reader

    def gather(self, namespace: str, name: str) -> Gathered:
        """The objects. Raises what the reads raise, and pydantic's ValidationError for a damaged Release."""
        deployment = self._reader.find(DEPLOYMENT, name, namespace)
        if deployment is not None and deployment["metadata"].get("deletionTimestamp"):
            deployment = None
        releases = releases_of(self._reader, self._parsed, namespace, name)
        # The oldest that is active: one that came later has begun nothing.
        unfinished = tuple(release for release in releases if release.active)
        active, superfluous = next(iter(unfinished), None), unfinished[1:]
        finished = tuple(release for release in releases if not release.active)
        canary = self._reader.find(DEPLOYMENT, f"{name}-canary", namespace)
        if active is None:
            services = self._services(namespace, f"{name}-stable", f"{name}-canary")
            return Gathered(namespace, name, deployment, None, finished, (), canary, services)
        services = self._services(namespace, active.spec.service, active.stable_name, active.canary_name)
        found = Gathered(namespace, name, deployment, active, finished, superfluous, canary, services)
        return self.recorded(found, active)

    def recorded(self, found: Gathered, release: Release) -> Gathered:
        """What was gathered, with the routes that this record of the active Release names."""
        routes, rule = self._routes.recorded(self._reader, release), subset_rule(self._reader, release)
        return replace(found, routes=routes, subset_rule=rule)

    def snapshot(self, found: Gathered, judged: Release | None, look: Look | None, fence: str) -> Snapshot:
        """The pass's knowledge. `judged` is the active Release with its newest analysis; `fence` this leader's mark."""
        deployment = found.deployment
        workload = workload_from(deployment) if deployment else None
        replica_sets = replica_sets_of(self._reader, deployment) if deployment else []
        stable = stable_set(replica_sets, workload, judged) if workload else None
        opted_in = deployment is not None and POLICY in (deployment["metadata"].get("annotations") or {})
        bare = Snapshot(
            workload=workload,
            opted_in=opted_in,
            configuration=Configuration(),
            stable=stable,
            canary=CanaryState(),
            back_ends=BackEnds(),
            route=self._routes.nothing(),
            release=judged,
            previous=found.finished,
            superfluous=found.superfluous,
            look=look,
        )
        if judged is None:
            left_over = replace(bare, left_over=found.left_over)
            return self._at_rest(left_over, deployment, stable, workload)
        return self._in_release(bare, found, judged, fence)

    def _at_rest(
        self, bare: Snapshot, deployment: Object | None, stable: StableSet | None, workload: Workload | None
    ) -> Snapshot:
        # What applies matters only where something is about to begin: an idle Deployment costs nothing.
        idle = workload is None or (workload.paused and stable and not is_pending(workload, stable))
        if deployment is None or idle or not bare.opted_in:
            return bare
        return replace(bare, configuration=configuration_of(self._wide, self._routes, deployment))

    def _in_release(self, bare: Snapshot, found: Gathered, release: Release, fence: str) -> Snapshot:
        policy = recorded_policy(release)
        labels = pod_labels(bare.stable) if bare.stable else None
        route = self._routes.state(self._reader, self._wide, release, policy, found.routes, fence, labels)
        canary, back_ends = self._canary(found, release), self._back_ends(found, release)
        return replace(bare, canary=canary, back_ends=back_ends, route=route)

    def _services(self, namespace: str, *names: str) -> dict[str, Object]:
        found = {name: self._reader.find(SERVICE, name, namespace) for name in names}
        return {name: service for name, service in found.items() if service is not None}

    def _canary(self, found: Gathered, release: Release) -> CanaryState:
        pods = self._canary_pods(release, found.deployment or found.canary)
        if found.canary is None:
            return CanaryState(pods=pods)
        return CanaryState(
            exists=True,
            ours=is_ours(found.canary, release.spec.deployment),
            of_release=(found.canary["metadata"].get("annotations") or {}).get(RELEASE_ANNOTATION, ""),
            replicas=int(found.canary["spec"].get("replicas", 1)),
            ready=self._ready(release.namespace, release.canary_name),
            pods=pods,
        )

    def _canary_pods(self, release: Release, deployment: Object | None) -> int:
        if deployment is None:
            return 0
        return len(self._reader.list(POD, release.namespace, labels=canary_selector(deployment)))

    def _back_ends(self, found: Gathered, release: Release) -> BackEnds:
        names = (release.stable_name, release.canary_name)
        present = [service for name in names if (service := found.services.get(name)) is not None]
        own = [service for service in present if is_ours(service, release.spec.deployment)]
        stable = found.services.get(release.stable_name)
        stable_hash = ((stable or {}).get("spec", {}).get("selector") or {}).get(POD_TEMPLATE_HASH, "")
        return BackEnds(
            exist=len(own) == len(names) and in_place(release, found.subset_rule, stable_hash),
            partly=bool(own) or some_left(release, found.subset_rule),
            foreign=tuple(s["metadata"]["name"] for s in present if not is_ours(s, release.spec.deployment)),
            stable_hash=stable_hash,
            stable_ready=self._ready(release.namespace, release.stable_name) if stable else 0,
            lost=lost(release, found.subset_rule),
        )

    def _ready(self, namespace: str, service: str) -> int:
        slices = self._reader.list(ENDPOINT_SLICE, namespace, labels={SERVICE_NAME_LABEL: service})
        ready = {
            (endpoint.get("targetRef") or {}).get("name") or tuple(endpoint["addresses"])
            for endpoint_slice in slices
            for endpoint in endpoint_slice.get("endpoints") or ()
            if (endpoint.get("conditions") or {}).get("ready", True)
        }
        return len(ready)  # where there are two address families, a pod has an endpoint in each
