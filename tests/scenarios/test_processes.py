"""Real controller processes: killed without a word at every place of a release, stopped and resumed as leaders."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import yaml

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    NAMESPACE,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
    Kind,
)
from delivery.cluster.lease import LEASE
from delivery.lab.control_plane import ControlPlane
from delivery.lab.process import free_port
from delivery.lab.readiness import token_of
from delivery.resources.release import Phase, Release
from tests.conditions import eventually
from tests.conftest import Planes, fresh_namespace
from tests.reconcile.conftest import grounds  # noqa: F401 (the fixture)
from tests.reconcile.rig import Rig
from tests.scenarios.served_prometheus import served
from tests.served import account_token

pytestmark = pytest.mark.e2e
RIGHTS = Path(__file__).parents[2] / "manifests" / "rbac.yaml"
ENDS = {0.001: (Phase.SUCCEEDED, [0, 5, 50, 100, 0]), 0.3: (Phase.ROLLED_BACK, [0, 5, 0])}


@dataclass
class Processes:
    """Controllers of one namespace, each a process of its own; all are gone at the end."""

    plane: ControlPlane
    rig: Rig
    prometheus: str
    folder: Path
    alive: list[subprocess.Popen[bytes]] = field(default_factory=list)
    kubeconfig: Path | None = None
    """Another than the control plane's administrator's."""
    everywhere: bool = False
    """Not in its own namespace only."""

    def start(self, *more: str) -> subprocess.Popen[bytes]:
        kubeconfig = str(self.kubeconfig or self.plane.kubeconfig)
        where = ["--kubeconfig", kubeconfig, "--prometheus", self.prometheus]
        only = [] if self.everywhere else ["--namespace", self.rig.namespace]
        options = [*only, "--settle", "0.15", *more]
        with (self.folder / f"controller-{len(self.alive)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "delivery.cli", "controller", *where, *options], stderr=log
            )
        self.alive.append(process)
        return process

    def end(self) -> None:
        for process in self.alive:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(10)

    def told(self) -> str:
        """The end of every log, for a failing test."""
        return "\n".join(path.read_text()[-1500:] for path in sorted(self.folder.glob("*.log")))


Start = Callable[[str], Processes]


@pytest.fixture
def processes(grounds: Callable[[str], Cluster], planes: Planes, tmp_path: Path) -> Iterator[Start]:  # noqa: F811
    with ExitStack() as stack:

        def start(plane: str) -> Processes:
            cluster = grounds(plane)
            rig = Rig(cluster, fresh_namespace(cluster))
            stack.callback(rig.end)
            address = stack.enter_context(served(rig.mesh.prometheus))
            made = Processes(planes(plane), rig, address, tmp_path)
            stack.callback(made.end)
            rig.set_up()
            rig.deploy()
            return made

        yield start


def place(release: Release) -> tuple[str, str, int]:
    return release.status.phase.value, release.status.stage.value, release.status.step


@pytest.mark.parametrize("plane", ["embedded", "real"])
@pytest.mark.parametrize("failures", ENDS)
def test_a_process_that_is_killed_at_every_place_leaves_a_release_that_goes_on(
    processes: Start, plane: str, failures: float
) -> None:
    made = processes(plane)
    rig, seen = made.rig, set[tuple[str, str, int]]()
    made.start("--no-leader-election")
    rig.adopted()
    rig.mesh.failures = failures
    rig.image("web:2")

    def ended() -> bool:
        newest = rig.newest
        if newest and place(newest) not in seen and not newest.status.phase.final:
            seen.add(place(newest))
            made.alive[-1].send_signal(signal.SIGKILL)
            made.alive[-1].wait(10)
            made.start("--no-leader-election")
        return bool(newest and newest.status.phase.final and not newest.held)

    eventually(ended, 200)
    phase, weights = ENDS[failures]
    assert rig.release().status.phase is phase, made.told()
    assert rig.weights() == weights
    assert len(seen) >= 5, seen
    rig.check_unwound()
    rig.check_invariants()


@pytest.mark.parametrize("plane", ["embedded", "real"])
@pytest.mark.parametrize("stopped_at", [(Phase.PREPARING, 0), (Phase.SHIFTING, 1)], ids=lambda at: at[0].value)
def test_a_leader_that_is_stopped_and_resumed_does_nothing_more(
    processes: Start, plane: str, stopped_at: tuple[Phase, int]
) -> None:
    made = processes(plane)
    rig = made.rig
    lease = ["--lease-namespace", rig.namespace]
    first = made.start(*lease)
    eventually(lambda: rig.cluster.list(LEASE, rig.namespace).items, 30)
    rig.adopted()
    second = made.start(*lease)
    rig.image("web:2")
    phase, step = stopped_at
    rig.until(lambda release: release.status.phase is phase and release.status.step == step)
    first.send_signal(signal.SIGSTOP)
    rig.until(lambda release: release.status.phase is Phase.PROMOTING, 90)  # the second one, once the Lease is over
    first.send_signal(signal.SIGCONT)
    release = rig.ended(60)
    assert release.status.phase is Phase.SUCCEEDED, made.told()
    assert rig.weights() == [0, 5, 50, 100, 0], "a weight moved backwards"
    assert first.poll() is None
    assert second.poll() is None
    eventually(lambda: not rig.release().held)
    rig.check_unwound()
    rig.check_invariants()


@pytest.fixture(scope="module")
def account(
    planes: Planes,
    grounds: Callable[[str], Cluster],  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The kubeconfig of the manifest's ServiceAccount on the real control plane, with the manifest's rights."""
    cluster = grounds("real")
    rbac = "rbac.authorization.k8s.io"
    roles = (Kind(rbac, ("v1",), "Role", "roles"), CLUSTER_ROLE, ROLE_BINDING, CLUSTER_ROLE_BINDING)
    kinds = {kind.name: kind for kind in (NAMESPACE, SERVICE_ACCOUNT, *roles)}
    for each in yaml.safe_load_all(RIGHTS.read_text()):
        cluster.create(kinds[each["kind"]], each)
    content = yaml.safe_load(planes("real").kubeconfig.read_text())
    content["users"][0]["user"]["token"] = account_token(cluster, "headgate", "headgate")
    kubeconfig = tmp_path_factory.mktemp("account") / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(content))
    return kubeconfig


@pytest.mark.parametrize("failures", ENDS)
def test_the_rights_of_the_manifest_are_enough(processes: Start, account: Path, failures: float) -> None:
    made = processes("real")
    rig, made.kubeconfig, made.everywhere = made.rig, account, True
    api = f"127.0.0.1:{free_port()}"
    first = made.start("--lease-namespace", "headgate", "--listen", api)
    rig.adopted()
    rig.mesh.failures = failures
    rig.image("web:2")
    release = rig.ended(90)
    assert release.status.phase is ENDS[failures][0], made.told()
    assert rig.weights() == ENDS[failures][1]
    headers = {"Authorization": f"Bearer {token_of(made.plane.kubeconfig)}"}
    url = f"http://{api}/api/v1/releases?namespace={rig.namespace}"

    def listed() -> list[str]:
        with suppress(httpx.HTTPError):  # a process of its own, which is there later
            answer = httpx.get(url, headers=headers).raise_for_status()
            return [item["name"] for item in answer.json()["items"]]
        return []

    assert eventually(listed, 30) == [release.name]
    first.terminate()
    assert first.wait(30) == 0
    assert "forbidden" not in "".join(path.read_text() for path in made.folder.glob("*.log")).lower()
    rig.check_unwound()
