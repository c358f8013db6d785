"""Never two leaders of a shard, whatever the order of events: random schedules in driven time; and soon one again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from delivery.reconcile.leadership_election import MEMBER_PREFIX, SHARD_PREFIX
from tests.reconcile.candidates import TIMING, World

SHARDS = 5
SEEDS = range(50)
# A Lease runs out by the slowest clock; then a shard changes hands at a look, twice at most.
SETTLED_S = TIMING.lease_s / 0.95 + 2 * TIMING.lease_s


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of faults on purpose are no news."""
    with capture_logs():
        yield


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_schedule_never_makes_two_leaders_and_ends_well(seed: int) -> None:
    world = World(seed)
    draw = world.random
    numbers = iter(range(1000))

    def join() -> None:
        wall_h, rate = draw.uniform(-30, 30), draw.uniform(0.95, 1.05)
        world.join(f"pod-{next(numbers)}", shards=SHARDS, wall_h=wall_h, rate=rate)

    for _ in range(3):
        join()
    for _step in range(150):
        world.fault_rate, world.pause_rate = draw.choice([0.0, 0.2, 0.5]), draw.choice([0.0, 0.05, 0.15])
        happening = draw.random()
        if happening < 0.84:
            world.round(draw.choice(world.candidates))
        elif happening < 0.87:
            leaving = draw.choice(world.candidates)
            if draw.random() < 0.5:
                leaving.election.resign()
            world.leave(leaving)
            join()
        elif happening < 0.96:
            world.store.forget(f"{SHARD_PREFIX}{draw.randrange(SHARDS)}")
        else:
            world.now += draw.choice([1.0, 5.0, 9.9, 10.1, 15.1, 60.0])
        world.check()
    world.fault_rate = world.pause_rate = 0.0
    world.run(SETTLED_S)
    held = world.held()
    assert set().union(*held.values()) == set(range(SHARDS))
    assert sorted(len(shards) for shards in held.values()) == [1, 2, 2]
    assert len(world.store.names(MEMBER_PREFIX)) == 3
    assert world.gained, "nobody ever led"


@pytest.mark.parametrize("seed", range(30))
def test_who_split_the_keys_otherwise_never_write_beside_each_other(seed: int) -> None:
    world = World(seed)
    draw = world.random
    old = [world.join(f"old-{number}", shards=2, rate=draw.uniform(0.95, 1.05)) for number in range(2)]
    new = [world.join(f"new-{number}", shards=4, rate=draw.uniform(0.95, 1.05)) for number in range(2)]
    for _step in range(100):
        world.fault_rate, world.pause_rate = draw.choice([0.0, 0.3]), draw.choice([0.05, 0.3])
        world.round(draw.choice(world.candidates))
        if draw.random() < 0.1:
            world.now += draw.choice([5.0, 10.1, 15.1])
    world.fault_rate = world.pause_rate = 0.0
    for candidate in old:
        world.leave(candidate)
    world.run(SETTLED_S)
    assert [len(candidate.holds()) for candidate in new] == [2, 2]
