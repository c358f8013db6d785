"""Whose failure is whose: the ledger's rules, and a load that stops when told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from delivery.lab.load import Answer, Ledger, Load
from delivery.lab.process import free_port

STABLE_CLUSTER = "outbound|80||web-stable.shop.svc.cluster.local"
CANARY_CLUSTER = "outbound|80||web-canary.shop.svc.cluster.local"


@pytest.fixture
def ledger() -> Ledger:
    return Ledger("web-canary.shop.", {"1.0.0"})


@pytest.mark.parametrize(
    ("answer", "arm", "unaccounted"),
    [
        (Answer(0, 200, STABLE_CLUSTER, "1.0.0"), "stable", False),
        (Answer(0, 404, STABLE_CLUSTER, "1.0.0"), "stable", False),
        (Answer(0, 500, STABLE_CLUSTER, "1.0.0", "true"), "stable", False),
        (Answer(0, 500, STABLE_CLUSTER, "1.1.0", "dependency"), "stable", False),
        (Answer(0, 500, STABLE_CLUSTER, "1.1.0", "true"), "stable", True),  # reached past the canary's share
        (Answer(0, 503, STABLE_CLUSTER), "stable", True),  # no healthy upstream
        (Answer(0, 503, ""), "stable", True),  # no route at all
        (Answer(0, 0), "stable", True),  # the connection broke
        (Answer(0, 503, CANARY_CLUSTER), "canary", False),
        (Answer(0, 500, CANARY_CLUSTER, "1.1.0", "true"), "canary", False),
    ],
)
def test_what_counts_against_us(ledger: Ledger, answer: Answer, arm: str, unaccounted: bool) -> None:
    ledger.enter(answer)
    totals = ledger.totals()
    assert totals.requests == {"stable": 0, "canary": 0} | {arm: 1}
    assert totals.errors[arm] == int(answer.failed)
    assert totals.outside_canary_failures == int(unaccounted)


def test_a_promoted_version_may_fail_as_it_was_told(ledger: Ledger) -> None:
    ledger.trusted.add("1.1.0")
    ledger.enter(Answer(0, 500, STABLE_CLUSTER, "1.1.0", "true"))
    assert ledger.totals().outside_canary_failures == 0


def test_what_the_stable_version_would_have_failed_is_reckoned_second_by_second(ledger: Ledger) -> None:
    for _ in range(8):  # a quiet second with a small canary share
        ledger.enter(Answer(10.2, 200, STABLE_CLUSTER, "1.0.0"))
    ledger.enter(Answer(10.9, 200, CANARY_CLUSTER, "1.1.0"))
    for _ in range(2):  # a second of outage with a large one: half of everything fails, and the canary is not to blame
        ledger.enter(Answer(11.1, 200, STABLE_CLUSTER, "1.0.0"))
        ledger.enter(Answer(11.2, 500, STABLE_CLUSTER, "1.0.0", "dependency"))
    for _ in range(4):
        ledger.enter(Answer(11.3, 200, CANARY_CLUSTER, "1.1.0"))
        ledger.enter(Answer(11.4, 500, CANARY_CLUSTER, "1.1.0", "dependency"))
    assert ledger.totals().expected_canary_errors == 4
    for _ in range(6):  # no stable request to compare with: the rate of all of them, 2 of 12
        ledger.enter(Answer(12.0, 200, CANARY_CLUSTER, "1.1.0"))
    assert ledger.totals().expected_canary_errors == pytest.approx(5)


class Upstream:
    """A tiny HTTP server that answers everything with 200 and counts."""

    def __init__(self) -> None:
        self.served = 0
        self.enough = threading.Event()
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._ended = asyncio.Event()
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        async with server:
            await self._ended.wait()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.served += 1
                if self.served >= 50:
                    self.enough.set()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    running = Upstream()
    yield running
    running.stop()


def test_every_request_sent_is_entered_once(ledger: Ledger, upstream: Upstream) -> None:
    load = Load(f"http://127.0.0.1:{upstream.port}", "web", rps=500, ledger=ledger, duration_s=60, seed=1)
    load.start()
    assert upstream.enough.wait(30)
    load.stop()
    assert ledger.totals().requests == {"stable": upstream.served, "canary": 0}
    assert ledger.totals().outside_canary_failures == 0


def test_nobody_there_is_a_failure_not_a_silence(ledger: Ledger) -> None:
    load = Load(f"http://127.0.0.1:{free_port()}", "web", rps=200, ledger=ledger, duration_s=0.3, seed=1)
    load.start()
    load._thread.join(20)
    load.stop()
    totals = ledger.totals()
    assert totals.requests["stable"] == totals.outside_canary_failures > 0
