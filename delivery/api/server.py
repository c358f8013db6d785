"""Serving from a thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from delivery.api.connections import Bounded
from delivery.errors import HeadgateError
from delivery.event_loop import new_event_loop

STARTED_WITHIN_S = 30.0
STOPPED_WITHIN_S = 10.0
KEEP_ALIVE_S = 75


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files."""

    certificate: Path
    key: Path


def bound(host: str, port: int, *, option: str = "--listen") -> socket.socket:
    """Not yet listening, at a free port where that is 0. Raises HeadgateError, which names that option."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only on sockets that say they are TCP; with it an answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as problem:
        listener.close()
        raise HeadgateError(f"{option} {host}:{port}: {problem.strerror}; choose another") from problem
    return listener


def url_of(listener: socket.socket, tls: Tls | None = None) -> str:
    """With the port that was free, where 0 was asked for."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{shown}:{port}"


class Server:
    """One ASGI application at one address, until stopped. Closes the listener."""

    def __init__(
        self, app: ASGIApp, listener: socket.socket, tls: Tls | None = None, connections: type[Bounded] = Bounded
    ) -> None:
        self._app, self._listener, self._tls, self._connections = app, listener, tls, connections
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._serving = threading.Event()
        self._failure: BaseException | None = None
        self.url = url_of(listener, tls)

    def start(self) -> None:
        """Returns when requests are answered. Raises HeadgateError."""
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)
        self._thread.start()
        if not self._serving.wait(STARTED_WITHIN_S) or self._failure is not None:
            self.stop()
            raise HeadgateError(f"{self.url} is not served: {self._failure or 'no answer'}")

    def stop(self) -> None:
        """Ends streams and waits; twice is harmless."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(STOPPED_WITHIN_S)
            self._thread = None
        self._listener.close()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(self._serve())
        except BaseException as failed:  # SystemExit too: it is told to whoever waits in start()
            self._failure = failed
        finally:
            self._serving.set()

    async def _serve(self) -> None:
        config = uvicorn.Config(
            self._app,
            log_level="warning",
            access_log=False,
            http=self._connections,
            ws="none",
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=2,
            server_header=False,
            ssl_certfile=self._tls.certificate if self._tls else None,
            ssl_keyfile=self._tls.key if self._tls else None,
            lifespan="on",
        )
        self._server = uvicorn.Server(config)
        serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.01)
        if not serving.done():  # else it failed, which is to be known before anybody is told
            self._serving.set()
        await serving
