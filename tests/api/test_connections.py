"""Connections: encrypted where they are to be, and none that a slow client keeps."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from delivery.api.connections import Bounded, bounded
from delivery.api.guarding import Limits
from delivery.api.server import Server, Tls, bound
from tests.api.test_streaming import events
from tests.certificates import self_signed
from tests.conditions import eventually
from tests.conftest import Planes
from tests.served import Served, serve

SOON = {"head_within_s": 0.3, "rest_within_s": 0.3, "read_within_s": 0.3}
PATIENCE_S, PAUSE_S = 20.0, 0.02
HELLO = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers without a look at the body."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


def whole(app: ASGIApp) -> ASGIApp:
    """With the part of the protocol that is about no request."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for _ in range(2):
            message = await receive()
            await send({"type": f"{message['type']}.complete"})

    return answer


@contextmanager
def listening(
    app: ASGIApp = hello, tls: Tls | None = None, connections: type[Bounded] | None = None
) -> Iterator[Server]:
    server = Server(whole(app), bound("127.0.0.1", 0), tls, connections or bounded(**SOON))
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
        pytest.param(b"GET / HTTP/1.0\r\nHost: here\r\nHost: there\r\n\r\n", id="two Hosts, HTTP/1.0"),
        pytest.param(b"\r\n" + HELLO, id="an empty line"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            id="two lengths",
        ),
        pytest.param(b"GET / HTTP/1.1\r\nHost: here\r\nX-Folded: one\x00two\r\n\r\n", id="a NUL"),
    ],
)
def test_what_is_no_http_is_told_so(sent: bytes) -> None:
    with listening(connections=Bounded) as server, connected(server.url) as connection:
        connection.sendall(sent)
        assert "with TLS where the address is https" in detail(everything(connection))


def detail(said: bytes) -> str:
    """Of a problem that says that a request was none."""
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"application/problem+json" in head
    assert f"content-length: {len(body)}".encode() in head.lower()
    return str(json.loads(body)["detail"])


ENDLESS = [
    pytest.param(b"GET / HTTP/1.1\r\nHost: here\r\nX-Long: ", b"x", id="a header"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: here\r\n", b"a:b\r\n", id="headers"),
    pytest.param(b"GET /", b"x", id="a path"),
    pytest.param(CHUNKED + b"1;x=", b"x", id="a chunk's extension"),
    pytest.param(CHUNKED + b"0\r\nX-Long: ", b"x", id="a trailer"),
    pytest.param(CHUNKED + b"0\r\n", b"a:b\r\n", id="trailers"),
]


@pytest.mark.parametrize(("beginning", "more"), ENDLESS)
def test_what_has_no_end_is_cut_off_long_before_its_time(beginning: bytes, more: bytes) -> None:
    with listening(echo, connections=Bounded) as server, connected(server.url) as connection:
        connection.sendall(beginning)
        with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
            connection.sendall(more * 10_000_000)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Says method, path, body, and the headers that a trailer might bring."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    headers = [name for name, _ in scope["headers"] if name in (b"authorization", b"x-forwarded-for")]
    said = b" ".join([scope["method"].encode(), scope["path"].encode(), body, *headers])
    length = (b"content-length", str(len(said)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": said})


def answers(said: bytes) -> list[tuple[int, bytes]]:
    """Status and body of each answer in turn. Fails where anything else was said."""
    found = []
    while said:
        head, _, rest = said.partition(b"\r\n\r\n")
        status = re.fullmatch(rb"HTTP/1\.1 (\d+) .*", head.splitlines()[0])
        length = re.search(rb"(?im)^content-length: (\d+)", head)
        assert status, said
        assert length, said
        end = int(length[1])
        found.append((int(status[1]), rest[:end]))
        said = rest[end:]
    return found


def asked(first: bytes, *later: bytes) -> list[tuple[int, bytes]]:
    """What `echo` answers to these, each a segment of its own, the last one followed by a request to hang up."""
    with listening(echo, connections=Bounded) as server, connected(server.url) as connection:
        for segment in (first, *later, b"GET /bye HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"):
            connection.sendall(segment)
            time.sleep(PAUSE_S)
        return answers(everything(connection))


BYE = (200, b"GET /bye ")


def test_requests_that_come_together_are_answered_in_turn() -> None:
    together = b"".join(b"GET /%d HTTP/1.1\r\nHost: here\r\n\r\n" % number for number in range(4))
    assert asked(together) == [*((200, b"GET /%d " % number) for number in range(4)), BYE]


OFFER = b"POST / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
INNER = b"DELETE /inner HTTP/1.1\r\nHost: here\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "body"),
    [
        pytest.param(OFFER + b"Content-Length: %d\r\n\r\n" % len(INNER), INNER, id="with a length"),
        pytest.param(
            OFFER + b"Transfer-Encoding: chunked\r\n\r\n",
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(INNER), INNER),
            id="in chunks",
        ),
    ],
)
def test_who_offers_another_protocol_is_answered_in_this_one(head: bytes, body: bytes) -> None:
    """As Java's client and `curl --http2` do with each first request of a connection."""
    whole = (200, b"POST / " + INNER)
    assert asked(head + body) == [whole, BYE]
    assert asked(head, body) == [whole, BYE]
    assert asked(2 * (head + body)) == [whole, whole, BYE]


def test_a_trailer_is_no_header() -> None:
    trailers = b"Authorization: Bearer secret\r\nX-Forwarded-For: 10.0.0.1\r\n"
    assert asked(CHUNKED + b"3\r\nabc\r\n0\r\n" + trailers + b"\r\n") == [(200, b"POST / abc"), BYE]


@pytest.mark.parametrize("wrong", [b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"], ids=["garbage", "no Host"])
def test_what_is_no_http_waits_for_the_answers_before_it(wrong: bytes) -> None:
    with listening(echo, connections=Bounded) as server, connected(server.url) as connection:
        connection.sendall(b"GET /first HTTP/1.1\r\nHost: here\r\n\r\n" + wrong)
        first, second = answers(everything(connection))
    assert first == (200, b"GET /first ")
    assert second[0] == 400


def test_a_body_that_breaks_off_its_rules_cuts_no_400_into_its_answer() -> None:
    begun = threading.Event()

    async def early(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        begun.set()
        while (await receive())["type"] != "http.disconnect":
            pass

    with listening(early, connections=Bounded) as server, connected(server.url) as connection:
        connection.sendall(CHUNKED)
        assert begun.wait(PATIENCE_S)
        connection.sendall(b"no number\r\n")
        assert everything(connection).endswith(b"\r\n\r\nbegun")


def push(connection: socket.socket, data: bytes) -> None:
    """Raises TimeoutError when for a while not a byte more is taken (`sendall` counts from its beginning)."""
    rest = memoryview(data)
    while rest:
        rest = rest[connection.send(rest) :]


def test_requests_that_wait_for_an_answer_fill_no_memory() -> None:
    released = threading.Event()

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        while not released.is_set():
            await asyncio.sleep(PAUSE_S)
        await hello(scope, receive, send)

    with listening(waiting, connections=Bounded) as server, connected(server.url) as connection:
        connection.settimeout(1.0)
        with pytest.raises(TimeoutError):
            push(connection, HELLO * 1_000_000)
        released.set()
        assert greeted(connection)


WAYS_TO_END = ["the server hangs up", "the client sends no more", "the application fails"]


@pytest.mark.parametrize("way", WAYS_TO_END)
def test_an_end_nobody_reads_keeps_no_connection(way: str) -> None:
    """So little of it is left that the server need not wait for room."""
    here: list[Bounded] = []

    class Noted(bounded(read_within_s=SOON["read_within_s"])):  # type: ignore[misc]  # the class is made there
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            here.append(self)

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        full = here[0].transport.get_write_buffer_size() > 0
        close = [(b"connection", b"close")] if full and way == "the server hangs up" else []
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"20000"), *close]})
        if full and way == "the application fails":
            raise RuntimeError(way)
        await send({"type": "http.response.body", "body": b"x" * 20_000})

    with listening(large, connections=Noted) as server, connected(server.url) as connection:
        connection.sendall(HELLO)
        eventually(lambda: here, PATIENCE_S)
        with suppress(ConnectionError):  # on a machine that is slow just here it is over already
            while not here[0].transport.is_closing():
                if way == "the client sends no more" and here[0].transport.get_write_buffer_size():
                    connection.shutdown(socket.SHUT_WR)
                    break
                connection.sendall(HELLO)
                time.sleep(PAUSE_S / 10)
        eventually(lambda: here[0] not in here[0].connections, PATIENCE_S)
        assert here[0]._reading is None


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
