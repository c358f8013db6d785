"""Connections that can be shut from outside at a deadline, whatever they are doing.

A timer shuts the socket, not the connection: that one lets go of it as soon as it knows that it is not used again, and
TLS takes the socket over. So a descriptor of its own is kept for as long as the call lasts.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.poolmanager import PoolManager, ProxyManager
from urllib3.util import Retry

from delivery.telemetry.reasons import AnswerProblem, Reason

POOLED = 10
LEAST_S = 0.01
_busy = threading.local()


class Call:
    """One request of this thread, until `close`: the socket it goes over, and whether its time is up."""

    def __init__(self, within: float) -> None:
        self.late = self.connected = False
        self._within = within
        self._ends = time.monotonic() + within
        self._sock: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(within, self._end)
        self._timer.daemon = True
        self._timer.start()
        _busy.call = self

    @property
    def left(self) -> float:
        """Seconds."""
        return max(LEAST_S, self._ends - time.monotonic())

    def watch(self, sock: socket.socket) -> None:
        """The call goes over this one from now on."""
        with self._lock:
            self._let_go()
            self.connected = True
            with suppress(OSError):
                self._sock = socket.fromfd(sock.fileno(), sock.family, sock.type)
            if self.late:
                self._shut()

    def close(self) -> None:
        self._timer.cancel()
        _busy.call = None
        with self._lock:
            self._let_go()

    def too_late(self) -> AnswerProblem:
        if not self.connected:
            return AnswerProblem(Reason.UNREACHABLE, f"no connection within {self._within:.3g} s")
        return AnswerProblem(Reason.SLOW, f"no whole answer within {self._within:.3g} s")

    def _end(self) -> None:
        with self._lock:
            self.late = True
            self._shut()

    def _shut(self) -> None:
        if self._sock is not None:
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def _let_go(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None


class _Watched(HTTPConnection):
    """With its socket known to the call that it is opened or used again for."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def _new_conn(self) -> socket.socket:
        return _opened(self, super()._new_conn)

    def request(self, *arguments: Any, **options: Any) -> None:
        _watch(self.sock)  # one that is used again does not connect
        super().request(*arguments, **options)


class _WatchedSecure(_Watched, HTTPSConnection):
    """The same over TLS."""


def _watch(sock: socket.socket | None) -> None:
    call: Call | None = getattr(_busy, "call", None)
    if call is not None and sock is not None:
        call.watch(sock)


def _opened(connection: HTTPConnection, open_one: Callable[[], socket.socket]) -> socket.socket:
    """A connection to one of the host's addresses. They share what is left of the call: each would have all of it."""
    call: Call | None = getattr(_busy, "call", None)
    if call is None:
        return open_one()
    name, refusal = connection._dns_host, None
    addresses = _addresses(name, connection.port, call)
    for tried, address in enumerate(addresses):
        connection._dns_host = address
        connection.timeout = call.left / (len(addresses) - tried)
        try:
            sock = open_one()
        except (ConnectTimeoutError, NewConnectionError) as problem:
            refusal = problem
            continue
        finally:
            connection._dns_host = name
        sock.settimeout(call.left)
        call.watch(sock)
        return sock
    raise refusal or AnswerProblem(Reason.UNREACHABLE, f"{name} has no address")


def _addresses(name: str, port: int, call: Call) -> list[str]:
    """Looked up in a thread, for nothing bounds how long the system takes over it."""
    found: list[list[str]] = []
    failed: list[OSError] = []

    def look_up() -> None:
        try:
            told = socket.getaddrinfo(name.strip("[]"), port, 0, socket.SOCK_STREAM)
            found.append(list(dict.fromkeys(str(address[0]) for *_, address in told)))
        except OSError as problem:
            failed.append(problem)

    thread = threading.Thread(target=look_up, name="name-lookup", daemon=True)
    thread.start()
    thread.join(call.left)
    if found:
        return found[0]
    told = failed[0].strerror or str(failed[0]) if failed else "no answer in time"
    raise AnswerProblem(Reason.UNREACHABLE, f"the name {name} cannot be looked up: {told}")


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _WatchedSecure


_POOLS = {"http": _PlainPool, "https": _SecurePool}


class Adapter(HTTPAdapter):
    """No retries: who asks knows how long it may take in all."""

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
