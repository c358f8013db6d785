"""An empty lab that a person keeps: kubectl talks to it, and nothing of it outlives the word to stop."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conditions import eventually
from tests.e2e.test_scenarios import processes_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "delivery.cli", "lab", "up", "--embedded", "--kubeconfig", str(tmp_path / "lab")]
    running = subprocess.Popen(command, env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: (tmp_path / "lab").exists() or running.poll() is not None, 90)
        assert running.poll() is None
        yield running
    finally:
        running.kill()
        running.wait()


def folders_of(tmp_path: Path) -> list[Path]:
    return list(tmp_path.glob("headgate-lab-*"))


def test_kubectl_finds_releases_by_their_short_name(lab: subprocess.Popen[bytes], tmp_path: Path) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not on PATH")
    asked = [kubectl, f"--kubeconfig={tmp_path / 'lab'}", f"--cache-dir={tmp_path / 'cache'}", "get", "rel", "-A"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr.strip()) == (0, "No resources found")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_leaves_nothing(lab: subprocess.Popen[bytes], tmp_path: Path, how: signal.Signals) -> None:
    [folder] = folders_of(tmp_path)
    assert processes_of(folder)
    lab.send_signal(how)
    assert lab.wait(60) == 0
    assert processes_of(folder) == []
    assert folders_of(tmp_path) == []
    assert not (tmp_path / "lab").exists()


def test_killed_it_takes_its_processes_along(lab: subprocess.Popen[bytes], tmp_path: Path) -> None:
    [folder] = folders_of(tmp_path)
    lab.kill()
    lab.wait(10)
    eventually(lambda: not processes_of(folder), 20)
