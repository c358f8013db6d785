"""A pod of the lab as a real process: it fails as told, hears its control file, and ends without losing a request."""

from __future__ import annotations

import http.client
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from delivery.lab import pod
from delivery.lab.node_agent import write_control
from delivery.lab.process import Process, free_port
from tests.conditions import eventually

Start = Callable[..., "Pod"]


class Pod:
    """One process and the way to ask it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.port = free_port()
        self.control = folder / "control.json"
        env = {
            "LAB_ADDRESS": "127.0.0.1",
            "LAB_PORT": str(self.port),
            "LAB_POD": "web-1",
            "LAB_VERSION": "1.0.0",
            "LAB_WORKLOAD": "web",
            "LAB_CONTROL": str(self.control),
            "LAB_LATENCY_MEDIAN_MS": "1",
            "LAB_DRAIN_S": "0.5",
            **settings,
        }
        command = [sys.executable, "-I", "-S", str(Path(pod.__file__))]
        self.process = Process("pod", command, folder / "pod.log", env=env)

    def ask(self, path: str = "/", connection: http.client.HTTPConnection | None = None) -> tuple[int, dict[str, str]]:
        asked = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        asked.request("GET", path)
        answer = asked.getresponse()
        answer.read()
        if connection is None:
            asked.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}

    def listens(self) -> bool:
        try:
            return bool(self.ask("/ready"))
        except OSError:
            return False


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Pod] = []

    def begin(**settings: str) -> Pod:
        started.append(Pod(tmp_path, **settings))
        if settings.get("LAB_CRASH") != "true":
            eventually(started[-1].listens, 15)
        return started[-1]

    yield begin
    for running in started:
        running.process.stop()


def test_it_says_who_it_is_and_answers(start: Start) -> None:
    status, headers = start().ask()
    assert status == 200
    assert (headers["x-lab-pod"], headers["x-lab-version"], headers["x-lab-workload"]) == ("web-1", "1.0.0", "web")


def test_it_fails_as_often_as_it_is_told_and_says_that_it_was_told(start: Start) -> None:
    always = start(LAB_ERROR_RATE="1")
    status, headers = always.ask()
    assert (status, headers["x-lab-injected"]) == (500, "true")
    assert always.ask("/ready")[0] == 200  # readiness is not the application's errors


def test_it_notes_what_it_answered_and_not_the_probes(start: Start, tmp_path: Path) -> None:
    running = start(LAB_SERVED=str(tmp_path / "served"), LAB_ERROR_RATE="1")
    began = time.time()
    running.ask()
    running.ask("/ready")
    running.ask()
    lines = [line.split() for line in (tmp_path / "served").read_text().splitlines()]
    assert [status for _, status in lines] == ["500", "500"]
    assert all(began - 0.001 <= float(at) <= time.time() for at, _ in lines)


def test_it_may_never_be_ready(start: Start) -> None:
    assert start(LAB_NEVER_READY="true").ask("/ready")[0] == 503


def test_the_control_file_changes_a_version_and_the_shared_dependency(start: Start) -> None:
    running = start()
    write_control(running.control, {"dependency": 1.0, "versions": {}})
    eventually(lambda: running.ask()[1].get("x-lab-injected") == "dependency", 10)
    write_control(running.control, {"dependency": 0.0, "versions": {"1.0.0": {"errorRate": 1.0}}})
    eventually(lambda: running.ask()[1].get("x-lab-injected") == "true", 10)
    write_control(running.control, {"dependency": 0.0, "versions": {"2.0.0": {"errorRate": 1.0}}})
    eventually(lambda: running.ask()[0] == 200, 10)


def test_it_serves_on_after_sigterm_and_closes_connections_as_it_answers(start: Start) -> None:
    running = start()
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    assert "connection" not in running.ask(connection=connection)[1]
    running.process.signal(signal.SIGTERM)
    eventually(lambda: running.ask()[1].get("connection") == "close", 10)
    assert running.ask(connection=connection)[0] == 200
    eventually(lambda: not running.process.running, 10)
    assert running.process.exit_code == 0


def test_a_crashing_version_ends_with_an_error_and_never_listens(start: Start) -> None:
    running = start(LAB_CRASH="true")
    eventually(lambda: not running.process.running, 10)
    assert running.process.exit_code == 1
    assert "LAB_CRASH" in running.process.log_tail()


def test_failures_and_delays_follow_the_seed() -> None:
    env = {
        "LAB_POD": "web-1",
        "LAB_VERSION": "1",
        "LAB_ERROR_RATE": "0.3",
        "LAB_LATENCY_MEDIAN_MS": "20",
        "LAB_SEED": "7",
    }
    one, two = pod.Behaviour(env), pod.Behaviour(env)
    assert [one.failure() for _ in range(50)] == [two.failure() for _ in range(50)]
    drawn = [pod.Behaviour({**env, "LAB_LATENCY_SIGMA": "0.5", "LAB_SEED": str(n)}).delay() for n in range(2000)]
    assert abs(sorted(drawn)[1000] - 0.020) < 0.0015  # the median of a lognormal; 5 standard errors
    failed = sum(one.failure() is not None for _ in range(4000))
    assert abs(failed - 1200) < 5 * (4000 * 0.3 * 0.7) ** 0.5
