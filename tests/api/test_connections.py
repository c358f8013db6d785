"""Connections: encrypted where they are to be, and none that a slow client keeps."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from delivery.api.connections import HEAD_BYTES, bounded
from delivery.api.guarding import Limits
from delivery.api.server import Server, Tls, bound
from tests.api.test_streaming import events
from tests.certificates import self_signed
from tests.conftest import Planes
from tests.served import Served, serve

SOON = {"head_within_s": 0.3, "rest_within_s": 0.3, "read_within_s": 0.3}
PATIENCE_S, PAUSE_S = 20.0, 0.02
HELLO = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers without a look at the body."""
    if scope["type"] == "lifespan":
        for _ in range(2):
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@contextmanager
def listening(app: ASGIApp = hello, tls: Tls | None = None) -> Iterator[Server]:
    server = Server(app, bound("127.0.0.1", 0), tls, bounded(**SOON))
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_S) as connection:
        yield connection


def everything(connection: socket.socket) -> bytes:
    """What comes until the server hangs up."""
    found = b""
    try:
        while chunk := connection.recv(65_536):
            found += chunk
    except ConnectionError:
        pass
    return found


def greeted(connection: socket.socket) -> bool:
    """Whether the answer to HELLO came whole."""
    found = b""
    while not found.endswith(b"hello") and (chunk := connection.recv(65_536)):
        found += chunk
    return found.endswith(b"hello")


def drip(connection: socket.socket, more: Callable[[], bytes] = lambda: b"x") -> bytes:
    """A byte now and then until the server hangs up; what it said."""

    def send() -> None:
        try:
            for _ in range(int(PATIENCE_S / PAUSE_S)):
                connection.sendall(more())
                time.sleep(PAUSE_S)
        except OSError:
            pass

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    found = everything(connection)
    connection.close()
    sender.join(PATIENCE_S)
    return found


def test_a_connection_that_says_nothing_is_closed() -> None:
    with listening() as server, connected(server.url) as connection:
        assert everything(connection) == b""


def test_a_head_that_comes_byte_by_byte_is_not_waited_for() -> None:
    with listening() as server, connected(server.url) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
        assert drip(connection) == b""


def test_a_second_head_on_the_same_connection_is_not_waited_for_either() -> None:
    with listening() as server, connected(server.url) as connection:
        connection.sendall(HELLO)
        assert greeted(connection)
        connection.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
        assert drip(connection) == b""


def test_a_connection_is_used_again_and_again() -> None:
    with listening() as server, connected(server.url) as connection:
        for _ in range(3):
            connection.sendall(HELLO)
            assert greeted(connection)
            time.sleep(2 * SOON["head_within_s"])


def test_a_body_nobody_reads_keeps_no_connection() -> None:
    with listening() as server, connected(server.url) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 100000\r\n\r\n")
        said = drip(connection)
        assert said.startswith(b"HTTP/1.1 200")
        assert said.endswith(b"hello")


def test_an_answer_nobody_reads_is_given_up() -> None:
    ended = threading.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await hello(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        message = await receive()
        while message["type"] != "http.disconnect":
            for _ in range(100):
                await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            message = await receive()
        ended.set()

    with listening(endless) as server, connected(server.url) as connection:
        connection.sendall(HELLO)
        assert ended.wait(PATIENCE_S)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\x16\x03\x01 this is TLS\r\n\r\n", id="TLS"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="no Host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: here\r\nHost: there\r\n\r\n", id="two Hosts"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            id="two lengths",
        ),
        pytest.param(b"GET / HTTP/1.1\r\nHost: here\r\nX-Folded: one\x00two\r\n\r\n", id="a NUL"),
    ],
)
def test_what_is_no_http_is_told_so(sent: bytes) -> None:
    with listening() as server, connected(server.url) as connection:
        connection.sendall(sent)
        assert "with TLS where the address is https" in detail(everything(connection))


def detail(said: bytes) -> str:
    """Of a problem that says that a request was none."""
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"application/problem+json" in head
    assert f"content-length: {len(body)}".encode() in head.lower()
    return str(json.loads(body)["detail"])


def test_a_head_without_end_is_cut_off() -> None:
    with listening() as server, connected(server.url) as connection:
        connection.sendall(HELLO.replace(b"\r\n\r\n", b"\r\nX-Short: " + b"x" * 30_000 + b"\r\n\r\n"))
        assert greeted(connection)
        # Not a byte more: what is still unread when the server hangs up would take its answer with it.
        connection.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nX-Long: ".ljust(HEAD_BYTES + 1, b"x"))
        assert str(HEAD_BYTES) in detail(everything(connection))


def test_empty_lines_keep_no_connection() -> None:
    with listening() as server, connected(server.url) as connection:
        connection.sendall(HELLO)
        assert greeted(connection)
        assert drip(connection, lambda: b"\r\n") == b""


def test_requests_that_come_together_are_answered_in_turn() -> None:
    with listening() as server, connected(server.url) as connection:
        connection.sendall(3 * HELLO + HELLO.replace(b"Host", b"Connection: close\r\nHost"))
        said = everything(connection)
    assert said.count(b"HTTP/1.1 200") == said.count(b"hello") == 4


def test_who_offers_another_protocol_is_answered_in_this_one() -> None:
    with listening() as server, connected(server.url) as connection:
        for _ in range(2):  # as Java's client does on each new connection, and goes on
            connection.sendall(HELLO.replace(b"Host", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHost"))
            assert greeted(connection)
            connection.sendall(HELLO)
            assert greeted(connection)


def test_it_is_encrypted_for_whoever_trusts_the_certificate(tmp_path: Path) -> None:
    folder = self_signed(tmp_path)
    with listening(tls=Tls(folder / "cert.pem", folder / "key.pem")) as server:
        assert server.url.startswith("https://")
        trusting = ssl.create_default_context(cafile=str(folder / "cert.pem"))
        with httpx.Client(verify=trusting) as client:
            assert client.get(server.url).text == "hello"
        with httpx.Client() as client, pytest.raises(httpx.ConnectError, match="self-signed certificate"):
            client.get(server.url)
        with httpx.Client() as client, pytest.raises(httpx.RemoteProtocolError):
            client.get(server.url.replace("https:", "http:"))
        with pytest.deprecated_call():
            trusting.maximum_version = ssl.TLSVersion.TLSv1_1
        with httpx.Client(verify=trusting) as client, pytest.raises(httpx.ConnectError):
            client.get(server.url)


@pytest.fixture
def hasty(planes: Planes, folders: pytest.TempPathFactory) -> Iterator[Served]:
    yield from serve(planes, "embedded", folders, Limits(body_s=0.3), bounded(**SOON))


def test_a_body_that_comes_byte_by_byte_is_told_so(hasty: Served) -> None:
    with connected(hasty.url) as connection:
        head = (
            f"POST {hasty.path(rest='/abort')} HTTP/1.1",
            "Host: here",
            f"Authorization: Bearer {hasty.token('abort')}",
            "Content-Type: application/json",
            "Content-Length: 60000",
        )
        connection.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        head_said, _, body = drip(connection).partition(b"\r\n\r\n")
    assert head_said.startswith(b"HTTP/1.1 408")
    assert b"application/problem+json" in head_said
    assert "send it again, faster" in json.loads(body)["detail"]


def test_a_stream_outlives_every_bound(hasty: Served) -> None:
    made = hasty.release()
    with hasty.client() as client, client.stream("GET", hasty.path(rest="/events")) as answer:
        told = events(answer)
        next(told)
        time.sleep(3 * max(SOON.values()))
        hasty.becomes(made.model_copy(update={"status": made.status.model_copy(update={"message": "still here"})}))
        assert next(told)[1]["message"] == "still here"
