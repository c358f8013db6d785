"""Envoy with the filters that the translated routes need."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

from delivery.lab.envoy import READY_WITHIN_S, Envoy, find_envoy
from delivery.lab.mesh.files import Files
from delivery.lab.mesh.filters import Json, http_filters
from delivery.lab.mesh.translate import routes
from delivery.lab.process import Process, free_port
from delivery.lab.readiness import answers, retrying_ports

_MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def start_proxy(stack: ExitStack, folder: Path) -> Envoy:
    """Starts Envoy on empty files in `folder`, waits until it serves, and stops it with `stack`.

    Raises ProcessFailed.
    """
    return retrying_ports(stack, lambda own: _start(own, folder))


def _start(own: ExitStack, folder: Path) -> Envoy:
    files = Files(folder)
    files.put(files.clusters, [])
    files.put(files.routes, [routes({})])
    port, admin_port = free_port(), free_port()
    configuration = folder / "bootstrap.json"
    configuration.write_text(json.dumps(bootstrap(files, port, admin_port)))
    command = [find_envoy(), "-c", str(configuration), "--disable-hot-restart", "--concurrency", "1", "-l", "warn"]
    envoy = Envoy(Process("envoy", command, folder / "envoy.log"), port, admin_port)
    own.callback(envoy.process.stop)
    envoy.process.wait_until(lambda: answers(f"{envoy.admin_url}/ready"), READY_WITHIN_S)
    return envoy


def bootstrap(files: Files, port: int, admin_port: int) -> Json:
    """One listener on `port` whose routes and clusters are in `files`, the admin interface on `admin_port`."""
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": _manager(files)}]
    listener = {"name": "mesh", "address": _address(port), "filter_chains": [{"filters": filters}]}
    return {
        "node": {"id": "lab", "cluster": "lab"},
        "admin": {"address": _address(admin_port)},
        "stats_flush_interval": "0.5s",
        "dynamic_resources": {"cds_config": _file(files.clusters)},
        "static_resources": {"listeners": [listener]},
    }


def _manager(files: Files) -> Json:
    return {
        "@type": _MANAGER,
        "stat_prefix": "mesh",
        "rds": {"route_config_name": "mesh", "config_source": _file(files.routes)},
        "http_filters": http_filters(),
    }


def _file(path: Path) -> Json:
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}


def _address(port: int) -> Json:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
