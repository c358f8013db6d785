"""The embedded API server without a network: a client's connection pool whose other end is the server itself."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Coroutine, Mapping
from typing import Any
from urllib.parse import urlsplit

import urllib3
from kubernetes.client import ApiClient, Configuration

from delivery.cluster.client import Cluster
from delivery.lab.apiserver.routes import ApiServer


class InProcessPool:
    """What a client takes for urllib3's pool; each request is answered before `request` returns."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server

    def request(
        self, method: str, url: str, *, body: str | None, headers: Mapping[str, str], **_transport: Any
    ) -> urllib3.BaseHTTPResponse:
        parts = urlsplit(url)
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "server": ("in-process", 80),
        }
        sent: list[Mapping[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": (body or "").encode(), "more_body": False}

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)

        finish(self._server(scope, receive, send))
        return _response(sent)


def finish(work: Coroutine[Any, Any, None]) -> None:
    """Runs what waits for nothing to its end, without a loop."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise asyncio.InvalidStateError("the server waited for something: a watch has no end in process")


def connected(pool: Any) -> Cluster:
    """A client that sends everything through `pool`, and does not wait between attempts: time is not its own."""
    api = ApiClient(Configuration(host="http://in-process"))
    api.rest_client.pool_manager = pool
    return Cluster(api, sleep=lambda _seconds: None)


def _response(sent: list[Mapping[str, Any]]) -> urllib3.BaseHTTPResponse:
    [start] = [message for message in sent if message["type"] == "http.response.start"]
    body = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return urllib3.HTTPResponse(io.BytesIO(body), headers=headers, status=start["status"], preload_content=False)
