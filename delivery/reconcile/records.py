"""Release objects: created, recorded, closed, let go, forgotten. The only writer of Releases."""

from __future__ import annotations

from typing import Any

import structlog

from delivery.clock import Clock
from delivery.cluster.client import Cluster, Object
from delivery.cluster.kinds import RELEASE
from delivery.decision.actions import CreateRelease
from delivery.decision.phases import move
from delivery.errors import AlreadyExists, Conflict, NotFound
from delivery.reconcile.parsed import Releases
from delivery.resources.annotations import API_VERSION, FINALIZER, ownership_labels
from delivery.resources.release import Phase, Release, ReleaseStatus, spec_object, status_object

log = structlog.get_logger()


class Records:
    """Writes Releases, each write with the version that was read as its precondition."""

    def __init__(self, cluster: Cluster, clock: Clock, parsed: Releases) -> None:
        self._cluster = cluster
        self._clock = clock
        self._parsed = parsed

    def create(self, action: CreateRelease, deployment: Object) -> None:
        """Begins a delivery. Raises Conflict where the name is taken by a Release that was not seen yet."""
        namespace = deployment["metadata"]["namespace"]
        meta = {
            "name": action.name,
            "namespace": namespace,
            "labels": ownership_labels(deployment["metadata"]["name"]),
            "finalizers": [FINALIZER],
        }
        try:
            self._cluster.create(RELEASE, {"metadata": meta, "spec": spec_object(action.spec)})
        except AlreadyExists as taken:
            raise Conflict(f"Release {namespace}/{action.name} is there already: {taken}") from taken
        log.info("release", name=f"{namespace}/{action.name}", reason=action.reason)

    def record(self, stored: Release, status: ReleaseStatus) -> Release:
        """Writes what was decided before it is done; a Conflict ends the pass with nothing done."""
        if status == stored.status:
            return stored
        if status.phase is not stored.status.phase or status.reason != stored.status.reason:
            log.info("phase", release=stored.key, phase=status.phase.value, reason=status.reason, why=status.message)
        written = self._cluster.replace(RELEASE, _object(stored, status), subresource="status")
        version = written["metadata"]["resourceVersion"]
        recorded = stored.model_copy(update={"status": status, "resource_version": version})
        self._parsed.keep(recorded)  # it comes back by the watch
        return recorded

    def close(self, release: Release, why: str) -> None:
        """Ends a Release that began nothing."""
        if release.status.phase is not Phase.PENDING:
            raise Conflict(f"Release {release.key} is {release.status.phase} beside another active one; abort it")
        self.record(release, move(release.status, Phase.FAILED, "AnotherReleaseActive", why, self._clock.now()))

    def let_go(self, release: Release) -> None:
        """Takes our finalizer off; somebody else's stay."""
        others = [finalizer for finalizer in release.finalizers if finalizer != FINALIZER]
        body = {"metadata": {"resourceVersion": release.resource_version, "finalizers": others}}
        try:
            self._cluster.patch(RELEASE, release.name, release.namespace, body)
        except NotFound:
            return  # gone is what was wanted

    def forget(self, release: Release) -> None:
        """Deletes a finished Release."""
        try:
            self._cluster.delete(RELEASE, release.name, release.namespace, uid=release.uid)
        except NotFound:
            return
        log.info("release forgotten", name=release.key)


def _object(release: Release, status: ReleaseStatus) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": RELEASE.name,
        "metadata": {
            "name": release.name,
            "namespace": release.namespace,
            "resourceVersion": release.resource_version,
            "uid": release.uid,
        },
        "spec": spec_object(release.spec),
        "status": status_object(status),
    }
