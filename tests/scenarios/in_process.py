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
        self._loop: asyncio.AbstractEventLoop | None = None

    def request(
        self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str], **_transport: Any
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
        watching = "watch=true" in parts.query

        asked: list[bool] = []

        async def receive() -> dict[str, Any]:
            if asked:  # a watch gives what there is, and no more: the caller comes again
                return {"type": "http.disconnect"}
            asked.append(True)
            return {"type": "http.request", "body": body or b"", "more_body": False}

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)

        if watching:
            self._in_loop(self._server(scope, receive, send))
        else:
            finish(self._server(scope, receive, send))
        return _response(sent)

    def _in_loop(self, work: Coroutine[Any, Any, None]) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(work)

    def close(self) -> None:
        """Gives back what watches needed."""
        if self._loop is not None:
            self._loop.close()


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


class Ending(io.BytesIO):
    """Bytes that are closed once they were read, as a connection is: a stream of them has an end."""

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        if not found:
            self.close()
        return found


def _response(sent: list[Mapping[str, Any]]) -> urllib3.BaseHTTPResponse:
    [start] = [message for message in sent if message["type"] == "http.response.start"]
    body = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return urllib3.HTTPResponse(Ending(body), headers=headers, status=start["status"], preload_content=False)
