"""What the controller asks of Prometheus, counted on the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs

import urllib3

from benchmarks.idle_traffic import Quiet, serving


@dataclass(frozen=True, slots=True)
class Query:
    """One query: the instant it was for, when it was asked and answered (seconds since the epoch), bytes both ways.
    `given_up`: the controller did not wait for the answer."""

    instant: float
    began: float
    ended: float
    asked: int
    answered: int
    given_up: bool


class Queries:
    """Every query of the controller."""

    def __init__(self) -> None:
        self._queries: list[Query] = []
        self._lock = threading.Lock()

    def add(self, query: Query) -> None:
        with self._lock:
            self._queries.append(query)

    def between(self, start: float, end: float) -> list[Query]:
        """The queries for the instants from `start` until before `end`."""
        with self._lock:
            return [query for query in self._queries if start <= query.instant < end]


@contextmanager
def counting_prometheus(url: str, queries: Queries) -> Iterator[str]:
    """Passes everything on to the Prometheus at `url`; gives the address that leads here."""
    pool = urllib3.PoolManager(maxsize=16)

    class Handler(Quiet):
        def respond(self) -> None:
            began = time.time()
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {"Content-Type": self.headers.get("Content-Type", "")}
            answer = pool.request(self.command, url + self.path, body=body, headers=headers, retries=False)
            given_up = False
            try:
                self.answer(answer.status, answer.data)
            except ConnectionError:
                given_up = True
            form = parse_qs(body.decode())
            instant = float(form.get("time", ["0"])[0])
            queries.add(Query(instant, began, time.time(), len(body), len(answer.data), given_up))

    with serving(Handler) as address:
        yield address
