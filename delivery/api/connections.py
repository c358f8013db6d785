"""HTTP/1.1 connections that end: whoever sends or reads too slowly is cut off, and holds nothing for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import anyio
import h11
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive
from uvicorn.protocols.http.h11_impl import H11Protocol

from delivery.api.problems import problem

HEAD_WITHIN_S = 10.0
"""From a request's first byte (of a connection: from its beginning) to the end of its head."""
REST_WITHIN_S = 10.0
"""From an answer to the end of a body that nobody read: after it the connection may be used again."""
READ_WITHIN_S = 60.0
"""From a full buffer of an answer until there is room again; from hanging up until the last byte is read."""
HEAD_BYTES = 65_536
"""Of a request's head, or of what is around a body, that is not whole yet."""


class Unambiguous(h11.Connection):
    """h11's own, but with two ways of telling a body's length at once a request is none (RFC 9112, 6.3): who stands
    in front of us may have gone by the other one."""

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        event = super().next_event()
        if isinstance(event, h11.Request) and {b"content-length", b"transfer-encoding"} <= {*dict(event.headers)}:
            raise h11.RemoteProtocolError("both Content-Length and Transfer-Encoding")
        return event


class Ending:
    """A transport that tells when it is closed: it waits until its last byte is read, and for that there is a bound."""

    def __init__(self, transport: asyncio.Transport, closed: Callable[[], None]) -> None:
        self._transport, self._closed = transport, closed

    def close(self) -> None:
        self._transport.close()
        self._closed()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Bounded(H11Protocol):
    """uvicorn's own, with a bound on each way to keep it waiting. Bodies that are read, `bounded_body` bounds."""

    head_within_s, rest_within_s, read_within_s = HEAD_WITHIN_S, REST_WITHIN_S, READ_WITHIN_S
    _sending: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.conn = Unambiguous(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        super().connection_made(cast(asyncio.Transport, Ending(transport, self._bound_reading)))
        self._sending = self.loop.call_later(self.head_within_s, self.transport.close)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._bound_sending()

    def eof_received(self) -> None:
        super().eof_received()
        self._bound_reading()  # asyncio closes what nobody writes to

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._bound_sending()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._bound_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            _cancel(self._reading)
            self._reading = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        _cancel(self._sending, self._reading)
        self._sending = self._reading = None

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is answered like everything else, where no answer has begun."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            answer = problem(400, f"{msg.rstrip('.')}; send HTTP/1.1 (with TLS where the address is https)")
            headers = [*answer.raw_headers, (b"connection", b"close")]
            for event in (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=bytes(answer.body)),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _bound_reading(self) -> None:
        if self._reading is None and self in self.connections:
            self._reading = self.loop.call_later(self.read_within_s, self.transport.abort)

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
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            return self.head_within_s
        if self.conn.their_state is h11.SEND_BODY and self.conn.our_state is h11.DONE:
            return self.rest_within_s
        return None


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
