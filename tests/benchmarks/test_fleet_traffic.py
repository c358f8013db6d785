"""What is counted between the controller and Prometheus, the answers that it did not wait for too."""

from __future__ import annotations

import socket
import struct
import threading
from urllib.parse import urlsplit

import urllib3

from benchmarks.fleet_traffic import Queries, counting_prometheus
from benchmarks.idle_traffic import Quiet, serving
from tests.conditions import eventually

BODY = b"query=up&time=1700000000"


def test_an_answer_that_nobody_waits_for_is_counted_as_given_up() -> None:
    queries, left = Queries(), threading.Event()

    class Slow(Quiet):
        def respond(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            left.wait(10)
            self.answer(200, b" " * 2**22)

    with serving(Slow) as prometheus, counting_prometheus(prometheus, queries) as address:
        with socket.create_connection((urlsplit(address).hostname, urlsplit(address).port)) as hasty:
            head = b"POST /api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(BODY)
            hasty.sendall(head + BODY)
            hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closes with a reset
        left.set()
        eventually(lambda: [query.given_up for query in queries.between(0, 2e9)] == [True])
        urllib3.PoolManager().request("POST", f"{address}/api/v1/query", body=BODY)
        eventually(lambda: [query.given_up for query in queries.between(0, 2e9)] == [True, False])
