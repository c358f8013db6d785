"""A server in Prometheus' place that says what a test tells it to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs

import pytest


@dataclass(slots=True)
class Answering:
    """`status` and `body` are the answer, after those of `first` have been given; `forms` is what was asked."""

    url: str
    status: int = 200
    body: bytes = b""
    first: list[tuple[int, bytes]] = field(default_factory=list)
    forms: list[dict[str, list[str]]] = field(default_factory=list)

    @property
    def asked(self) -> int:
        return len(self.forms)


@pytest.fixture
def answer() -> Iterator[Answering]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.forms.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            status, body = told.first.pop(0) if told.first else (told.status, told.body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Requests are counted, not printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Answering(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join(5)
