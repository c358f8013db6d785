"""The API in a process of its own: no answer waits for the controller's computing, and no decision for an answer.

The listening socket stays with the one that starts it, so that whoever calls while the process is replaced is answered
by the next. The process ends with its standard input, hence with whoever started it, however that ends.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import structlog
from pydantic import BaseModel

from delivery.api.server import Tls, bound, url_of
from delivery.errors import HeadgateError
from delivery.settings import Settings

log = structlog.get_logger()
SERVING = "serving"
"""What it says once it answers; anything else is why it does not."""
AGAIN_AFTER_S, STOPPED_WITHIN_S = 1.0, 15.0


class Order(BaseModel):
    """What the process is told, as a line of JSON. `listener` is a descriptor that it inherits."""

    listener: int
    kubeconfig: Path | None
    context: str | None
    namespace: str | None
    tls: Tls | None


class ApiProcess:
    """Started anew whenever it ends before `stop`."""

    def __init__(self, host: str, port: int, settings: Settings, tls: Tls | None = None) -> None:
        """Raises HeadgateError where that address is not to be had."""
        self._listener = bound(host, port)
        self.url = url_of(self._listener, tls)
        self._order = Order(
            listener=self._listener.fileno(),
            kubeconfig=settings.kubeconfig,
            context=settings.context,
            namespace=settings.namespace,
            tls=tls,
        )
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._child: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self.serving = False

    @property
    def pid(self) -> int | None:
        """Of the process that serves now."""
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Returns when requests are answered. Raises HeadgateError."""
        try:
            child = self._begin()
        except HeadgateError:
            self.stop()
            raise
        self._thread = threading.Thread(target=self._keep, args=(child,), name="api-process", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends streams and waits; twice is harmless."""
        self._stopping.set()
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            _ended(child)
        if self._thread is not None:
            self._thread.join(STOPPED_WITHIN_S)
            self._thread = None
        self._listener.close()

    def _begin(self) -> subprocess.Popen[str]:
        """Raises HeadgateError where the process does not come to serve."""
        with self._lock:
            if self._stopping.is_set():
                raise HeadgateError("the API is being stopped")
            child = self._child = subprocess.Popen(
                [sys.executable, "-m", "delivery.api"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                pass_fds=(self._listener.fileno(),),
                start_new_session=True,  # a Ctrl-C in the terminal is ours to hand on
            )
        said = _told(child, self._order)
        if said != SERVING:
            raise HeadgateError(f"{self.url} is not served: {said or f'its process ended with {child.wait()}'}")
        self.serving = True
        return child

    def _keep(self, child: subprocess.Popen[str] | None) -> None:
        while not self._stopping.is_set():
            if child is not None:
                code = child.wait()
                self.serving = False
                if not self._stopping.is_set():
                    log.error("the API's process ended; another is started", code=code)
            child = self._another()

    def _another(self) -> subprocess.Popen[str] | None:
        """None where it does not come to serve either."""
        self._stopping.wait(AGAIN_AFTER_S)
        try:
            return self._begin()
        except HeadgateError as problem:
            if not self._stopping.is_set():
                log.warning("the API's process does not come up", problem=str(problem))
            return None


def _told(child: subprocess.Popen[str], order: Order) -> str:
    """What it says when it was given the order; "" where it ended without a word."""
    assert child.stdin is not None  # noqa: S101  # for the type checker: they are pipes
    assert child.stdout is not None  # noqa: S101
    try:
        child.stdin.write(order.model_dump_json() + "\n")
        child.stdin.flush()
        return child.stdout.readline().strip()
    except (OSError, ValueError):  # it is gone, or was stopped meanwhile
        return ""


def _ended(child: subprocess.Popen[str]) -> None:
    if child.stdin is not None:
        with suppress(OSError):  # it was gone already
            child.stdin.close()
    try:
        child.wait(STOPPED_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdout is not None:
        child.stdout.close()
