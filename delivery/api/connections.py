"""HTTP/1.1 connections that end: whoever sends or reads too slowly is cut off, and holds nothing for long."""

from __future__ import annotations

import asyncio
from enum import Enum

import anyio
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from delivery.api.problems import problem

HEAD_WITHIN_S = 10.0
"""From a request's first byte (of a connection: from its beginning) to the end of its head."""
REST_WITHIN_S = 10.0
"""From an answer to the end of a body that nobody read: after it the connection may be used again."""
READ_WITHIN_S = 60.0
"""From a full buffer of an answer until there is room again."""
HEAD_BYTES = 65_536
"""About how long a request's head may be."""


class Awaited(Enum):
    """What the client's next byte is part of."""

    BEGINNING = "beginning"
    HEAD = "head"
    BODY = "body"


class Bounded(HttpToolsProtocol):
    """uvicorn's own, with a bound on each way to keep it waiting. Bodies that are read, `bounded_body` bounds."""

    head_within_s, rest_within_s, read_within_s = HEAD_WITHIN_S, REST_WITHIN_S, READ_WITHIN_S
    _awaited = Awaited.BEGINNING
    _of_head = 0
    _sending: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        super().connection_made(transport)
        self._sending = self.loop.call_later(self.head_within_s, self.transport.close)

    def data_received(self, data: bytes) -> None:
        if self._awaited is Awaited.BEGINNING:  # an empty line before a head counts: it keeps us waiting like one
            self._awaited = Awaited.HEAD
        super().data_received(data)
        self._of_head = self._of_head + len(data) if self._awaited is Awaited.HEAD else 0
        if self._of_head > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(f"the head is larger than {HEAD_BYTES} bytes")
        self._bound_sending()

    def on_message_begin(self) -> None:
        self._awaited = Awaited.HEAD
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._awaited = Awaited.BODY
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts != 1 and self.parser.get_http_version() == "1.1":
            raise ValueError("not one Host header")  # the parser makes it a 400, as RFC 9112, 3.2 wants
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._awaited = Awaited.BEGINNING
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._bound_sending()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reading = self.loop.call_later(self.read_within_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        _cancel(self._reading)
        self._reading = None

    def connection_lost(self, exc: Exception | None) -> None:
        _cancel(self._sending, self._reading)
        self._sending = self._reading = None
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is answered like everything else."""
        answer = problem(400, f"{msg.rstrip('.')}; send HTTP/1.1 (with TLS where the address is https)")
        headers = [*answer.raw_headers, (b"connection", b"close")]
        lines = [b"HTTP/1.1 400 Bad Request", *(b": ".join(header) for header in headers), b"", bytes(answer.body)]
        self.transport.write(b"\r\n".join(lines))
        self.transport.close()

    def _bound_sending(self) -> None:
        """A bound that runs already goes on: each further byte buys no time."""
        within_s = self._owed()
        if within_s is None:
            _cancel(self._sending)
            self._sending = None
        elif self._sending is None:
            self._sending = self.loop.call_later(within_s, self.transport.close)

    def _owed(self) -> float | None:
        """How long the rest of what the client has begun to send may take; None where nobody waits for it."""
        if self.cycle is not None and not self.cycle.response_complete:
            return None
        return {Awaited.HEAD: self.head_within_s, Awaited.BODY: self.rest_within_s}.get(self._awaited)


def bounded(**within_s: float) -> type[Bounded]:
    """With other bounds than the usual."""
    return type("Bounded", (Bounded,), within_s)


def bounded_body(receive: Receive, limit: int, within_s: float) -> Receive:
    """Raises HTTPException in whoever reads more than `limit` bytes of a body, or longer than `within_s` seconds."""
    taken, due, whole = 0, anyio.current_time() + within_s, False

    async def counted() -> Message:
        nonlocal taken, whole
        if whole:  # what comes now is the end of the connection, which nobody hurries
            return await receive()
        try:
            with anyio.fail_after(due - anyio.current_time()):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, f"the body was not there within {within_s:g} s; send it again, faster") from None
        taken += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if taken > limit:
            raise HTTPException(413, larger(limit))
        return message

    return counted


def larger(limit: int) -> str:
    """What is wrong with a body."""
    return f"the body is larger than the {limit} bytes that this call takes"


def _cancel(*timers: asyncio.TimerHandle | None) -> None:
    for timer in timers:
        if timer is not None:
            timer.cancel()
