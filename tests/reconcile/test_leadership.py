"""Never two leaders of a shard: in driven time, under pauses, faults and wrong clocks; and soon one again."""

from __future__ import annotations

import pytest

from delivery.reconcile.leadership_election import MEMBER_PREFIX, SHARD_PREFIX
from tests.reconcile.candidates import TIMING, World

SHARDS = 5
SEEDS = range(60)


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
        if happening < 0.9:
            world.round(draw.choice(world.candidates))
        elif happening < 0.93:
            world.leave(draw.choice(world.candidates))
            join()
        elif happening < 0.96:
            world.store.forget(f"{SHARD_PREFIX}{draw.randrange(SHARDS)}")
        else:
            world.now += draw.choice([1.0, 5.0, 9.9, 10.1, 15.1, 60.0])
        world.check()
    world.fault_rate = world.pause_rate = 0.0
    # A Lease runs out by the slowest clock, a shard changes hands at the look after that, twice at most.
    world.run(TIMING.lease_s / 0.95 + 2 * TIMING.lease_s)
    held = world.held()
    assert set().union(*held.values()) == set(range(SHARDS))
    assert sorted(len(shards) for shards in held.values()) == [1, 2, 2]
    assert len(world.store.names(MEMBER_PREFIX)) == 3
