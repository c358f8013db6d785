"""The lab's mesh control plane: watches, translates, and puts Envoy's files in place in an order that fails nobody.

Endpoints come before the clusters that read them, clusters are warm before a route names them, and a cluster whose
Service is gone stays a while for requests that are still on their way. The status of a route tells of it only once
Envoy has it.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import structlog
import typer

from delivery.cluster.client import Cluster, Object
from delivery.cluster.informer import Informer, Name, everything
from delivery.cluster.kinds import (
    DESTINATION_RULE,
    ENDPOINT_SLICE,
    POD,
    REFERENCE_GRANT,
    SERVICE,
    TRAFFIC_SPLIT,
    VIRTUAL_SERVICE,
    Kind,
)
from delivery.errors import HeadgateError
from delivery.lab.mesh.admin import Admin
from delivery.lab.mesh.files import Files
from delivery.lab.mesh.naming import Upstream
from delivery.lab.mesh.references import ROUTE_KINDS, References
from delivery.lab.mesh.route_status import with_our_parents
from delivery.lab.mesh.translate import assignment, cluster, routes, upstreams
from delivery.lab.mesh.upstreams import Pods

__all__ = ["Files", "MeshControl"]

log = structlog.get_logger()
KEEP_S = 5.0
WARM_WITHIN_S = 5.0
TAKEN_WITHIN_S = 2.0
SYNC_TIMEOUT_S = 30.0
ALWAYS = (SERVICE, ENDPOINT_SLICE, POD)
WHERE_SERVED = (VIRTUAL_SERVICE, DESTINATION_RULE, *ROUTE_KINDS, REFERENCE_GRANT, TRAFFIC_SPLIT)


class MeshControl:
    """Keeps the files as the cluster's objects say."""

    def __init__(self, api: Cluster, files: Files, admin_url: str) -> None:
        self._api = api
        self._files = files
        self._admin = Admin(admin_url)
        self._changed = threading.Event()
        self._stopped = threading.Event()
        self._informers: dict[Kind, Informer] = {}
        self._kept: dict[str, tuple[Upstream, float]] = {}
        self._refused = ""

    def run(self) -> None:
        """Works until `stop`."""
        for kind in (*ALWAYS, *(kind for kind in WHERE_SERVED if self._api.serves(kind))):
            keep = _labels_only if kind == POD else everything
            self._informers[kind] = Informer(self._api, kind, on_change=self._on_change, keep=keep)
        for informer in self._informers.values():
            informer.start()
        for informer in self._informers.values():
            informer.wait_synced(SYNC_TIMEOUT_S)
        while not self._stopped.is_set():
            self._changed.clear()
            self.write()
            self._changed.wait(KEEP_S)
        for informer in self._informers.values():
            informer.stop()

    def stop(self) -> None:
        self._stopped.set()
        self._changed.set()

    def write(self) -> None:
        """Brings every file up to date, then the status of every route."""
        services = self._list(SERVICE)
        known = self._known(upstreams(services, self._list(DESTINATION_RULE)))
        self._write_clusters(known)
        gateway = {kind: self._list(kind) for kind in ROUTE_KINDS}
        references = References.among(services, self._list(REFERENCE_GRANT))
        table = routes(known, self._list(VIRTUAL_SERVICE), gateway, self._list(TRAFFIC_SPLIT), references)
        self._files.put(self._files.routes, [table])
        self._write_statuses(gateway, references)

    def _write_clusters(self, known: dict[str, Upstream]) -> None:
        slices, pods = self._list(ENDPOINT_SLICE), self._pods()
        for upstream in known.values():
            self._files.put(self._files.endpoints(upstream), [assignment(upstream, slices, pods)])
        configured = [cluster(upstream, str(self._files.endpoints(upstream))) for upstream in known.values()]
        if not self._files.put(self._files.clusters, configured):
            return
        if not self._await(lambda: known.keys() <= self._admin.clusters(), WARM_WITHIN_S):
            log.warning("clusters are not warm", missing=sorted(known.keys() - self._admin.clusters()))

    def _write_statuses(self, gateway: dict[Kind, list[Object]], references: References) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        changes = [
            (kind, route, wanted)
            for kind, found in gateway.items()
            for route in found
            if (wanted := with_our_parents(kind, route, references, now)) is not None
        ]
        if not changes or not self._taken():
            return
        for kind, route, wanted in changes:
            meta = route["metadata"]
            body = {"metadata": {"resourceVersion": meta["resourceVersion"]}, "status": {"parents": wanted}}
            try:
                self._api.patch(kind, meta["name"], meta["namespace"], body, subresource="status")
            except HeadgateError as problem:  # changed or gone meanwhile, which is news that wakes the loop
                log.info("status not written", kind=str(kind), route=meta["name"], problem=str(problem))

    def _taken(self) -> bool:
        """Whether Envoy routes by what was last written; what it refused once it is not asked for again."""
        version = self._files.version(self._files.routes)
        if version == self._refused:
            return False
        if self._await(lambda: self._admin.routes_version() == version, TAKEN_WITHIN_S):
            return True
        self._refused = version
        log.warning("Envoy does not take the routes", version=version)
        return False

    def _known(self, present: dict[str, Upstream]) -> dict[str, Upstream]:
        now = time.monotonic()
        for name, upstream in present.items():
            self._kept[name] = (upstream, now)
        self._kept = {name: (up, seen) for name, (up, seen) in self._kept.items() if now - seen < KEEP_S}
        return {name: upstream for name, (upstream, _) in sorted(self._kept.items())}

    def _pods(self) -> Pods:
        metas = (pod["metadata"] for pod in self._list(POD))
        return {(meta["namespace"], meta["name"]): meta["labels"] for meta in metas}

    def _list(self, kind: Kind) -> list[Object]:
        informer = self._informers.get(kind)
        return informer.list() if informer else []

    def _await(self, condition: Callable[[], bool], within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline or self._stopped.is_set():
                return False
            time.sleep(0.02)
        return True

    def _on_change(self, _name: Name, _object: Object | None) -> None:
        self._changed.set()


def _labels_only(pod: Object) -> Object:
    meta = pod["metadata"]
    return {"metadata": {"namespace": meta["namespace"], "name": meta["name"], "labels": meta.get("labels") or {}}}


def main(
    kubeconfig: Annotated[Path, typer.Option()],
    folder: Annotated[Path, typer.Option(help="where Envoy reads its files")],
    admin: Annotated[str, typer.Option(help="address of Envoy's admin interface")],
) -> None:
    """Run the mesh's control plane until SIGTERM."""
    control = MeshControl(Cluster.connect(kubeconfig), Files(folder), admin)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: control.stop())
    control.run()


if __name__ == "__main__":
    typer.run(main)
