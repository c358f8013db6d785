"""One pass is one page: gather, decide, record, apply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from delivery.clock import Clock
from delivery.cluster.client import Cluster
from delivery.cluster.kinds import RELEASE
from delivery.decision.planner import decide
from delivery.decision.snapshot import Look
from delivery.reconcile.apply import Applier, Target
from delivery.reconcile.gather import Gatherer
from delivery.reconcile.judging import look_again
from delivery.reconcile.recorded import recorded_policy
from delivery.resources.annotations import API_VERSION
from delivery.resources.release import Release, ReleaseStatus, spec_object, status_object
from delivery.telemetry.samples import Reading

log = structlog.get_logger()


class Reconciler:
    """Brings one Deployment one pass further. Raises what reads and writes raise; the runner decides on retries."""

    def __init__(
        self,
        cluster: Cluster,
        gatherer: Gatherer,
        applier: Applier,
        clock: Clock,
        reading: Callable[[Release], Reading | None],
    ) -> None:
        self._cluster = cluster
        self._gatherer = gatherer
        self._applier = applier
        self._clock = clock
        self._reading = reading

    def reconcile(self, namespace: str, name: str) -> float | None:
        """One pass; the seconds after which another is wanted, None when only a change can matter."""
        deployment = self._gatherer.deployment(namespace, name)
        releases = self._gatherer.releases(namespace, name)
        stored = next((release for release in reversed(releases) if release.active), None)
        if deployment is None and stored is None:
            return None
        now = self._clock.now()
        active, look = self._judge(stored, now)
        finished = [release for release in releases if not release.active]
        decision = decide(self._gatherer.snapshot(deployment, active, finished, look), now)
        if stored is not None and decision.status is not None:
            active = self._record(stored, decision.status)
        for action in decision.actions:
            self._applier.apply(action, Target(deployment, active))
        return decision.again_after

    def _judge(self, release: Release | None, now: float) -> tuple[Release | None, Look | None]:
        if release is None:
            return None, None
        policy = recorded_policy(release)
        analysis, look = look_again(release, self._reading(release), policy, now)
        status = release.status.model_copy(update={"analysis": analysis})
        return release.model_copy(update={"status": status}), look

    def _record(self, stored: Release, status: ReleaseStatus) -> Release:
        """Writes what was decided before it is done; a Conflict ends the pass with nothing done."""
        if status == stored.status:
            return stored
        if status.phase is not stored.status.phase or status.reason != stored.status.reason:
            log.info("phase", release=stored.key, phase=status.phase.value, reason=status.reason, why=status.message)
        written = self._cluster.replace(RELEASE, _object(stored, status), subresource="status")
        return stored.model_copy(update={"status": status, "resource_version": written["metadata"]["resourceVersion"]})


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
