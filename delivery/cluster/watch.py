"""A watch: the stream of changes after a resourceVersion."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
import urllib3

from delivery.errors import Expired, Unavailable

Object = dict[str, Any]
EVENTS = frozenset({"ADDED", "MODIFIED", "DELETED", "BOOKMARK"})
LONGEST_LINE = 64 * 2**20  # bytes; an object in etcd has some 1.5 MiB at most
AT_ONCE = 64 * 2**10
BROKEN = (urllib3.exceptions.HTTPError, OSError, ValueError, RecursionError, msgspec.MsgspecError)


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """`type` is ADDED, MODIFIED, DELETED or BOOKMARK."""

    type: str
    object: Object


class Watch:
    """A stream of changes. Iterating raises Expired on 410 and Unavailable when the stream breaks."""

    def __init__(self, response: urllib3.BaseHTTPResponse, what: str) -> None:
        self._response = response
        self._what = what

    def __iter__(self) -> Iterator[WatchEvent]:
        try:
            for line in _lines(self._response):
                yield _event(msgspec.json.decode(line), self._what)
        except BROKEN as problem:
            raise Unavailable(f"{self._what}: the stream broke ({problem})") from problem
        finally:
            self._response.close()

    def close(self) -> None:
        """Ends the stream, from any thread; a read that waits returns at once."""
        # It had ended by itself, or ends in its own thread right now.
        with suppress(ValueError, RuntimeError, OSError, TypeError):
            self._response.shutdown()


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Whole lines. What the stream ends in without a newline was torn off, and is left out."""
    pending = bytearray()
    for chunk in _chunks(response):
        pending += chunk
        if b"\n" in chunk:
            *whole, pending = pending.split(b"\n")
            yield from (bytes(line) for line in whole if line.strip())
        elif len(pending) > LONGEST_LINE:
            raise ValueError(f"a line of more than {LONGEST_LINE} bytes")


def _chunks(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """What comes, when it comes: also where a proxy between took the chunks away."""
    if getattr(response, "chunked", False):
        yield from response.stream(amt=None, decode_content=True)
        return
    while chunk := response.read1(AT_ONCE, decode_content=True):
        yield chunk


def _event(raw: Any, what: str) -> WatchEvent:
    """Raises ValueError where it is none, Expired or Unavailable where it says that the watch has failed."""
    if not isinstance(raw, dict) or not isinstance(raw.get("object"), dict):
        raise ValueError("a line that is no event")  # noqa: TRY004 - the same reaction as to a line that is no JSON
    found: Object = raw["object"]
    if raw.get("type") == "ERROR":
        raise _failed(found, what)
    if raw.get("type") not in EVENTS:
        raise ValueError(f"an event of type {raw.get('type')!r}")
    return WatchEvent(raw["type"], found)


def _failed(status: Object, what: str) -> Expired | Unavailable:
    if status.get("code") == 410 or status.get("reason") in {"Expired", "Gone"}:
        return Expired(f"{what}: {status.get('message', 'too old')}")
    details = status.get("details")
    after = details.get("retryAfterSeconds") if isinstance(details, dict) else None
    said = f"{what}: {status.get('message', 'the server ended it with an error')}"
    return Unavailable(said, after=float(after) if isinstance(after, int | float) else None)
