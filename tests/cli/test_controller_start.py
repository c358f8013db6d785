"""`headgate controller` when something is wrong at its start: one line that says what, no traceback."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import yaml
from typer.testing import CliRunner, Result

from benchmarks.api import started
from delivery.cli.main import app
from delivery.cluster.client import Cluster
from delivery.lab.apiserver.server import EmbeddedApiServer
from delivery.lab.control_plane import install_crds
from delivery.lab.process import free_port
from delivery.resources.crds import write_definitions
from tests.conditions import eventually

COMMAND = [sys.executable, "-m", "delivery.cli"]
STARTS_WITHIN_S = 30


@pytest.fixture(autouse=True)
def undisturbed() -> Iterator[None]:
    """The command sets signal handlers and the log of its process, which here is the tests' own."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    structlog.reset_defaults()
    for number, handler in handlers.items():
        signal.signal(number, handler)


def headgate(*arguments: str) -> Result:
    """A run in this process; an exception that would show as a traceback fails the test."""
    done = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(app, list(arguments))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def controller(kubeconfig: Path, *more: str, prometheus: str = "http://127.0.0.1:9") -> list[str]:
    return ["controller", "--prometheus", prometheus, "--kubeconfig", str(kubeconfig), *more]


def refused(*arguments: str) -> str:
    """The one line a run says before it ends with code 1."""
    done = headgate(*arguments)
    assert done.exit_code == 1, done.stderr
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("headgate: ")
    assert done.stdout == ""
    return lines[0]


def kubeconfig_for(path: Path, server: str) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture(scope="module")
def bare_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The kubeconfig of an API server without our CRDs."""
    with EmbeddedApiServer() as server:
        yield server.write_kubeconfig(tmp_path_factory.mktemp("bare") / "kubeconfig")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The kubeconfig of an API server with our CRDs."""
    folder = tmp_path_factory.mktemp("server")
    with EmbeddedApiServer() as running:
        kubeconfig = running.write_kubeconfig(folder / "kubeconfig")
        install_crds(Cluster.connect(kubeconfig), write_definitions(folder / "crds"))
        yield kubeconfig


def test_what_is_wrong_is_all_a_process_says(tmp_path: Path) -> None:
    command = [*COMMAND, *controller(tmp_path / "nowhere")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"headgate: kubeconfig {tmp_path / 'nowhere'}: ")


def test_an_api_server_that_cannot_be_reached(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    said = refused(*controller(kubeconfig_for(tmp_path / "kubeconfig", address)))
    assert address in said
    assert "cannot be reached" in said
    assert "--kubeconfig" in said


def test_a_kubeconfig_that_is_not_there(tmp_path: Path) -> None:
    said = refused(*controller(tmp_path / "nowhere"))
    assert str(tmp_path / "nowhere") in said
    assert "--kubeconfig" in said


@pytest.mark.parametrize("content", ["", "a: [", "just words", "[]", "clusters: 3\nusers: 4\n", "kind: Config\n", "\0"])
def test_a_kubeconfig_that_is_broken(tmp_path: Path, content: str) -> None:
    broken = tmp_path / "kubeconfig"
    broken.write_text(content)
    assert str(broken) in refused(*controller(broken))


def test_no_kubeconfig_and_no_pod() -> None:
    assert "--kubeconfig" in refused("controller", "--prometheus", "http://127.0.0.1:9")


def test_a_context_that_does_not_exist(bare_server: Path) -> None:
    assert "wrong-context" in refused(*controller(bare_server, "--context", "wrong-context"))


def test_our_crds_are_missing(bare_server: Path) -> None:
    said = refused(*controller(bare_server))
    assert "Release" in said
    assert "headgate crds" in said


@pytest.mark.parametrize("url", ["nonsense", "ftp://prometheus:9090", "http://", "prometheus:9090", "http://a b"])
def test_a_prometheus_url_that_is_none(server: Path, url: str) -> None:
    done = headgate(*controller(server, prometheus=url))
    assert done.exit_code == 2, done.stderr
    assert "--prometheus" in done.stderr
    assert "http://" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["controller"],
        ["controller", "--prometheus"],
        ["controller", "--prometheus", "http://p", "--settle", "-1"],
        ["controller", "--prometheus", "http://p", "--settle", "nan"],
        ["controller", "--prometheus", "http://p", "--settle", "soon"],
        ["controller", "--prometheus", "http://p", "--workers", "0"],
        ["controller", "--prometheus", "http://p", "--no-such-option"],
        ["controller", "--prometheus", "http://p", "surplus"],
        ["no-such-command"],
    ],
)
def test_wrong_arguments_are_told_by_name(arguments: list[str]) -> None:
    done = headgate(*arguments)
    assert done.exit_code == 2, done.stderr
    assert "Traceback" not in done.stderr
    named = next((a for a in reversed(arguments) if a.startswith("--")), arguments[-1])
    assert (named if arguments != ["controller"] else "--prometheus") in done.stderr or "surplus" in done.stderr


class Running:
    """A controller process whose standard error is read line by line."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not any(text in line for line in self.lines):
            assert self.process.poll() is None, "".join(self.lines)
            assert time.monotonic() < deadline, "".join(self.lines)
            time.sleep(0.02)

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        code = self.process.wait(20)
        self._reader.join(5)
        return code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_without_prometheus_it_starts_warns_once_and_ends_when_told(server: Path, number: int) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    running = Running(*controller(server, prometheus=address))
    try:
        running.wait_for("controller started")
    finally:
        code = running.end(number)
    assert code == 0
    warnings = [line for line in running.lines if '"warning"' in line]
    assert len(warnings) == 1
    assert address in warnings[0]
    assert "no release advances" in warnings[0]
    assert not any("Traceback" in line for line in running.lines)


@pytest.mark.parametrize("option", ["--listen", "--health-listen"])
def test_an_address_that_is_taken_is_told_with_its_option(server: Path, option: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        running = Running(*controller(server, option, taken))
        code = running.process.wait(STARTS_WITHIN_S)
    assert code == 1
    eventually(lambda: running.lines[-1].startswith(f"headgate: {option} {taken}: "))


def test_the_kubelet_is_answered_before_anything_is_listed(server: Path) -> None:
    running = Running(*controller(server, "--health-listen", "127.0.0.1:0"))
    try:
        running.wait_for("controller started")
    finally:
        running.end(signal.SIGTERM)
    order = [part for line in running.lines for part in ('"health"', "controller started") if part in line]
    assert order == ['"health"', "controller started"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_process_of_its_api_ends_with_it(server: Path, number: int) -> None:
    running = Running(*controller(server, "--listen", "127.0.0.1:0"))
    try:
        running.wait_for('"listening"')
        pids = started(running.process.pid)
    finally:
        running.end(number)
    assert pids
    eventually(lambda: not any(Path("/proc", str(pid)).exists() for pid in pids))
