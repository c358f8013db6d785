"""The whole lab: control plane, node agent, mesh, Envoy, Prometheus and the controller, started and ended together."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from delivery.cluster.client import Cluster
from delivery.lab.control_plane import ControlPlane, install_crds, start_control_plane
from delivery.lab.envoy import Envoy
from delivery.lab.mesh.proxy import start_proxy
from delivery.lab.node_agent import write_control
from delivery.lab.process import Process, ProcessFailed, free_port
from delivery.lab.prometheus import Dialect, Prometheus
from delivery.lab.readiness import answers, retrying_ports
from delivery.resources.crds import write_definitions

MESH_CRDS = "HEADGATE_TEST_CRDS"
CONTROLLER_READY_WITHIN_S = 60.0
CONTROLLER_SETTLE_S = 0.2  # nothing lies between Envoy and this Prometheus but one scrape


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the controller listens, the one that is started again too."""

    api: int
    health: int

    @property
    def health_url(self) -> str:
        return f"http://127.0.0.1:{self.health}"


@dataclass(slots=True)
class Laboratory:
    """A running lab. Whatever it starts ends with it."""

    folder: Path
    plane: ControlPlane
    cluster: Cluster
    envoy: Envoy
    prometheus: Prometheus
    controller: Process
    ports: Ports
    parts: list[Process]
    _control: dict[str, Any] = field(default_factory=lambda: {"dependency": 0.0, "versions": {}})

    @property
    def api_url(self) -> str:
        """The controller's API, while it runs; the kubeconfig's token may everything."""
        return f"http://127.0.0.1:{self.ports.api}"

    @property
    def health_url(self) -> str:
        """The controller's probes and metrics."""
        return self.ports.health_url

    @property
    def control_file(self) -> Path:
        """What the pods of this lab read, and no others."""
        return _control_file(self.folder)

    @property
    def pods_folder(self) -> Path:
        """Each pod's log and its notes of what it served."""
        return _pods_folder(self.folder)

    def require_whole(self) -> None:
        """Raises ProcessFailed when a part of the lab that no scenario ends has ended."""
        for part in self.parts:
            if not part.running:
                raise ProcessFailed(f"{part.name} ended with code {part.exit_code}: {part.log_tail()}")

    def set_dependency(self, error_rate: float) -> None:
        """From now on this share of all calls to the shared dependency fails, whichever version makes them."""
        self._control["dependency"] = error_rate
        write_control(self.control_file, self._control)

    def override(self, version: str, error_rate: float, median_ms: float, sigma: float) -> None:
        """Changes how the running pods of a version behave."""
        self._control["versions"][version] = {"errorRate": error_rate, "medianMs": median_ms, "sigma": sigma}
        write_control(self.control_file, self._control)

    def kill_controller(self) -> None:
        """As a crash does."""

        self.controller.signal(signal.SIGKILL)

    def stop_controller(self) -> None:
        self.controller.stop()

    def start_controller(self) -> None:
        """Starts it again after a kill; one that runs is left alone."""
        if not self.controller.running:
            self.controller.stop()
            self.controller = _start_controller(self.folder, self.plane, self.prometheus, self.ports)


@contextmanager
def laboratory(assets: Path | None, folder: Path | None = None, metrics: Dialect = "istio") -> Iterator[Laboratory]:
    """Starts a lab; `assets` as in `start_control_plane`, `metrics` says under whose names requests are counted.

    Raises ProcessFailed, InvalidSpec.
    """
    with ExitStack() as stack:
        base = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headgate-lab-")))
        plane = stack.enter_context(start_control_plane(base / "control-plane", assets=assets))
        cluster = Cluster.connect(plane.kubeconfig)
        install_crds(cluster, [*write_definitions(base / "crds"), *mesh_definitions()])
        write_control(_control_file(base), {})
        _pods_folder(base).mkdir()
        (base / "envoy").mkdir()
        envoy = start_proxy(stack, base / "envoy")
        prometheus = Prometheus.start_new(stack, base / "prometheus", envoy.admin_port, metrics)
        parts = [envoy.process]
        for name, arguments in _modules(base, envoy).items():
            process = _module(base, name, ["--kubeconfig", str(plane.kubeconfig), *arguments])
            stack.callback(process.stop)
            parts.append(process)
        controller, ports = retrying_ports(stack, lambda own: _ready_controller(own, base, plane, prometheus))
        running = Laboratory(base, plane, cluster, envoy, prometheus, controller, ports, parts)
        stack.callback(running.stop_controller)
        yield running


def assets_from_environment() -> Path | None:
    """The folder of the real control plane's programs where KUBEBUILDER_ASSETS names one."""
    named = os.environ.get("KUBEBUILDER_ASSETS")
    return Path(named) if named else None


def mesh_definitions() -> list[Path]:
    """The CRDs of every mesh: the real ones where HEADGATE_TEST_CRDS names a folder of them, else the lab's own."""
    real = os.environ.get(MESH_CRDS)
    folder = Path(real) if real else Path(str(resources.files("delivery.lab") / "crds"))
    return sorted(folder.glob("*.yaml"))


def _control_file(base: Path) -> Path:
    return base / "control.json"


def _pods_folder(base: Path) -> Path:
    return base / "pods"


def _modules(base: Path, envoy: Envoy) -> dict[str, list[str]]:
    control = _control_file(base)
    return {
        "delivery.lab.mesh.control": ["--folder", str(base / "envoy"), "--admin", envoy.admin_url],
        "delivery.lab.node_agent": ["--folder", str(_pods_folder(base)), "--control", str(control)],
    }


def _module(base: Path, name: str, arguments: list[str]) -> Process:
    return Process(name, [sys.executable, "-m", name, *arguments], base / f"{name.rpartition('.')[2]}.log")


def _ready_controller(own: ExitStack, base: Path, plane: ControlPlane, prometheus: Prometheus) -> tuple[Process, Ports]:
    """Raises ProcessFailed."""
    ports = Ports(free_port(), free_port())
    controller = _start_controller(base, plane, prometheus, ports)
    own.callback(controller.stop)
    controller.wait_until(lambda: answers(f"{ports.health_url}/readyz"), CONTROLLER_READY_WITHIN_S)
    return controller, ports


def _start_controller(base: Path, plane: ControlPlane, prometheus: Prometheus, ports: Ports) -> Process:
    arguments = [
        "controller",
        "--no-leader-election",  # there is one, and after a crash it should not wait for its own Lease
        "--kubeconfig",
        str(plane.kubeconfig),
        "--prometheus",
        prometheus.url,
        "--settle",
        f"{CONTROLLER_SETTLE_S:g}",
        "--listen",
        f"127.0.0.1:{ports.api}",
        "--health-listen",
        f"127.0.0.1:{ports.health}",
    ]
    return Process("controller", [sys.executable, "-m", "delivery.cli", *arguments], base / "controller.log")
