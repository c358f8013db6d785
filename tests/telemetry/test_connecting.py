"""Before there is a connection to speak of, the deadline holds too."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest

from delivery.errors import Unavailable
from delivery.telemetry.access import Access
from delivery.telemetry.prometheus import Prometheus
from delivery.telemetry.reasons import MetricsUnavailable, Reason
from tests.telemetry.test_access import ANSWERED, VECTOR, serving, whole


def test_a_tunnel_that_opens_drop_by_drop_is_given_up_at_the_deadline() -> None:
    with dripping(b"HTTP/1.1 200 OK\r\nX: ") as port:
        access = Access("https://prometheus.invalid:9090", proxy=f"http://127.0.0.1:{port}", timeout_s=0.4)
        with pytest.raises(Unavailable, match=r"no whole answer within 0\.4 s"):
            Prometheus(access).query("x", 1.0)


def test_a_handshake_that_comes_drop_by_drop_is_too() -> None:
    with dripping(b"\x16\x03\x03\x3f\x00\x02\x00\x3e\xf0") as port, pytest.raises(Unavailable, match=r"0\.4 s"):
        Prometheus(Access(f"https://127.0.0.1:{port}", timeout_s=0.4)).query("x", 1.0)


def test_one_who_takes_no_connection_is_not_slow_but_unreachable() -> None:
    with full_backlog() as url, pytest.raises(MetricsUnavailable) as told:
        Prometheus(Access(url, timeout_s=0.3)).query("x", 1.0)
    assert told.value.reason is Reason.UNREACHABLE


def test_a_name_that_is_not_looked_up_in_time_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up, here = threading.Event(), socket.getaddrinfo

    def look_up(name: str, *more: Any) -> Any:
        looked_up.wait(30)
        return here("127.0.0.1", *more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    try:
        with pytest.raises(MetricsUnavailable, match=r"cannot be looked up: no answer in time") as told:
            Prometheus(Access("http://prometheus.invalid:9090", timeout_s=0.2)).query("x", 1.0)
    finally:
        looked_up.set()
    assert told.value.reason is Reason.UNREACHABLE


def test_the_addresses_of_a_host_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the first nobody answers: the second still gets its turn, within the time of one."""
    here, host = socket.getaddrinfo, "many.invalid"

    def look_up(name: str, *more: Any) -> Any:
        every = ("127.0.0.9", "127.0.0.1") if name == host else (name,)
        return [address for each in every for address in here(each, *more)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with serving(whole(VECTOR)) as server, full_backlog("127.0.0.9", server.port):
        assert Prometheus(Access(f"http://{host}:{server.port}", timeout_s=1.0)).query("x", 1.0) == ANSWERED
        assert server.headers[0]["Host"] == f"{host}:{server.port}"


@contextmanager
def full_backlog(host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """An address where connections are neither taken nor refused, as behind a NetworkPolicy."""
    with socket.socket() as listening, ExitStack() as waiting:
        listening.bind((host, port))
        listening.listen(0)
        for _ in range(4):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
        yield f"http://{host}:{listening.getsockname()[1]}"


@contextmanager
def dripping(beginning: bytes) -> Iterator[int]:
    """Who answers so and then a byte now and then, for ever if nobody ends it."""

    class Dripping(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self.request.recv(65_536)
                self.request.sendall(beginning)
                while True:
                    self.request.sendall(b" ")
                    time.sleep(0.05)  # the pace of the one who answers, not a wait for anything

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dripping) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(5)
