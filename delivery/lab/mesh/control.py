"""The lab's mesh control plane: watches, translates, and puts Envoy's files in place in an order that fails nobody.

Endpoints come before the clusters that read them, clusters are warm before a route names them, and a cluster whose
Service is gone stays a while for requests that are still on their way.
"""

from __future__ import annotations

import json
import re
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import requests
import structlog
import typer

from delivery.cluster.client import Cluster, Object
from delivery.cluster.informer import Informer, Name
from delivery.cluster.kinds import ENDPOINT_SLICE, SERVICE, VIRTUAL_SERVICE
from delivery.lab.mesh.naming import Upstream
from delivery.lab.mesh.translate import assignment, cluster, routes, upstreams

log = structlog.get_logger()
KEEP_S = 5.0
WARM_WITHIN_S = 5.0
SYNC_TIMEOUT_S = 30.0


@dataclass(slots=True)
class Files:
    """Envoy's dynamic configuration in one folder. Each file is replaced by rename, which is what Envoy watches."""

    folder: Path
    _written: dict[Path, str] = field(default_factory=dict)

    @property
    def clusters(self) -> Path:
        return self.folder / "clusters.json"

    @property
    def routes(self) -> Path:
        return self.folder / "routes.json"

    def endpoints(self, upstream: Upstream) -> Path:
        return self.folder / f"endpoints-{re.sub('[^a-z0-9.-]', '_', upstream.cluster)}.json"

    def put(self, path: Path, resources: list[dict[str, Any]]) -> bool:
        """Writes a discovery response where it differs from the last one; True when it was written."""
        body = json.dumps(resources, sort_keys=True)
        if self._written.get(path) == body:
            return False
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps({"version_info": str(time.time_ns()), "resources": resources}))
        fresh.replace(path)
        self._written[path] = body
        return True


class MeshControl:
    """Keeps the files as the cluster's objects say."""

    def __init__(self, api: Cluster, files: Files, admin_url: str) -> None:
        self._files = files
        self._admin_url = admin_url
        self._changed = threading.Event()
        self._stopped = threading.Event()
        self._informers = {
            kind.plural: Informer(api, kind, on_change=self._on_change)
            for kind in (SERVICE, ENDPOINT_SLICE, VIRTUAL_SERVICE)
        }
        self._kept: dict[str, tuple[Upstream, float]] = {}

    def run(self) -> None:
        """Works until `stop`."""
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
        """Brings every file up to date."""
        known = self._known(upstreams(self._informers[SERVICE.plural].list()))
        slices = self._informers[ENDPOINT_SLICE.plural].list()
        for upstream in known.values():
            self._files.put(self._files.endpoints(upstream), [assignment(upstream, slices)])
        configured = [cluster(upstream, str(self._files.endpoints(upstream))) for upstream in known.values()]
        if self._files.put(self._files.clusters, configured):
            self._await_warm(set(known))
        self._files.put(self._files.routes, [routes(known, self._routes())])

    def _routes(self) -> list[Object]:
        return sorted(self._informers[VIRTUAL_SERVICE.plural].list(), key=lambda vs: vs["metadata"]["name"])

    def _known(self, present: dict[str, Upstream]) -> dict[str, Upstream]:
        now = time.monotonic()
        for name, upstream in present.items():
            self._kept[name] = (upstream, now)
        self._kept = {name: (up, seen) for name, (up, seen) in self._kept.items() if now - seen < KEEP_S}
        return {name: upstream for name, (upstream, _) in sorted(self._kept.items())}

    def _await_warm(self, names: set[str]) -> None:
        deadline = time.monotonic() + WARM_WITHIN_S
        while time.monotonic() < deadline and not self._stopped.is_set():
            if names <= self._active():
                return
            time.sleep(0.02)
        log.warning("clusters are not warm", missing=sorted(names - self._active()))

    def _active(self) -> set[str]:
        """The clusters Envoy routes to now; none while it does not answer."""
        try:
            answer = requests.get(f"{self._admin_url}/clusters", timeout=2)
        except requests.RequestException:
            return set()
        return {line.partition("::")[0] for line in answer.text.splitlines()}

    def _on_change(self, _name: Name, _object: Object | None) -> None:
        self._changed.set()


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
