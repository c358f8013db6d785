"""What the process does that ApiProcess starts: it answers until its standard input ends."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from delivery.api.access import Access
from delivery.api.app import create_app
from delivery.api.feeding import kept_current
from delivery.api.process import SERVING, Order
from delivery.api.server import Server
from delivery.cluster.client import Cluster
from delivery.errors import HeadgateError
from delivery.garbage import collect_rarely
from delivery.log import log_as_json

HANDED_OVER_AFTER_S = 0.001
"""A thread that computes lets another go on after this. The event loop takes part each time that something comes in,
and with Python's own 5 ms a burst of changes would make every answer wait many times over."""


def main() -> None:
    """Says SERVING, or in a line what is in the way."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setswitchinterval(HANDED_OVER_AFTER_S)
    log_as_json()
    order = Order.model_validate_json(sys.stdin.readline())
    try:
        with _served(order):
            collect_rarely()
            print(SERVING, flush=True)
            sys.stdin.read()
    except HeadgateError as problem:
        print(" ".join(str(problem).split()), flush=True)
        sys.exit(1)


@contextmanager
def _served(order: Order) -> Iterator[None]:
    """Raises HeadgateError."""
    cluster = Cluster.connect(order.kubeconfig, order.context)
    with kept_current(cluster, order.namespace) as board:
        app = create_app(cluster, Access(cluster), board)
        server = Server(app, socket.socket(fileno=order.listener), order.tls)
        server.start()
        try:
            yield
        finally:
            server.stop()
