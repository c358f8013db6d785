"""Telling a story: a universe, one controller or several lives of one, the invariants after every write."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from delivery.lab.shop_routes import ShopRoutes
from delivery.resources.release import Phase
from tests.scenarios.effects import Death, Effects, Killed, MortalPool, MortalSource
from tests.scenarios.in_process import connected
from tests.scenarios.invariants import Invariants
from tests.scenarios.process import Process
from tests.scenarios.stories import Story
from tests.scenarios.universe import VIRTUAL_SERVICES, Universe

AFTERWARDS = 12  # rounds after the end, in which nothing may happen any more

Starting = Callable[[Universe], Process]


@dataclass(slots=True)
class Told:
    """A story that was told. `lives` are the effects of each controller process, in order."""

    universe: Universe
    invariants: Invariants
    lives: list[Effects] = field(default_factory=list)

    @property
    def ends(self) -> tuple[Phase, ...]:
        return tuple(release.status.phase for release in self.universe.releases())

    @property
    def writes(self) -> list[str]:
        """Every write of every life that changed something: queries, Events and the recording of one look after
        another left out."""
        done = [effect for life in self.lives for effect in life.done]
        kept = [effect for effect in done if not effect.startswith("QUERY") and "/events " not in effect]
        return [effect for effect, _ in groupby(kept)]


def prepared(
    story: Story,
    order: random.Random | None = None,
    policy: dict[str, Any] | None = None,
    mesh: ShopRoutes = VIRTUAL_SERVICES,
) -> tuple[Universe, Invariants]:
    """The universe in which a story is told, with its first version running."""
    universe = Universe(policy, order, mesh)
    universe.traffic.failures = story.failures
    universe.until(lambda: universe.deployment().get("status", {}).get("availableReplicas") == 2)
    return universe, Invariants(universe)


def tell(
    story: Story,
    death: Death | None = None,
    order: random.Random | None = None,
    policy: dict[str, Any] | None = None,
    mesh: ShopRoutes = VIRTUAL_SERVICES,
) -> Told:
    """One controller, which dies once where it is told to, and a new one after that."""
    universe, invariants = prepared(story, order, policy, mesh)
    told = Told(universe, invariants)
    alive: list[Process] = []

    def born(effects: Effects) -> None:
        told.lives.append(effects)
        source = MortalSource(universe.traffic.prometheus, effects)
        alive[:] = [Process(universe, connected(MortalPool(universe.pool, effects)), source=source)]

    def turn() -> None:
        try:
            alive[0].turn()
        except Killed:
            born(Effects())

    born(Effects(death, universe.clock.now))
    universe.parties.append(turn)
    live(story, universe, invariants)
    return told


def live(story: Story, universe: Universe, invariants: Invariants, seconds: float = 400.0) -> None:
    """From the template change to the end, the story's moments included."""
    universe.until(universe.adopted)
    story.begins(universe)
    coming = list(story.moments)

    def over() -> bool:
        releases = universe.releases()
        if coming and releases and coming[0].has_come(releases[-1]):
            invariants.lost_pods |= story.losing_pods
            invariants.exempt |= story.bypassing
            moment, invariants.outside = coming.pop(0), True
            moment.doing(universe)
            invariants.outside = False
            return False
        return not coming and universe.ended() and tuple(each.status.phase for each in releases) == story.ends

    universe.until(over, seconds)
    for _ in range(AFTERWARDS):
        universe.round()


def check(story: Story, told: Told) -> None:
    """How it ended, what is left, and that no invariant broke on the way."""
    told.invariants.check()
    assert told.ends == story.ends, told.universe.story()
    assert told.universe.left_behind() == []
    assert [release.name for release in told.universe.releases() if release.held] == []
