"""HTTP with a bound on everything: a whole answer within the time and the size, or an error that says which it was.

`requests` bounds the wait for each piece of an answer, not for all of it: a server that sends a byte now and then holds
a caller for ever. Here a timer shuts the connection at the deadline, in whatever state it is.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager, ProxyManager
from urllib3.util import Retry

from delivery.telemetry.reasons import Reason

PIECE = 65_536
POOLED = 10
_busy = threading.local()


class AnswerProblem(requests.RequestException):
    """There was an answer, and it is not one to read. The message says what to do about it."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def _require_whole(response: requests.Response) -> None:
    """Raises AnswerProblem where the server says that something is missing, as Thanos, Mimir and VictoriaMetrics do
    when a part of them does not answer. What looks like a counter that vanished, and later like one that was born, is
    neither.

    Remarks of PromQL itself are warnings too, and lack nothing.
    """
    if not response.ok or not any(word in response.content for word in (b'"warnings"', b'"isPartial"')):
        return
    try:
        answer = response.json()
        warnings = answer.get("warnings") or ()
        missing = [str(each) for each in warnings if not str(each).startswith("PromQL ")]
        partial = answer.get("isPartial") is True
    except (ValueError, TypeError, AttributeError, RecursionError):
        return  # which is said of the answer as a whole
    if missing or partial:
        told = missing[0][:300] if missing else "the server says no more"
        reason = Reason.TOO_MANY_SERIES if "truncated due to limit" in told else Reason.PARTIAL
        raise AnswerProblem(reason, f"the answer is partial: {told}")


class _Call:
    """One request: the socket it goes over, once that is known, and whether its time is up."""

    def __init__(self) -> None:
        self.sock: socket.socket | None = None
        self.late = False

    def end(self) -> None:
        self.late = True
        with suppress(OSError):
            if self.sock is not None:
                self.sock.shutdown(socket.SHUT_RDWR)


class _Plain(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _note(self)

    def request(self, *arguments: Any, **options: Any) -> None:
        _note(self)  # one that is used again does not connect
        super().request(*arguments, **options)


class _Secure(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _note(self)

    def request(self, *arguments: Any, **options: Any) -> None:
        _note(self)
        super().request(*arguments, **options)


def _note(connection: HTTPConnection) -> None:
    """The socket, not the connection: that one lets go of it as soon as it knows that it is not used again."""
    call = getattr(_busy, "call", None)
    if call is not None and connection.sock is not None:
        call.sock = connection.sock


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


_POOLS = {"http": _PlainPool, "https": _SecurePool}


class _Adapter(HTTPAdapter):
    """Connections that can be shut from outside, and no retries: who asks knows how long it may take in all."""

    def __init__(self) -> None:
        super().__init__(max_retries=Retry(total=0), pool_maxsize=POOLED)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager: PoolManager
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> ProxyManager:
        found: ProxyManager = super().proxy_manager_for(*arguments, **options)
        found.pool_classes_by_scheme = _POOLS
        return found


def _slow(within: float) -> AnswerProblem:
    return AnswerProblem(Reason.SLOW, f"no whole answer within {within:.3g} s")


class BoundedSession(requests.Session):
    """Every call is a POST of its parameters as a form: a query may be longer than an address may be. `decode` is what
    an answer's `json` does with its content; it raises ValueError.

    Raises AnswerProblem, and what `requests` raises.
    """

    def __init__(self, timeout_s: float, max_bytes: int, decode: Callable[[bytes], Any]) -> None:
        super().__init__()
        self._decode = decode
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self.trust_env = False  # which proxy and which credentials are used is said, not found

    def bound(self, prefix: str) -> None:
        """Makes it so for every address that begins so."""
        self.mount(prefix, _Adapter())

    def request(  # type: ignore[override]  # the library that calls this gives these by name
        self, method: str, url: str, params: Mapping[str, str] | None = None, **options: Any
    ) -> requests.Response:
        del method
        _busy.call = call = _Call()
        within = min(self._timeout_s, float(options.get("timeout") or self._timeout_s))
        options["timeout"] = within
        timer = threading.Timer(within, call.end)
        timer.daemon = True
        timer.start()
        try:
            response = super().request("POST", url, data=params, stream=True, allow_redirects=False, **options)
            self._read(response)
        except AnswerProblem:
            raise
        except Exception as problem:  # a connection that is shut under a reader fails in many ways
            if call.late:
                raise _slow(within) from problem
            raise
        finally:
            timer.cancel()
            _busy.call = None
        if call.late:  # a body without a length ends where the connection does
            raise _slow(within)
        return response

    def _read(self, response: requests.Response) -> None:
        pieces, size = [], 0
        with response:
            for piece in response.iter_content(PIECE):
                size += len(piece)
                if size > self._max_bytes:
                    told = f"the answer is larger than {self._max_bytes / 1e6:g} MB: fewer series, or shorter labels"
                    raise AnswerProblem(Reason.TOO_LARGE, told)
                pieces.append(piece)
        response._content = b"".join(pieces)  # where `requests` keeps what was read
        response.json = lambda **_: self._decode(response.content)  # type: ignore[method-assign]  # for its caller
        _require_whole(response)
