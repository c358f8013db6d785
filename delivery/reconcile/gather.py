"""One pass's reads: everything the decision may look at, taken once."""

from __future__ import annotations

from collections.abc import Sequence

from delivery.cluster.client import Cluster, Object
from delivery.cluster.kinds import DEPLOYMENT, ENDPOINT_SLICE, POD, RELEASE, REPLICA_SET, SERVICE
from delivery.decision.snapshot import BackEnds, CanaryState, Configuration, Look, RouteState, Snapshot, Workload
from delivery.reconcile.configuration import configuration_of
from delivery.reconcile.recorded import recorded_policy
from delivery.reconcile.routes import Routes
from delivery.resources.annotations import POD_TEMPLATE_HASH, POLICY, TEMPLATE_HASH
from delivery.resources.release import Release, release_from_object
from delivery.workload.canary import canary_selector, is_ours
from delivery.workload.revision import owned_by, stable_set, workload_from

SERVICE_NAME_LABEL = "kubernetes.io/service-name"


class Gatherer:
    """Reads what one Deployment's pass needs; idle ones cost nothing, for nothing wakes them."""

    def __init__(self, cluster: Cluster, routes: Routes) -> None:
        self._cluster = cluster
        self._routes = routes

    def releases(self, namespace: str, deployment: str) -> list[Release]:
        """The Deployment's Releases, oldest first."""
        # Chosen before they are read: a record that cannot be read concerns its own Deployment alone.
        own = [obj for obj in self._by_age(namespace) if obj["spec"].get("deployment") == deployment]
        return [release_from_object(obj) for obj in own]

    def deployment(self, namespace: str, name: str) -> Object | None:
        """The Deployment, None when it is gone or going."""
        found = self._cluster.find(DEPLOYMENT, name, namespace)
        return None if found is None or found["metadata"].get("deletionTimestamp") else found

    def snapshot(
        self, deployment: Object | None, active: Release | None, previous: Sequence[Release], look: Look | None
    ) -> Snapshot:
        """The pass's knowledge. Raises what the reads raise."""
        workload = workload_from(deployment) if deployment else None
        opted_in = deployment is not None and _opted_in(deployment)
        configuration = Configuration()
        if deployment is not None and opted_in and active is None:
            configuration = configuration_of(self._cluster, self._routes, deployment)
        replica_sets = self._replica_sets(deployment, workload) if deployment and workload else []
        stable = stable_set(replica_sets, workload, active) if workload else None
        canary, back_ends, route = CanaryState(), BackEnds(), RouteState()
        if active is not None:
            canary = self._canary(active, deployment)
            back_ends = self._back_ends(active)
            route = self._routes.state(active, recorded_policy(active))
        return Snapshot(
            workload=workload,
            opted_in=opted_in,
            configuration=configuration,
            stable=stable,
            canary=canary,
            back_ends=back_ends,
            route=route,
            release=active,
            previous=tuple(previous),
            look=look,
        )

    def _by_age(self, namespace: str) -> list[Object]:
        listed = self._cluster.list(RELEASE, namespace).items
        # Creation times are whole seconds; attempts of one second keep their order by number.
        return sorted(listed, key=lambda obj: (obj["metadata"]["creationTimestamp"], obj["spec"].get("attempt", 1)))

    def _replica_sets(self, deployment: Object, workload: Workload) -> list[Object]:
        selector = deployment["spec"]["selector"].get("matchLabels") or {}
        listed = self._cluster.list(REPLICA_SET, workload.namespace, labels=selector).items
        return [dict(found) for found in owned_by(listed, workload.uid)]

    def _canary(self, release: Release, deployment: Object | None) -> CanaryState:
        found = self._cluster.find(DEPLOYMENT, release.canary_name, release.namespace)
        pods = self._canary_pods(release, deployment or found)
        if found is None:
            return CanaryState(pods=pods)
        meta = found["metadata"]
        return CanaryState(
            exists=True,
            ours=is_ours(found, release.spec.deployment),
            template_hash=(meta.get("annotations") or {}).get(TEMPLATE_HASH, ""),
            replicas=int(found["spec"].get("replicas", 1)),
            ready=self._ready(release.namespace, release.canary_name),
            pods=pods,
        )

    def _canary_pods(self, release: Release, deployment: Object | None) -> int:
        if deployment is None:
            return 0
        selector = canary_selector(deployment)
        return len(self._cluster.list(POD, release.namespace, labels=selector).items)

    def _back_ends(self, release: Release) -> BackEnds:
        names = (release.stable_name, release.canary_name)
        found = [self._cluster.find(SERVICE, name, release.namespace) for name in names]
        present = [service for service in found if service is not None]
        own = [service for service in present if is_ours(service, release.spec.deployment)]
        stable = found[0]
        return BackEnds(
            exist=len(own) == len(names),
            partly=bool(own),
            foreign=tuple(s["metadata"]["name"] for s in present if not is_ours(s, release.spec.deployment)),
            stable_hash=((stable or {}).get("spec", {}).get("selector") or {}).get(POD_TEMPLATE_HASH, ""),
            stable_ready=self._ready(release.namespace, release.stable_name) if stable else 0,
        )

    def _ready(self, namespace: str, service: str) -> int:
        slices = self._cluster.list(ENDPOINT_SLICE, namespace, labels={SERVICE_NAME_LABEL: service}).items
        return sum(
            1
            for endpoint_slice in slices
            for endpoint in endpoint_slice.get("endpoints") or ()
            if (endpoint.get("conditions") or {}).get("ready", True)
        )


def _opted_in(deployment: Object) -> bool:
    return POLICY in (deployment["metadata"].get("annotations") or {})
