"""From a started program of the lab to one that serves: probes, ports that were taken, kubeconfig files."""

from __future__ import annotations

import os
import ssl
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import yaml

from delivery.lab.process import Process, ProcessFailed

Started = TypeVar("Started")

PROBE_TIMEOUT_S = 2.0
BIND_FAILURES = ("address already in use", "Address already in use", "bind: address", "Errno 98", "EADDRINUSE")


def answers(url: str, *, ca_file: Path | None = None, token: str = "") -> bool:
    """Whether a GET of `url` gives 200 now; `ca_file` (PEM) vouches for an https server."""
    request = urllib.request.Request(url)  # noqa: S310 - the lab asks its own loopback servers only
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        trust = ssl.create_default_context(cafile=str(ca_file)) if ca_file else None
        with urllib.request.urlopen(request, timeout=PROBE_TIMEOUT_S, context=trust) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def write_kubeconfig(path: Path, *, server: str, ca_file: Path, token: str) -> None:
    """A kubeconfig with one context, readable by its owner only, and whole from the moment it exists."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [
            {
                "name": "lab",
                "cluster": {
                    "server": server,
                    "certificate-authority-data": b64encode(ca_file.read_bytes()).decode(),
                },
            }
        ],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "admin", "namespace": "default"}}],
    }
    write_private(path, yaml.safe_dump(content))


def write_private(path: Path, text: str) -> None:
    """Writes a file of mode 0600 and moves it into place, so that no reader sees half of it."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def retrying_ports(stack: ExitStack, start: Callable[[ExitStack], Started], attempts: int = 4) -> Started:
    """Runs `start`, which picks free ports, again when another program took one of them in between.

    What `start` puts on the stack it is given ends with a failed attempt at once, and with `stack` otherwise.
    Raises the last ProcessFailed when the cause is another one or the attempts are used up.
    """
    for _ in range(attempts - 1):
        try:
            return _attempt(stack, start)
        except ProcessFailed as problem:
            if not any(sign in str(problem) for sign in BIND_FAILURES):
                raise
    return _attempt(stack, start)


def _attempt(stack: ExitStack, start: Callable[[ExitStack], Started]) -> Started:
    with ExitStack() as own:
        started = start(own)
        stack.push(own.pop_all())
        return started


def stop_with(stack: ExitStack, process: Process, grace_s: float) -> None:
    """Stops `process` when `stack` unwinds; raises ProcessFailed there when it had ended by itself before."""

    def leave(raised: type[BaseException] | None, _value: object, _trace: object) -> None:
        ended_early = not process.running
        process.stop(grace_s)
        if ended_early and raised is None:  # an error on its way out is nearer to the cause
            raise ProcessFailed(f"{process.name} ended early with code {process.exit_code}: {process.log_tail()}")

    stack.push(leave)


def token_of(kubeconfig: Path) -> str:
    """The token of a kubeconfig that a control plane of the lab wrote."""
    return str(yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]["token"])
