"""The API under load: requests that are due whatever happens, the mix, and the arithmetic of the page."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import aiohttp
import numpy as np
from aiohttp import web

from benchmarks.api import loading, stolen_s, turned, usage
from benchmarks.api_load import PAUSED_FOR, SHARES, Generator, Load, Plan, Request, due, kinds, streams, words
from benchmarks.api_report import Round, Setup, Usage, page, ratio
from benchmarks.fleet import fleet_names, names_at_rest
from benchmarks.idle import Series

RELEASES = [("team-00", "app-0000"), ("team-01", "app-0001"), ("team-02", "app-0002")]


def plan(url: str, per_second: float = 100.0) -> Plan:
    return Plan(url=url, health_url=url, token="t", releases=RELEASES, watchers=4, per_second=per_second)


def test_a_request_is_due_when_it_was_planned() -> None:
    assert [due(10.0, number, 4.0) for number in range(3)] == [10.0, 10.25, 10.5]


def test_a_hundred_requests_hold_the_planned_shares_in_a_fixed_order() -> None:
    assert Counter(kinds(1)) == SHARES
    assert sum(SHARES.values()) == 100
    assert kinds(1) == kinds(1) != sorted(kinds(1))


def test_whoever_is_paused_is_resumed_later_and_in_order() -> None:
    asked = list(islice(words(RELEASES * 10), 40))
    paused = [release for verb, release in asked if verb == "pause"]
    resumed = [release for verb, release in asked if verb == "resume"]
    assert resumed == paused[: len(resumed)]
    assert [verb for verb, _ in asked[: PAUSED_FOR + 2]] == ["pause"] * (PAUSED_FOR + 1) + ["resume"]


def test_each_spell_begins_with_other_releases() -> None:
    given = plan("http://x")
    assert turned(given, 4).releases == [RELEASES[1], RELEASES[2], RELEASES[0]]
    assert turned(given, 0).releases == RELEASES


def test_half_of_the_watchers_follow_one_release_each() -> None:
    paths = streams(plan("http://x"))
    assert paths[2:] == ["/api/v1/events"] * 2
    assert len(set(paths[:2])) == 2


def test_those_at_rest_are_no_part_of_the_fleet() -> None:
    assert set(names_at_rest(25)).isdisjoint(fleet_names(1000))
    assert len(set(names_at_rest(25))) == 25


def test_a_slow_answer_delays_no_other_and_counts_from_when_it_was_due() -> None:
    """The server answers nothing until five have come."""

    async def scenario() -> list[Request]:
        came, enough = 0, asyncio.Event()

        async def answer(_request: web.Request) -> web.Response:
            nonlocal came
            came += 1
            if came == 5:
                enough.set()
            await enough.wait()
            return web.json_response({})

        async with answering(answer) as url, aiohttp.ClientSession() as session:
            generator = Generator(plan(url, 50.0), session)
            sending = asyncio.create_task(generator.send_all())
            await asyncio.wait_for(enough.wait(), 20)
            generator.stopped.set()
            await asyncio.wait_for(sending, 20)
        return generator.requests

    requests = asyncio.run(scenario())
    assert len(requests) >= 5
    assert max(request.seconds for request in requests) >= 4 / 50.0  # the first waited for the fifth
    assert {request.status for request in requests} == {200}


@asynccontextmanager
async def answering(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """The address of a server that answers everything so."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    await runner.cleanup()


def test_a_load_is_a_process_that_ends_with_what_came_of_it(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if not request.path.endswith("/events"):
            return web.json_response({})
        stream = web.StreamResponse()
        await stream.prepare(request)
        await stream.write(b"event: release\n\n")
        await asyncio.sleep(60)
        return stream

    def loaded(url: str) -> Load | None:
        with loading(tmp_path, plan(url, 50.0)) as running:
            time.sleep(0.5)
        return running.load

    async def scenario() -> Load | None:
        async with answering(answer) as url:
            return await asyncio.to_thread(loaded, url)

    load = asyncio.run(scenario())
    assert load is not None
    assert load.broken == 0
    assert {request.status for request in load.requests} == {200}


def test_a_ratio_of_medians_has_an_interval_that_holds_the_truth() -> None:
    rng = np.random.default_rng(1)
    slow = rng.lognormal(sigma=0.3, size=200)
    found, low, high = ratio(slow, 1.5 * rng.lognormal(sigma=0.3, size=200))
    assert low < 1.5 < high
    assert low < found < high
    assert ratio(slow, slow)[0] == 1.0


def load(*seconds: float, status: int = 200) -> Load:
    requests = [Request("list", 1003.0, each, status, 1_000_000) for each in seconds]
    return Load(requests, events=40, event_bytes=2_000_000, broken=1, seconds=10.0, processor_s=1.0)


def test_the_page_shows_both_kinds_of_spells() -> None:
    nan = float("nan")
    quiet = Round(Series("", {"Release created": [0.1, 0.2, 0.3]}), 10.0, {"controller": Usage(2.0, 0.5)}, 0.1, None)
    had = {"controller": Usage(5.0, 1.5), "load": Usage(3.0, 0.1)}
    busy = Round(Series("", {"Release created": [0.2, 0.4, nan]}), 10.0, had, 0.5, load(0.01, 0.02, 0.03))
    text = page("the command", Setup(1000, 10.0, 200, 100.0, 15, 2.5), [quiet, busy])
    assert "| list | 3 | 20.0 | 28.0 | 29.8 | 30.0 | 3.0 | 0 |" in text
    assert "| all | 3 | 20.0 | 28.0 | 29.8 | 30.0 | 3.0 | 0 |" in text
    assert "| 1.67 to 3.33 | 3 | 20.0 | 28.0 | 29.8 |" in text  # seconds after the instant
    assert "| 5 to 6.67 | 0 | - | - | - |" in text
    assert "| get | 0 | - | - | - | - | 0.0 | 0 |" in text
    assert "told 40 events, 2.0 MB, 4 a second; 1 streams broke off" in text
    assert "| Release created | 3 | 200 | 280 | 2 of 3 | 300 | 380 | 1.50 (" in text
    assert "| controller | 20 | 5 | 50 | 15 |" in text
    assert "| load | - | - | 30 | 1 |" in text
    assert "gave 1 % of the time of one core to other machines without load, and 5 % with it" in text


def test_what_a_process_had_of_the_processors_grows() -> None:
    before = usage(os.getpid())
    assert before.used > 0
    assert (usage(os.getpid()) - before).used >= 0
    assert Usage(2.0, 0.1) - Usage(1.5, 0.3) == Usage(0.5, 0.0)  # a thread that waited has ended
    assert stolen_s() >= 0


def test_an_answer_that_is_none_is_counted() -> None:
    quiet = Round(Series("", {"Release created": [float("nan")]}), 1.0, {}, 0.0, None)
    busy = Round(Series("", {"Release created": [0.2]}), 1.0, {}, 0.0, load(1.0, status=0))
    text = page("the command", Setup(1, 10.0, 2, 1.0, 1, 2.5), [quiet, busy])
    assert "| list | 1 | 1000.0 | 1000.0 | 1000.0 | 1000.0 | 1.0 | 1 |" in text
    assert "| Release created | 0 of 1 | - | - | 1 | 200 | 200 | - |" in text
