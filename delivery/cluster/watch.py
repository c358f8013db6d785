"""A watch: the stream of changes after a resourceVersion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import urllib3

from delivery.errors import Expired, Unavailable

Object = dict[str, Any]


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
                yield _event(json.loads(line), self._what)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as problem:
            raise Unavailable(f"{self._what}: the stream broke ({problem})") from problem
        finally:
            self._response.close()

    def close(self) -> None:
        """Ends the stream, from any thread; a read that waits returns at once."""
        with suppress(ValueError, RuntimeError):  # it had ended by itself
            self._response.shutdown()


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    pending = b""
    for chunk in response.stream(amt=None, decode_content=True):
        *whole, pending = (pending + chunk).split(b"\n")
        yield from (line for line in whole if line.strip())


def _event(raw: Object, what: str) -> WatchEvent:
    if raw["type"] != "ERROR":
        return WatchEvent(raw["type"], raw["object"])
    status = raw["object"]
    if status.get("code") == 410:
        raise Expired(f"{what}: {status.get('message', 'too old')}")
    raise Unavailable(f"{what}: {status.get('message', 'the server ended it with an error')}")
