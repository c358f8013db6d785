"""Running the embedded API server: in a background thread, on a free port, with a kubeconfig to reach it by."""

import asyncio
import secrets
import socket
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
import yaml

from delivery.event_loop import new_event_loop
from delivery.lab.apiserver.routes import ApiServer
from delivery.lab.apiserver.status import Json
from delivery.lab.apiserver.store import StorageKey

_STARTING_TIMEOUT = 30.0
_STOPPING_TIMEOUT = 10.0


class ServerStartError(RuntimeError):
    """The server did not come up; the message says why."""


class EmbeddedApiServer:
    """A Kubernetes API server in this process: a context manager that serves from entering to leaving.

    `port` 0 takes a free one; `objects` are there when it is first started. Requests need no credentials. All state is
    in memory and gone when it stops.
    """

    def __init__(self, port: int = 0, objects: Iterable[tuple[StorageKey, Json]] = ()) -> None:
        self._wanted_port = port
        self._objects = objects
        self._token = secrets.token_urlsafe(24)
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._server: uvicorn.Server | None = None
        self._api: ApiServer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = threading.Event()
        self._failure: Exception | None = None

    @property
    def url(self) -> str:
        """Where it serves, such as `http://127.0.0.1:34567`.

        Raises:
            ServerStartError: it has not been started.
        """
        if self._socket is None:
            raise ServerStartError("the embedded API server is not running: use it as a context manager, or start()")
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def start(self) -> None:
        """Serve; returns when requests are answered.

        Raises:
            ServerStartError: the port is taken, or serving did not begin.
        """
        self._socket = self._bound()
        self._thread = threading.Thread(target=self._run, name="embedded-apiserver", daemon=True)
        self._thread.start()
        in_time = self._started.wait(_STARTING_TIMEOUT)
        if self._failure is not None or not in_time:
            self.stop()
            why = self._failure or f"nothing was served within {_STARTING_TIMEOUT:.0f} s"
            raise ServerStartError(f"the embedded API server did not start: {why}") from self._failure

    def _bound(self) -> socket.socket:
        # asyncio turns Nagle's algorithm off only on sockets that say they are TCP; with it an answer takes 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self._wanted_port))
        except OSError as taken:
            listener.close()
            raise ServerStartError(f"127.0.0.1:{self._wanted_port}: {taken.strerror}; choose another port") from taken
        return listener

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(self._serve())
        except Exception as failed:  # told to whoever waits in start()
            self._failure = failed
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._api = ApiServer(self._token)
        self._api.restore(self._objects)
        config = uvicorn.Config(
            self._api,
            log_level="error",
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_keep_alive=300,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        serving = asyncio.create_task(self._server.serve(sockets=[self._listener()]))
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.01)
        self._started.set()
        await serving

    def _listener(self) -> socket.socket:
        if self._socket is None:
            raise ServerStartError("no socket to serve on: call start()")
        return self._socket

    def stop(self) -> None:
        """Stop serving; open watches end. Doing so twice is harmless."""
        if self._loop is not None and self._server is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end)
        if self._thread is not None:
            self._thread.join(_STOPPING_TIMEOUT)
            self._thread = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _end(self) -> None:
        if self._api is not None:
            self._api.stop_watches()
        if self._server is not None:
            self._server.should_exit = True

    def write_kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig for this server to `path`, whole or not at all, and return the path."""
        return write_kubeconfig(path, self.url, self._token)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def write_kubeconfig(path: Path, url: str, token: str) -> Path:
    """Write a kubeconfig for the server at `url`, by renaming a finished file into place."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": {"server": url}}],
        "users": [{"name": "lab", "user": {"token": token}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab", "namespace": "default"}}],
        "current-context": "lab",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as written:
        yaml.safe_dump(content, written)
    Path(written.name).replace(path)
    return path
