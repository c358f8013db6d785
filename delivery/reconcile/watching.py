"""What the controller keeps in memory, and whom a change of it wakes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from delivery.cluster.client import Cluster, Object
from delivery.cluster.informer import Informer, OnChange
from delivery.cluster.kinds import (
    CLUSTER_DELIVERY_POLICY,
    DELIVERY_POLICY,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    POD,
    RELEASE,
    REPLICA_SET,
    SERVICE,
    Kind,
)
from delivery.cluster.reader import Memory
from delivery.reconcile import triggers
from delivery.reconcile.active_releases import ActiveReleases, Name
from delivery.reconcile.parsed import Releases, packed
from delivery.resources.annotations import CANARY, TRACK
from delivery.resources.release import Release
from delivery.workload.adoption import slim, without_fields
from delivery.workload.revision import slim_replica_set

OnRelease = Callable[[Name, Release | None], None]
"""Told of each version of a Release; None where it is gone, or no Release that can be read."""
SYNC_TIMEOUT_S = 60.0


class Watching:
    """The informers of everything a pass may read; `route_kinds` are the meshes' kinds, served or not.

    `wake` is called with each Deployment that a change concerns, `wake_refused` where what a refused one is configured
    with may have changed, `on_release` and `on_policy` with what else wants to know.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str | None,
        route_kinds: Iterable[Kind],
        parsed: Releases,
        *,
        wake: Callable[[triggers.Key], None],
        wake_refused: Callable[[], None],
        on_release: OnRelease,
        on_policy: Callable[[Kind, Object], None],
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._wake = wake
        self._wake_refused = wake_refused
        self._on_release_changed = on_release
        self._on_policy_changed = on_policy
        self._route_kinds = tuple(route_kinds)
        self._parsed = parsed
        self._active = ActiveReleases()
        heard: dict[Kind, OnChange] = {
            DEPLOYMENT: self._on_deployment,
            RELEASE: self._on_release,
            SERVICE: self._on_service,
            REPLICA_SET: self._if_known(triggers.from_replica_set),
            ENDPOINT_SLICE: self._if_known(triggers.from_slice),
            DELIVERY_POLICY: self._on_policy(DELIVERY_POLICY),
            CLUSTER_DELIVERY_POLICY: self._on_policy(CLUSTER_DELIVERY_POLICY),
            **{kind: self._on_route(kind) for kind in self._route_kinds},
        }
        self._informers = {kind: self._informer(kind, on_change) for kind, on_change in heard.items()}
        self._informers[POD] = Informer(
            cluster,
            POD,
            namespace,
            labels={TRACK: CANARY},
            on_change=self._if_known(triggers.from_pod),
            keep=_name_and_labels,
        )
        self.memory = Memory(self._informers.items())

    @property
    def informers(self) -> tuple[Informer, ...]:
        """All of them, for whoever gives them their turns."""
        return tuple(self._informers.values())

    def start(self) -> None:
        """Lists everything once. Raises Unavailable when the lists do not come."""
        # What is not served those informers find once a mesh is installed.
        unserved = {kind for kind in self._route_kinds if not self._cluster.serves(kind)}
        for informer in self._informers.values():
            informer.start()
        for kind, informer in self._informers.items():
            if kind not in unserved:
                informer.wait_synced(SYNC_TIMEOUT_S)

    def stop(self) -> None:
        for informer in self._informers.values():
            informer.stop()

    def active_releases(self) -> list[Release]:
        """The Releases that have not ended, as last heard of."""
        return self._active.all()

    def policies(self) -> Iterable[tuple[Kind, Object]]:
        """Every policy there is."""
        for kind in (DELIVERY_POLICY, CLUSTER_DELIVERY_POLICY):
            yield from ((kind, policy) for policy in self._informers[kind].list())

    def concerned(self) -> Iterable[triggers.Key]:
        """Every Deployment that a pass may have something to do for."""
        own = (triggers.from_deployment(each) for each in self._informers[DEPLOYMENT].list())
        return {key for key in own if key} | {triggers.from_release(each) for each in self._informers[RELEASE].list()}

    def _informer(self, kind: Kind, on_change: OnChange) -> Informer:
        # In every namespace: a route may live in another one than the Service it names.
        everywhere = not kind.namespaced or kind in self._route_kinds
        keep = _KEPT.get(kind, slim)
        namespace = None if everywhere else self._namespace
        by_mention = kind in self._route_kinds
        return Informer(self._cluster, kind, namespace, on_change=on_change, keep=keep, by_mention=by_mention)

    def _on_deployment(self, name: Name, deployment: Object | None) -> None:
        if deployment is None:
            self._wake((name[0] or "", name[1].removesuffix("-canary")))
            self._wake((name[0] or "", name[1]))
            return
        woken = triggers.from_deployment(deployment)
        if woken:
            self._wake(woken)
        elif self._memory_has_release(deployment):
            self._wake((deployment["metadata"]["namespace"], deployment["metadata"]["name"]))

    def _memory_has_release(self, deployment: Object) -> bool:
        key = deployment["metadata"]["namespace"], deployment["metadata"]["name"]
        return any(triggers.from_release(release) == key for release in self._informers[RELEASE].list(key[0]))

    def _on_release(self, name: Name, release: Object | None) -> None:
        read = self._parsed.readable(release)
        former = self._active.heard(name, read)
        if former is not None and release is None:
            self._parsed.forget(former.uid)
        self._on_release_changed(name, read)
        if release is not None:
            self._wake(triggers.from_release(release))

    def _on_service(self, name: Name, service: Object | None) -> None:
        self._wake_refused()
        deployments = self._informers[DEPLOYMENT].list(name[0])
        for woken in triggers.from_service(name[1], name[0] or "", service, deployments):
            self._wake(woken)

    def _on_route(self, kind: Kind) -> OnChange:
        def changed(name: Name, _route: Object | None) -> None:
            self._wake_refused()
            for release in self._active.editing(kind, name[0] or "", name[1]):
                self._wake((release.namespace, release.spec.deployment))

        return changed

    def _on_policy(self, kind: Kind) -> OnChange:
        def changed(name: Name, policy: Object | None) -> None:
            if policy is not None:
                self._on_policy_changed(kind, policy)
            self._wake_refused()
            for woken in triggers.from_policy(name[1], name[0], self._informers[DEPLOYMENT].list(name[0])):
                self._wake(woken)

        return changed

    def _if_known(self, trigger: Callable[[Object], triggers.Key | None]) -> OnChange:
        """Wakes the Deployment that `trigger` names where it is one of ours: most of a cluster's are not."""

        def changed(_name: Name, obj: Object | None) -> None:
            key = trigger(obj) if obj is not None else None
            deployment = self._informers[DEPLOYMENT].get(key[1], key[0]) if key else None
            if key and deployment and triggers.from_deployment(deployment):
                self._wake(key)

        return changed


def _name_and_labels(obj: Object) -> Object:
    meta = obj["metadata"]
    kept = {key: meta[key] for key in ("name", "namespace", "uid", "resourceVersion", "labels") if key in meta}
    return {"metadata": kept}


def _of_an_arm(endpoint_slice: Object) -> Object | None:
    return without_fields(endpoint_slice) if triggers.from_slice(endpoint_slice) else None


def _of_a_deployment(replica_set: Object) -> Object | None:
    return slim_replica_set(replica_set) if triggers.from_replica_set(replica_set) else None


_KEPT = {
    ENDPOINT_SLICE: _of_an_arm,
    RELEASE: packed,
    REPLICA_SET: _of_a_deployment,
    SERVICE: without_fields,
}
