"""What the controller of the benchmark talks to: a proxy that counts its API calls, and a Prometheus without data."""

from __future__ import annotations

import json
import threading
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import urllib3
import yaml

from delivery.cluster.credentials import Authorization, api_client

HANDED_ON = ("Content-Type", "Accept", "User-Agent")


class Calls:
    """Every request of the controller, when it came (monotonic seconds) and what it was."""

    def __init__(self) -> None:
        self._calls: list[tuple[float, str]] = []
        self._lock = threading.Lock()

    def add(self, what: str) -> None:
        with self._lock:
            self._calls.append((time.monotonic(), what))

    def between(self, start: float, end: float) -> Counter[str]:
        """How often each call came from `start` until before `end`."""
        with self._lock:
            return Counter(what for at, what in self._calls if start <= at < end)


def called(method: str, target: str) -> str:
    """`PATCH deployments/status`, `LIST pods`, `WATCH releases`: the call without whose it is."""
    parts = urlsplit(target)
    path = [part for part in parts.path.split("/") if part]
    path = path[2:] if path[:1] == ["api"] else path[3:] if path[:1] == ["apis"] else path
    if not path or urlsplit(target).path.startswith(("/version", "/readyz")):
        return f"{method} {parts.path}"
    if path[0] == "namespaces" and len(path) > 2:
        path = path[2:]
    if parse_qs(parts.query).get("watch") == ["true"]:
        return f"WATCH {path[0]}"
    verb = "LIST" if method == "GET" and len(path) == 1 else method
    return f"{verb} {'/'.join([path[0], *path[2:]])}"


@contextmanager
def counting_proxy(kubeconfig: Path, calls: Calls, written: Path) -> Iterator[None]:
    """Passes everything on to the API server of `kubeconfig`; `written` becomes the kubeconfig that leads here."""
    api = api_client(kubeconfig)
    pool: urllib3.PoolManager = api.rest_client.pool_manager
    host, authorization = str(api.configuration.host), Authorization(api.configuration)

    class Handler(Quiet):
        def respond(self) -> None:
            calls.add(called(self.command, self.path))
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name: self.headers[name] for name in HANDED_ON if self.headers.get(name)}
            answer = pool.request(
                self.command,
                host + self.path,
                body=self.rfile.read(length) if length else None,
                headers={**headers, **authorization.headers()},
                preload_content=False,
                retries=False,
                timeout=urllib3.Timeout(connect=5, read=None),
            )
            if "watch=true" in self.path and answer.status == 200:
                self._stream(answer)
            else:
                self.answer(answer.status, answer.data, answer.headers.get("Retry-After"))

        def _stream(self, answer: urllib3.BaseHTTPResponse) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            with suppress(OSError, urllib3.exceptions.HTTPError):  # either end may hang up
                for chunk in answer.stream(amt=None, decode_content=True):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                self.wfile.write(b"0\r\n\r\n")
            answer.close()

    with serving(Handler) as url:
        context = {"cluster": "counted", "user": "counted"}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "counted",
            "clusters": [{"name": "counted", "cluster": {"server": url}}],
            "users": [{"name": "counted", "user": {}}],
            "contexts": [{"name": "counted", "context": context}],
        }
        written.write_text(yaml.safe_dump(document))
        yield


@contextmanager
def empty_prometheus() -> Iterator[str]:
    """The address of a Prometheus API that is up and has no series."""

    class Handler(Quiet):
        def respond(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            asked = parse_qs(urlsplit(self.path).query) | parse_qs(self.rfile.read(length).decode())
            up = asked.get("query") == ["vector(1)"]
            result = [{"metric": {}, "value": [time.time(), "1"]}] if up else []
            kind = "matrix" if urlsplit(self.path).path.endswith("/query_range") else "vector"
            data = {"resultType": kind, "result": result}
            self.answer(200, json.dumps({"status": "success", "data": data}).encode())

    with serving(Handler) as url:
        yield url


class Quiet(BaseHTTPRequestHandler):
    """Answers every verb by `respond`, and says nothing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or every small answer waits for an acknowledgement

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # http.server looks for a method by the name of each verb
            return self.respond
        raise AttributeError(name)

    @abstractmethod
    def respond(self) -> None:
        """Answers one request, whatever its verb."""

    def answer(self, status: int, body: bytes, retry_after: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the calls are counted."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address at which the handler answers, on a free port of 127.0.0.1."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
