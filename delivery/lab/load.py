"""A bounded, open-loop load: Poisson arrivals at a settable rate, every answer accounted for."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import aiohttp

from delivery.lab.mesh.naming import CLUSTER_HEADER
from delivery.lab.outcome import ArmTotals

MAX_IN_FLIGHT = 500
REQUEST_TIMEOUT_S = 15.0
LATE_S = 1.0  # how far behind its plan the load may catch up after a stall
CANARY, STABLE = "canary", "stable"
_FAILED = "stable failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """One request's end. `status` 0: no answer at all. `cluster` is where the proxy sent it, "" when nowhere."""

    at: float
    status: int
    cluster: str = ""
    version: str = ""
    injected: str = ""

    @property
    def failed(self) -> bool:
        return self.status == 0 or self.status >= 500


@dataclass(slots=True)
class Ledger:
    """Counts by arm, and the failures that nothing accounts for.

    A failure is accounted for when it was in the canary's share, when the shared dependency failed, or when a pod of
    a version that may serve everybody failed as it was told to. Before promotion that is the stable version only: a
    new version's pod reached past the canary's share counts, for it should not have been reached.
    """

    canary_host: str
    trusted: set[str]
    requests: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    unaccounted: list[Answer] = field(default_factory=list)
    _by_second: dict[int, Counter[str]] = field(default_factory=dict)

    def enter(self, answer: Answer) -> None:
        arm = CANARY if self.canary_host in answer.cluster else STABLE
        second = self._by_second.setdefault(int(answer.at), Counter())
        self.requests[arm] += 1
        second[arm] += 1
        if not answer.failed:
            return
        self.errors[arm] += 1
        if arm == STABLE:
            second[_FAILED] += 1
        told = answer.injected == "dependency" or (answer.injected == "true" and answer.version in self.trusted)
        if arm == STABLE and not told:
            self.unaccounted.append(answer)

    def totals(self) -> ArmTotals:
        return ArmTotals(
            {arm: self.requests[arm] for arm in (STABLE, CANARY)},
            {arm: self.errors[arm] for arm in (STABLE, CANARY)},
            len(self.unaccounted),
            sum(self._expected(second) for second in self._by_second.values()),
        )

    def _expected(self, second: Counter[str]) -> float:
        """What the stable version would have failed of the canary's requests of one second."""
        same_time = second if second[STABLE] else Counter({STABLE: self.requests[STABLE], _FAILED: self.errors[STABLE]})
        return second[CANARY] * same_time[_FAILED] / same_time[STABLE] if same_time[STABLE] else 0.0


class Load:
    """Requests `url` with `host` at `rps` until stopped or `duration_s` is over. Runs in a thread of its own."""

    def __init__(self, url: str, host: str, *, rps: float, ledger: Ledger, duration_s: float, seed: int) -> None:
        self._url = url
        self._host = host
        self.rps = rps
        self.ledger = ledger
        self._ends = time.monotonic() + duration_s
        self._random = random.Random(seed)
        self._in_flight: set[asyncio.Task[None]] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """No more requests; waits for those in flight."""
        self._stopped.set()
        self._thread.join(REQUEST_TIMEOUT_S + 5)

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        connector = aiohttp.TCPConnector(limit=MAX_IN_FLIGHT, force_close=False)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            due = time.monotonic()
            while not self._stopped.is_set() and time.monotonic() < self._ends:
                if self.rps <= 0:
                    await asyncio.sleep(0.05)
                    due = time.monotonic()
                    continue
                due = max(due, time.monotonic() - LATE_S) + self._random.expovariate(self.rps)
                await self._until(due)
                if len(self._in_flight) < MAX_IN_FLIGHT:
                    self._send(session)
                else:  # a caller that finds every connection busy has not been served
                    self.ledger.enter(Answer(time.time(), 0))
            if self._in_flight:
                await asyncio.wait(self._in_flight)

    async def _until(self, due: float) -> None:
        """Sleeps in pieces, so that a stop is seen in a long gap too."""
        while time.monotonic() < due and not self._stopped.is_set():
            await asyncio.sleep(min(0.2, due - time.monotonic()))

    def _send(self, session: aiohttp.ClientSession) -> None:
        task = asyncio.create_task(self._request(session))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _request(self, session: aiohttp.ClientSession) -> None:
        started = time.time()
        try:
            async with session.get(self._url, headers={"Host": self._host}) as response:
                await response.read()
                headers = response.headers
                answer = Answer(
                    started,
                    response.status,
                    headers.get(CLUSTER_HEADER, ""),
                    headers.get("x-lab-version", ""),
                    headers.get("x-lab-injected", ""),
                )
        except (TimeoutError, aiohttp.ClientError):
            answer = Answer(started, 0)
        self.ledger.enter(answer)
