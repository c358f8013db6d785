"""Keys fall into shards the same way everywhere and evenly; shares add up and move no shard without need."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.reconcile.shards import fair_share, shard_of


@pytest.mark.parametrize("seed", ["0", "1", "random"])
def test_a_key_is_in_the_same_shard_in_every_process(seed: str) -> None:
    program = "from delivery.reconcile.shards import shard_of; print(shard_of('shop', 'cart', 16))"
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == shard_of("shop", "cart", 16) == 2


def test_namespace_and_name_do_not_run_into_each_other() -> None:
    assert shard_of("a", "b-c", 1 << 32) != shard_of("a-b", "c", 1 << 32)
    assert shard_of("ab", "c", 1 << 32) != shard_of("a", "bc", 1 << 32)


def test_shards_are_of_about_the_same_size() -> None:
    counts = Counter(shard_of(f"team-{n % 40}", f"service-{n}", 8) for n in range(8000))
    # Binomial(8000, 1/8): standard deviation 29.6; 5 of them.
    assert set(counts) == set(range(8))
    assert all(abs(count - 1000) < 148 for count in counts.values())


def test_one_shard_holds_everything() -> None:
    assert {shard_of("shop", f"service-{n}", 1) for n in range(50)} == {0}


@given(st.integers(1, 64), st.dictionaries(st.text("abcdef", min_size=1), st.integers(0, 64), min_size=1, max_size=9))
def test_shares_add_up_and_none_is_above_the_ceiling(shards: int, held: dict[str, int]) -> None:
    shares = {name: fair_share(shards, held, name) for name in held}
    assert sum(shares.values()) == shards
    assert max(shares.values()) <= math.ceil(shards / len(held))
    assert max(shares.values()) - min(shares.values()) <= 1


def test_the_remainder_stays_with_those_who_hold_it() -> None:
    assert fair_share(5, {"a": 2, "b": 3}, "b") == 3
    assert fair_share(5, {"a": 2, "b": 3}, "a") == 2
    assert fair_share(4, {"a": 0, "b": 2, "c": 2}, "a") == 1
    assert fair_share(4, {"a": 0, "b": 2, "c": 2}, "b") == 2
    assert fair_share(4, {"a": 0, "b": 2, "c": 2}, "c") == 1
