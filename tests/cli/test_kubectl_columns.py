"""`kubectl get rel`: the columns a person sees, and a new row when a Release moves."""

from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import RELEASE
from delivery.resources.release import Phase, spec_object, status_object
from tests.conditions import eventually
from tests.decision.given import release

NAME = "web-bbbbbbbbbb"


@pytest.fixture
def kubectl(kubeconfig: Path, tmp_path: Path) -> list[str]:
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not on PATH")
    return [program, f"--kubeconfig={kubeconfig}", f"--cache-dir={tmp_path / 'cache'}", "--namespace=default"]


def put(cluster: Cluster, phase: Phase, weight: float, verdict: str) -> None:
    """The Release of a test in that state."""
    made = release(phase, weight=weight, verdict=verdict, progress="1/2", routes=())
    meta = {"name": NAME, "namespace": "default"}
    stored = cluster.find(RELEASE, NAME, "default")
    stored = stored or cluster.create(RELEASE, {"metadata": meta, "spec": spec_object(made.spec)})
    cluster.replace(RELEASE, {**stored, "status": status_object(made.status)}, subresource="status")


def test_the_columns(kubeconfig: Path, kubectl: list[str]) -> None:
    put(Cluster.connect(kubeconfig), Phase.SHIFTING, 5.0, "Undecided")
    done = subprocess.run([*kubectl, "get", "rel"], capture_output=True, text=True, check=True, timeout=60)
    header, row = (line.split() for line in done.stdout.splitlines())
    assert header == ["NAME", "DEPLOYMENT", "PHASE", "STEP", "WEIGHT", "VERDICT", "AGE"]
    assert row[:-1] == [NAME, "web", "Shifting", "1/2", "5", "Undecided"]


def test_a_watch_shows_a_row_for_every_change(kubeconfig: Path, kubectl: list[str]) -> None:
    cluster = Cluster.connect(kubeconfig)
    put(cluster, Phase.SHIFTING, 5.0, "Undecided")
    watching = subprocess.Popen([*kubectl, "get", "rel", "-w"], stdout=subprocess.PIPE, text=True)
    lines: list[str] = []

    def read() -> None:
        assert watching.stdout is not None
        for line in watching.stdout:
            lines.append(line)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        eventually(lambda: len(lines) >= 2)
        put(cluster, Phase.ROLLING_BACK, 0.0, "RollBack")
        eventually(lambda: len(lines) >= 3)
    finally:
        watching.terminate()
        watching.wait(10)
        reader.join(5)
    assert lines[1].split()[2:6] == ["Shifting", "1/2", "5", "Undecided"]
    assert lines[-1].split()[:6] == [NAME, "web", "RollingBack", "1/2", "0", "RollBack"]
