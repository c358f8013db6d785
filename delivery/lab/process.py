"""Child processes of the lab: they never outlive it, and starting one waits for a condition, not for a while."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from delivery.errors import HeadgateError

_LOWEST_PORT = 10_000  # the well-known servers of a developer's machine are mostly below
_PORT_ATTEMPTS = 20


class ProcessFailed(HeadgateError):
    """A program of the lab ended or never became ready; the message carries the end of its log."""


class Process:
    """One child with its log in a file. Stopping is idempotent: SIGTERM, then SIGKILL after `grace_s`.

    The kernel kills the child when the *thread* that started it ends, so start children from a thread that lives as
    long as they should.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._log_file = log.open("ab")
        self._popen = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=self._log_file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=True,  # a Ctrl-C in the terminal is ours to hand on, in order
        )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        return self._popen.poll()

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal; a child that is already gone is no error."""
        if self.running:
            self._popen.send_signal(number)

    def stop(self, grace_s: float = 5.0) -> None:
        """Ends the child and waits until it is gone."""
        if self.running:
            self._popen.terminate()
            try:
                self._popen.wait(grace_s)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        self._popen.wait()
        self._log_file.close()

    def wait_until(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Polls `ready` until it holds of a child that runs. Raises ProcessFailed when it ends or time runs out."""
        deadline = time.monotonic() + timeout_s
        while True:
            well = ready()
            if not self.running:  # whoever answered, if anybody did, was another
                raise ProcessFailed(f"{self.name} ended with code {self.exit_code}: {self.log_tail()}")
            if well:
                return
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{self.name} was not ready after {timeout_s:.0f} s: {self.log_tail()}")
            time.sleep(0.05)

    def log_tail(self, lines: int = 15) -> str:
        """The last lines the child printed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port nobody listens on now. Another program may take it before you do: retry on a bind failure.

    Below those that the kernel gives to connections going out, where there are any: on a busy machine one of these
    sits on the chosen port before a program has started, or while it is away for a restart.
    """
    below = range(_LOWEST_PORT, _first_outgoing_port())
    for port in (*random.SystemRandom().sample(below, min(_PORT_ATTEMPTS, len(below))), 0):
        with socket.socket() as probe, suppress(OSError):
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    raise ProcessFailed(f"no free TCP port on {host}")


def _first_outgoing_port() -> int:
    return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
