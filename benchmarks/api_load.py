"""The load on the API: watchers of its streams, and requests that are sent when they are due, whatever came of others.

A process of its own, until SIGTERM: python -m benchmarks.api_load PLAN READY RESULT
"""

from __future__ import annotations

import asyncio
import random
import resource
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec

from delivery.event_loop import new_event_loop

SEED, PAGE, CONNECTED_WITHIN_S, ANSWERED_WITHIN_S = 1, 100, 60.0, 30.0
SHARES = {"list": 30, "get": 45, "report, JSON": 20, "report, HTML": 2, "metrics": 2, "pause, resume": 1}
"""How many of a hundred requests are what."""
PAUSED_FOR = 2
"""So many more Releases are paused before one is resumed."""


class Plan(msgspec.Struct, frozen=True):
    """`releases` are (namespace, name); half of the watchers follow one of them each, half all of them."""

    url: str
    health_url: str
    token: str
    releases: Sequence[tuple[str, str]]
    watchers: int
    per_second: float


class Request(msgspec.Struct, frozen=True):
    """What was asked, when it was due (seconds since the epoch), and what came: seconds from then to its last byte;
    status 0 where nothing came."""

    kind: str
    due: float
    seconds: float
    status: int
    size: int


class Load(msgspec.Struct, frozen=True):
    """`broken`: watchers whose stream ended before they were told to stop."""

    requests: Sequence[Request]
    events: int
    event_bytes: int
    broken: int
    seconds: float
    processor_s: float


def kinds(seed: int) -> list[str]:
    """A hundred requests in an order by chance, to be repeated."""
    order = [kind for kind, share in SHARES.items() for _ in range(share)]
    random.Random(seed).shuffle(order)
    return order


def due(began: float, number: int, per_second: float) -> float:
    """When a request is to be sent: fixed in advance, so that a slow answer delays no other."""
    return began + number / per_second


def words(releases: Sequence[tuple[str, str]]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Pauses one Release after another, and resumes each a little later."""
    paused: deque[tuple[str, str]] = deque()
    while True:
        for release in releases:
            paused.append(release)
            yield "pause", release
            if len(paused) > PAUSED_FOR:
                yield "resume", paused.popleft()


@dataclass(slots=True)
class Told:
    """By all streams together."""

    events: int = 0
    size: int = 0
    broken: int = 0


class Generator:
    """Sends as planned, until stopped."""

    def __init__(self, plan: Plan, session: aiohttp.ClientSession) -> None:
        self._plan, self._session = plan, session
        self._words, self._order = words(plan.releases), kinds(SEED)
        self.stopped = asyncio.Event()
        self.told = Told()
        self.requests: list[Request] = []

    async def watch(self, path: str) -> None:
        try:
            async with self._session.get(f"{self._plan.url}{path}", timeout=aiohttp.ClientTimeout()) as answer:
                async for chunk in answer.content.iter_any():
                    self.told.events += chunk.count(b"event: ")
                    self.told.size += len(chunk)
        except aiohttp.ClientError:
            pass
        self.told.broken += not self.stopped.is_set()

    async def send_all(self) -> float:
        """Until stopped; how long that was."""
        began, number = time.monotonic(), 0  # not the loop's clock: uvloop's is as coarse as a round of the loop
        async with asyncio.TaskGroup() as sending:
            while not self.stopped.is_set():
                at = due(began, number, self._plan.per_second)
                try:
                    await asyncio.wait_for(self.stopped.wait(), max(at - time.monotonic(), 0))
                except TimeoutError:
                    sending.create_task(self._send(number, at))
                    number += 1
        return time.monotonic() - began

    async def _send(self, number: int, at: float) -> None:
        kind = self._order[number % len(self._order)]
        method, url = self._what(kind, number)
        status = size = 0
        body = {"reason": "benchmark"} if method == "POST" else None
        try:
            async with self._session.request(method, url, json=body) as answer:
                status, size = answer.status, len(await answer.read())
        except (aiohttp.ClientError, TimeoutError):
            status = 0
        waited = time.monotonic() - at
        self.requests.append(Request(kind, time.time() - waited, waited, status, size))

    def _what(self, kind: str, number: int) -> tuple[str, str]:
        """Method and URL."""
        releases = self._plan.releases
        if kind == "metrics":
            return "GET", f"{self._plan.health_url}/metrics"
        if kind == "list":
            return "GET", f"{self._plan.url}/api/v1/releases?limit={PAGE}&offset={number * PAGE % len(releases)}"
        if kind == "pause, resume":
            verb, release = next(self._words)
            return "POST", f"{self._plan.url}{path_of(release)}/{verb}"
        path = f"{self._plan.url}{path_of(releases[number * 7919 % len(releases)])}"
        rest = {"get": "", "report, JSON": "/report?format=json", "report, HTML": "/report?format=html"}[kind]
        return "GET", path + rest


def path_of(release: tuple[str, str]) -> str:
    """Of a Release, by its Deployment's name."""
    return f"/api/v1/namespaces/{release[0]}/releases/{release[1]}"


def streams(plan: Plan) -> list[str]:
    """The path that each watcher follows."""
    alone = plan.watchers // 2
    one = [f"{path_of(plan.releases[number * 31 % len(plan.releases)])}/events" for number in range(alone)]
    return [*one, *(["/api/v1/events"] * (plan.watchers - alone))]


async def run(plan: Plan, ready: Path) -> Load:
    """Watchers first, then `ready` appears and requests begin."""
    headers = {"Authorization": f"Bearer {plan.token}"}
    timeout = aiohttp.ClientTimeout(total=ANSWERED_WITHIN_S)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), headers=headers, timeout=timeout
    ) as session:
        generator = Generator(plan, session)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, generator.stopped.set)
        watching = [asyncio.create_task(generator.watch(path)) for path in streams(plan)]
        async with asyncio.timeout(CONNECTED_WITHIN_S):
            while generator.told.events < plan.watchers:  # the first of each comes at once
                await asyncio.sleep(0.05)
        before, events, size = _processor_s(), generator.told.events, generator.told.size
        ready.touch()
        seconds = await generator.send_all()
        used, told = _processor_s() - before, generator.told
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
    return Load(generator.requests, told.events - events, told.size - size, told.broken, seconds, used)


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(plan: Path, ready: Path, result: Path) -> None:
    """Runs until SIGTERM."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        load = runner.run(run(msgspec.json.decode(plan.read_bytes(), type=Plan), ready))
    partial = result.with_suffix(".partial")
    partial.write_bytes(msgspec.json.encode(load))
    partial.rename(result)


if __name__ == "__main__":
    main(*(Path(word) for word in sys.argv[1:4]))
