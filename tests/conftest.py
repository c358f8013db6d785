"""Control planes for any test: started once a session and only when asked for, a fresh namespace for every test."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import NAMESPACE
from delivery.lab.control_plane import ControlPlane, start_control_plane

Planes = Callable[[str], ControlPlane]

KUBECTL_TIMEOUT_S = 60
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl as one control plane's administrator, in one namespace."""

    program: str
    kubeconfig: Path
    namespace: str
    cache: Path

    def command(self, *arguments: str) -> list[str]:
        """The whole command line, for a test that runs it itself."""
        scope = [f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.cache}", f"--namespace={self.namespace}"]
        return [self.program, *scope, *arguments]

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Runs it to its end, whatever the exit code."""
        return subprocess.run(
            self.command(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=KUBECTL_TIMEOUT_S,
        )

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        """Standard output of a call that must succeed."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout


def kubebuilder_assets() -> Path | None:
    """The folder of the real control plane's binaries, where KUBEBUILDER_ASSETS names one."""
    named = os.environ.get("KUBEBUILDER_ASSETS")
    return Path(named) if named else None


@pytest.fixture(scope="session")
def planes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planes]:
    """Starts the control plane of a name ("embedded" or "real") at its first use; with controllers."""
    started: dict[str, ControlPlane] = {}
    with ExitStack() as stack:

        def plane(name: str) -> ControlPlane:
            if name not in started:
                assets = kubebuilder_assets()
                if name == "real" and assets is None:
                    pytest.skip("KUBEBUILDER_ASSETS is not set: no real control plane to run")
                folder = tmp_path_factory.mktemp(f"plane-{name}")
                wanted = assets if name == "real" else None
                started[name] = stack.enter_context(start_control_plane(folder, assets=wanted))
            return started[name]

        yield plane


@pytest.fixture(scope="session", params=["embedded", "real"])
def control_plane(request: pytest.FixtureRequest, planes: Planes) -> ControlPlane:
    """Each control plane in turn: what a test asserts holds on both."""
    return planes(request.param)


@pytest.fixture(scope="session")
def embedded_plane(planes: Planes) -> ControlPlane:
    """Our own control plane, for tests of what is built on it."""
    return planes("embedded")


@pytest.fixture(scope="session")
def any_plane(planes: Planes) -> ControlPlane:
    """The real control plane where there is one, ours otherwise."""
    return planes("real" if kubebuilder_assets() else "embedded")


@pytest.fixture(scope="session")
def cluster(control_plane: ControlPlane) -> Cluster:
    """Our client of `control_plane`."""
    return Cluster.connect(control_plane.kubeconfig)


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    """A namespace of the test's own on `control_plane`."""
    return fresh_namespace(cluster)


@pytest.fixture
def kubectl(control_plane: ControlPlane, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """kubectl on `control_plane`, in `namespace`; the test is skipped where there is no kubectl."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not on PATH")
    cache = tmp_path_factory.getbasetemp() / f"kubectl-{control_plane.name}"
    return Kubectl(program, control_plane.kubeconfig, namespace, cache)


def fresh_namespace(cluster: Cluster) -> str:
    """Creates a namespace no other test of this session uses; returns its name."""
    name = f"test-{os.getpid()}-{next(_numbers)}"
    cluster.create(NAMESPACE, {"metadata": {"name": name}})
    return name
