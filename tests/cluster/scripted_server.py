"""An HTTP server that says what a test tells it to: the faults no well-behaved API server shows on demand."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kubernetes.client import ApiClient, Configuration

from delivery.cluster.client import Cluster


@dataclass(frozen=True, slots=True)
class Say:
    """One answer. A `body` of str goes out as it is; `promised` is a Content-Length larger than what follows."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()
    promised: int | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class ScriptedServer:
    """Answers requests in the order of the script; the last answer is repeated."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.heard: list[Heard] = []
        self._script: list[Say] = [Say()]
        self._lock = threading.Lock()

    def say(self, *answers: Say) -> None:
        with self._lock:
            self._script = list(answers)

    def cluster(self, token: str = "") -> Cluster:
        """A client of this server."""
        configuration = Configuration(host=self.url)
        if token:
            configuration.api_key["authorization"] = f"Bearer {token}"
        return Cluster(ApiClient(configuration))

    def next_answer(self, heard: Heard) -> Say:
        with self._lock:
            self.heard.append(heard)
            return self._script.pop(0) if len(self._script) > 1 else self._script[0]


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    """A running server on a free port of 127.0.0.1."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    http.daemon_threads = True
    server = ScriptedServer(f"http://127.0.0.1:{http.server_port}")
    http.scripted = server  # type: ignore[attr-defined]  # the handler's only way to the script
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        sent = self.rfile.read(length)
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        headers = {key.lower(): value for key, value in self.headers.items()}
        heard = Heard(self.command, parts.path, query, headers, json.loads(sent) if sent else None)
        script: ScriptedServer = self.server.scripted  # type: ignore[attr-defined]  # set by scripted_server
        self._send(script.next_answer(heard))

    def _send(self, say: Say) -> None:
        text = (say.body if isinstance(say.body, str) else json.dumps(say.body)).encode()
        self.send_response(say.status)
        for name, value in say.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(say.promised or len(text)))
        self.end_headers()
        self.wfile.write(text)

    def __getattr__(self, name: str) -> Any:
        """Every method (`do_GET` and so on) gets the next answer."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: a failing test shows the requests it asks about."""
