"""Measures what the lab's mesh does with each kind of route against what the route says, and writes it to docs.

python -m benchmarks.mesh_split
"""

from __future__ import annotations

import math
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.mesh_split_objects import (
    BY_COOKIE,
    BY_HEADER,
    BY_QUERY,
    CANARY,
    FAULT_STATUS,
    STABLE,
    VERSIONS,
    WAYS,
    Way,
    Wish,
)
from benchmarks.mesh_split_world import World, mesh_world
from delivery.lab.laboratory import assets_from_environment
from mesh_adapters.adapter import Fault, Stickiness, Treatment

OUTPUT = Path(__file__).parents[1] / "docs" / "benchmarks" / "mesh-split.md"
WEIGHTS = (0.5, 5.0, 33.3, 50.0)
MIRRORS = (0.5, 12.5)
FAULT = 7.5
BESIDE = 5.0  # percent by weight, while something is done beside it
HEADERS = {"x-canary": "always"}
STICKY = Stickiness("seen", 60)
REQUESTS = 4000
CHOSEN = 500
SIGMAS = 3.0
CANARY_ANSWERED, STABLE_ANSWERED = (200, VERSIONS[CANARY]), (200, VERSIONS[STABLE])


@dataclass(frozen=True, slots=True)
class Figure:
    """One comparison: of `requests` the mesh was told to treat `commanded` percent so, and treated `hits`."""

    way: str
    what: str
    commanded: float
    requests: int
    hits: int
    repeated: bool = False

    @property
    def measured(self) -> float:
        """In percent."""
        return 100 * self.hits / self.requests

    @property
    def sigma(self) -> float:
        """The binomial standard deviation of `measured`, in percent; 0 where there is no chance in it."""
        share = self.commanded / 100
        return 100 * math.sqrt(share * (1 - share) / self.requests)

    @property
    def within(self) -> bool:
        return abs(self.measured - self.commanded) <= SIGMAS * self.sigma + 1e-9

    def row(self) -> str:
        away = f"{(self.measured - self.commanded) / self.sigma:+.1f}" if self.sigma else "exact"
        cells = (
            self.way,
            self.what,
            f"{self.commanded:g} %",
            f"{self.requests:,}",
            f"{self.measured:.3f} %",
            away if self.within else f"{away}: OUTSIDE",
            "yes" if self.repeated else "no",
        )
        return f"| {' | '.join(cells)} |"


HEAD = "| route | what | commanded | requests | measured | away, σ | measured twice |\n" + "| --- " * 7 + "|"


def figures(world: World, way: Way, requests: int = REQUESTS) -> Iterator[Figure]:
    """Everything this kind of route can say, measured; the route object is gone afterwards."""
    try:
        for weight in WEIGHTS:
            world.say(way, Wish(weight))
            yield _repeatable(partial(_split, world, way, weight, requests))
        if "header" in way.can:
            yield from _chosen(world, way)
        if "sticky" in way.can:
            yield from _sticky(world, way, requests)
        if "mirror" in way.can:
            for mirror in MIRRORS:
                world.say(way, Wish(BESIDE, Treatment(mirror_percent=mirror)))
                yield _repeatable(partial(_mirror, world, way, mirror, requests))
        if "fault" in way.can:
            yield from _fault(world, way, requests)
    finally:
        world.unsay(way)


def _repeatable(measure: Callable[[], Figure]) -> Figure:
    """Envoy's draws cannot be seeded, so a figure outside of 3 standard deviations, one in 370, is taken once more."""
    figure = measure()
    if figure.within:
        return figure
    return replace(measure(), repeated=True)


def _split(world: World, way: Way, weight: float, requests: int) -> Figure:
    return Figure(way.name, "weight", weight, requests, world.ask(requests)[CANARY_ANSWERED])


def _chosen(world: World, way: Way) -> Iterator[Figure]:
    """Requests that satisfy an alternative all go to the canary, others by weight."""
    alternatives = (BY_HEADER, BY_COOKIE, *((BY_QUERY,) if "query" in way.can else ()))
    world.say(way, Wish(BESIDE, Treatment(match=alternatives)))
    asked: list[tuple[str, dict[str, str], str, float]] = [
        ("header", HEADERS, "", 100),
        ("another value of the header", {"x-canary": "never"}, "", BESIDE),
        ("cookie", {"Cookie": "a=b; track=canary"}, "", 100),
        ("another cookie", {"Cookie": "track=canary-not"}, "", BESIDE),
        ("neither", {}, "", BESIDE),
    ]
    if "query" in way.can:
        asked += [("query", {}, "?a=b&version=1.1.0", 100), ("another query", {}, "?version=1.0.0", BESIDE)]
    for what, headers, query, commanded in asked:
        yield _repeatable(partial(_to_canary, world, way, what, headers, query, commanded))


def _to_canary(
    world: World, way: Way, what: str, headers: dict[str, str], query: str, commanded: float, count: int = CHOSEN
) -> Figure:
    hits = world.ask(count, headers, query=query)[CANARY_ANSWERED]
    return Figure(way.name, what, commanded, count, hits)


def _sticky(world: World, way: Way, requests: int) -> Iterator[Figure]:
    """Whom the canary answers it gives the cookie, nobody else does, and who has the cookie gets the canary."""
    world.say(way, Wish(BESIDE, Treatment(sticky=STICKY)))
    told = world.told(requests)
    for what, answer, commanded in (("canary", CANARY_ANSWERED, 100.0), ("stable", STABLE_ANSWERED, 0.0)):
        answers = {cookie: count for (*who, cookie), count in told.items() if tuple(who) == answer}
        given = sum(count for cookie, count in answers.items() if cookie.startswith(f"{STICKY.cookie}="))
        yield Figure(way.name, f"cookie given by {what}", commanded, sum(answers.values()), given)
    for what, value, commanded in (("given", CANARY, 100.0), ("another", "cart-canary", BESIDE)):
        headers = {"Cookie": f"a=b; {STICKY.cookie}={value}"}
        yield _repeatable(partial(_to_canary, world, way, f"{what} cookie brought back", headers, "", commanded))


def _mirror(world: World, way: Way, percent: float, requests: int) -> Figure:
    before = world.reached_canary()
    answers = world.ask(requests)
    copies = world.reached_canary() - before - answers[CANARY_ANSWERED]
    return Figure(way.name, "mirror", percent, requests, copies)


def _fault(world: World, way: Way, requests: int) -> Iterator[Figure]:
    """The chosen requests have it, others never do."""
    fault = Fault(FAULT, abort_status=FAULT_STATUS)
    world.say(way, Wish(BESIDE, Treatment(match=(BY_HEADER,), fault=fault)))
    for what, headers, commanded in (("fault", HEADERS, FAULT), ("fault of others", {}, 0.0)):
        yield _repeatable(partial(_failed, world, way, what, headers, commanded, requests))


def _failed(world: World, way: Way, what: str, headers: dict[str, str], commanded: float, requests: int) -> Figure:
    answers = world.ask(requests, headers)
    failed = sum(count for (status, _), count in answers.items() if status == FAULT_STATUS)
    return Figure(way.name, what, commanded, requests, failed)


def page(found: Sequence[Figure], plane: str) -> str:
    """The page in docs/benchmarks."""
    outside = sum(not figure.within for figure in found)
    command = " ".join(["python -m benchmarks.mesh_split", *sys.argv[1:]])
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    return "\n".join(
        [
            "# mesh-split",
            "",
            f"`{command}`",
            "",
            f"{machine}; control plane: {plane}.",
            "",
            "Each kind of route, as a user would write it, is planned by its adapter and written to the API server;",
            "the lab's mesh translates it for a real Envoy in front of two versions' pods, and requests are sent.",
            "Counted is which version answered (for mirrors, what Envoy sent to the canary's pods beside; for faults,",
            "the answers with the fault's status; for cookies, the answers that set one).",
            f"Beside a treatment the canary's weight is {BESIDE:g} %.",
            f"{len(found)} figures, {outside} of them more than 3 standard deviations of the binomial away.",
            "",
            HEAD,
            *(figure.row() for figure in found),
            "",
        ]
    )


def main(
    requests: Annotated[int, typer.Option(min=100, help="requests for each figure")] = REQUESTS,
    embedded: Annotated[bool, typer.Option(help="the embedded API server")] = False,
) -> None:
    """Measures, prints and writes the page."""
    assets = None if embedded else assets_from_environment()
    found: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="headgate-mesh-") as folder, mesh_world(Path(folder), assets) as world:
        for way in WAYS:
            for figure in figures(world, way, requests):
                typer.echo(figure.row())
                found.append(figure)
    OUTPUT.write_text(page(found, "embedded" if assets is None else "real"))
    if not all(figure.within for figure in found):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
