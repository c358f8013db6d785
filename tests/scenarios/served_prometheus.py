"""An in-memory Prometheus behind HTTP, for controllers that are processes of their own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from delivery.telemetry.memory import MemoryPrometheus
from delivery.telemetry.prometheus import Point


@contextmanager
def served(prometheus: MemoryPrometheus) -> Iterator[str]:
    """The address at which `prometheus` answers, on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked = {name: values[0] for name, values in parse_qs(form).items()}
            answer = _answer(prometheus, self.path, asked)
            body = json.dumps({"status": "success", "data": answer}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: a failing test shows what it asks about."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def _answer(prometheus: MemoryPrometheus, path: str, asked: Mapping[str, str]) -> dict[str, Any]:
    if asked["query"] == "vector(1)":
        return _vector([Point({}, 1.0)], 0.0)
    if path.endswith("/query_range"):
        start, end, step = (float(asked[name]) for name in ("start", "end", "step"))
        return _matrix(prometheus.query_range(asked["query"], start, end, step))
    at = float(asked["time"])
    return _vector(prometheus.query(asked["query"], at), at)


def _vector(points: list[Point], at: float) -> dict[str, Any]:
    result = [{"metric": dict(point.labels), "value": [at, str(point.value)]} for point in points]
    return {"resultType": "vector", "result": result}


def _matrix(vectors: list[tuple[float, list[Point]]]) -> dict[str, Any]:
    series: dict[tuple[tuple[str, str], ...], list[list[Any]]] = {}
    for at, points in vectors:
        for point in points:
            series.setdefault(tuple(sorted(point.labels.items())), []).append([at, str(point.value)])
    return {"resultType": "matrix", "result": [{"metric": dict(key), "values": found} for key, found in series.items()]}
