"""Who leads when, step by step, in driven time: deaths, stops, joins, wrong clocks, faults, and hands in the store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from delivery.cluster.lease import LEASE
from delivery.errors import InvalidSpec
from delivery.reconcile.leadership_election import ELECTION, MEMBER_PREFIX, SHARD_PREFIX
from delivery.reconcile.leadership_terms import Timing
from delivery.reconcile.term import Deposed
from tests.reconcile.candidates import NAMESPACE, TIMING, Candidate, World


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of faults on purpose are no news."""
    with capture_logs():
        yield


def test_the_first_replica_leads_at_once() -> None:
    world = World()
    first = world.join("a", shards=3)
    world.round(first)
    assert first.holds() == {0, 1, 2}
    assert first.told == [("gained", shard) for _verb, shard in first.told]
    assert world.store.names("") == ["headgate-member-a", "headgate-shard-0", "headgate-shard-1", "headgate-shard-2"]


def test_wall_clocks_hours_apart_depose_nobody() -> None:
    world = World()
    a, b = world.join("a", shards=1, wall_h=-9), world.join("b", shards=1, wall_h=9)
    world.round(a)
    world.run(3600)
    assert (a.holds(), b.holds()) == ({0}, set())
    assert world.store.spec("headgate-shard-0")["leaseTransitions"] == 1


def test_a_dead_leader_is_followed_when_its_lease_ran_out_and_not_before() -> None:
    world = World()
    a, b = world.join("a", shards=2, wall_h=5), world.join("b", shards=2)
    world.round(a)
    world.run(30)
    assert (len(a.holds()), len(b.holds())) == (1, 1)
    world.leave(a)
    world.run(TIMING.lease_s - TIMING.retry_s * 2)
    assert len(b.holds()) == 1
    world.run(TIMING.retry_s * 4)
    assert b.holds() == {0, 1}
    assert world.store.names(MEMBER_PREFIX) == ["headgate-member-b"]


def test_a_stopped_process_finds_its_term_over_before_its_next_write() -> None:
    world = World()
    a, b = world.join("a", shards=1), world.join("b", shards=1)
    world.round(a)
    term = a.election.terms.term(0)
    assert term is not None
    assert term.valid()
    term.require()
    world.leave(a)  # SIGSTOP: it has no turn any more, but time goes on for it too
    world.now += TIMING.renew_deadline_s
    assert a.holds() == set()
    assert not term.valid()
    with pytest.raises(Deposed, match="shard 0: the term of a \\(epoch 1\\) is over"):
        term.require()
    world.run(2 * TIMING.lease_s)
    assert b.holds() == {0}
    world.candidates.append(a)  # SIGCONT
    world.round(a)
    assert a.told == [("gained", 0), ("lost", 0)]
    assert a.holds() == set()
    assert world.gained == [(0, 1, "a"), (0, 2, "b")]


def test_a_term_that_was_over_stays_over_though_nobody_else_came() -> None:
    world = World()
    a = world.join("a", shards=1)
    world.round(a)
    before = a.election.terms.term(0)
    world.now += TIMING.renew_deadline_s + 1
    world.round(a)
    after = a.election.terms.term(0)
    assert before is not None
    assert after is not None
    assert not before.valid()
    assert (before.epoch, after.epoch) == (1, 2)
    assert before.fence != after.fence
    assert a.told == [("gained", 0), ("lost", 0), ("gained", 0)]


def test_a_renewal_counts_from_when_it_was_sent() -> None:
    world = World()
    a = world.join("a", shards=1)
    world.round(a)
    world.now += 2
    world.latency_s = 1.5
    sent = world.now + 3  # after a list, there and back
    world.round(a)
    assert world.now == sent + 6
    world.now = sent + TIMING.renew_deadline_s - 0.01
    assert a.holds() == {0}
    world.now = sent + TIMING.renew_deadline_s
    assert a.holds() == set()


def test_an_answer_that_comes_after_the_deadline_saves_nothing() -> None:
    world = World()
    a = world.join("a", shards=1)
    world.round(a)
    world.now += 2
    world.latency_s = 3.0
    world.round(a)
    world.latency_s = 0.0
    assert a.told == [("gained", 0), ("lost", 0)]
    world.round(a)
    assert a.holds() == {0}
    assert world.gained == [(0, 1, "a"), (0, 2, "a")]


def test_a_restarted_process_is_another_candidate() -> None:
    world = World()
    a = world.join("a", shards=1)
    world.round(a)
    world.leave(a)
    again = world.join("a-restarted", shards=1)
    world.run(TIMING.lease_s - 1)
    assert again.holds() == set()
    world.run(TIMING.retry_s * 3)
    assert again.holds() == {0}
    assert world.gained == [(0, 1, "a"), (0, 2, "a-restarted")]


def test_one_that_joins_gets_its_share_within_two_periods_each() -> None:
    world = World()
    a = world.join("a", shards=4)
    world.round(a)
    b, c = world.join("b", shards=4), world.join("c", shards=4)
    world.run(TIMING.retry_s * 6)
    assert sorted(len(candidate.holds()) for candidate in (a, b, c)) == [1, 1, 2]
    lost = [shard for verb, shard in a.told if verb == "lost"]
    assert set(lost) == set(range(4)) - a.holds()
    settled = world.held()
    world.run(600)
    assert world.held() == settled, "a shard moved without need"


def test_more_replicas_than_shards_stand_by() -> None:
    world = World()
    replicas = [world.join(name, shards=2) for name in "abcd"]
    world.run(60)
    assert sorted(len(replica.holds()) for replica in replicas) == [0, 0, 1, 1]


def test_a_successor_need_not_wait_for_one_that_resigned() -> None:
    world = World()
    a, b = world.join("a", shards=2), world.join("b", shards=2)
    world.round(a)
    world.run(20)
    assert a.election.resign()
    assert a.holds() == set()
    world.leave(a)
    world.round(b)
    assert b.holds() == {0, 1}
    assert world.store.names(MEMBER_PREFIX) == ["headgate-member-b"]


def test_one_that_resigns_amid_faults_says_what_is_left_to_do() -> None:
    world = World(3)
    a = world.join("a", shards=4)
    world.round(a)
    world.fault_rate = 0.4
    tries = 1
    while not a.election.resign():
        assert a.holds() == set()
        tries += 1
        assert tries < 50
    assert tries > 1
    assert [world.store.spec(name)["holderIdentity"] for name in world.store.names(SHARD_PREFIX)] == [""] * 4
    world.fault_rate = 0.0
    world.round(a)
    assert a.holds() == set(), "it resigned for good"


def test_at_rest_each_period_costs_one_list_and_one_write_a_lease() -> None:
    world = World()
    a, b = world.join("a", shards=5), world.join("b", shards=5)
    world.round(a)
    world.run(60)
    for candidate in (a, b):
        candidate.line.calls.clear()
        world.round(candidate)
        assert candidate.line.calls == {"list": 1, "replace": len(candidate.holds()) + 1}


def test_leases_that_cannot_be_listed_are_renewed_all_the_same() -> None:
    world = World()
    a = world.join("a", shards=2)
    world.round(a)
    a.line.no_lists = True
    world.run(300)
    assert a.holds() == {0, 1}
    assert a.told == [("gained", shard) for _verb, shard in a.told]


def test_a_server_that_is_too_busy_is_asked_no_sooner_than_it_says() -> None:
    world = World()
    a = world.join("a", shards=1)
    world.round(a)
    waits = []
    world.fault_rate = 1.0
    for _ in range(40):
        waits.append(world.round(a))
    assert max(waits) == 5.0, "half a minute, as it may say, is longer than any term"
    assert min(waits) >= TIMING.retry_s * (1 - TIMING.jitter)


def test_a_lease_deleted_by_hand_ends_the_term_and_is_not_made_anew_at_once() -> None:
    world = World()
    a, b = world.join("a", shards=1), world.join("b", shards=1)
    world.round(a)
    world.run(20)
    world.store.forget("headgate-shard-0")
    world.round(b)
    world.round(b)
    assert (a.holds(), b.holds()) == ({0}, set()), "it did not look yet"
    world.round(a)
    assert world.store.spec("headgate-shard-0")["holderIdentity"] == ""
    world.run(TIMING.lease_s - 2 * TIMING.retry_s)
    assert (a.holds(), b.holds()) == (set(), set())
    world.run(5 * TIMING.retry_s)
    assert len(a.holds()) + len(b.holds()) == 1


def test_a_lease_given_to_another_by_hand_is_lost() -> None:
    world = World()
    a = world.join("a", shards=1)
    world.round(a)
    lease = world.store.get(LEASE, "headgate-shard-0", NAMESPACE)
    world.store.put(LEASE, {**lease, "spec": {**lease["spec"], "holderIdentity": "somebody", "leaseTransitions": 2}})
    world.round(a)
    assert a.holds() == set()
    assert a.told[-1] == ("lost", 0)
    world.run(2 * TIMING.lease_s)
    assert a.holds() == {0}


def test_another_number_of_shards_waits_until_the_last_of_the_others_went() -> None:
    world = World()
    old = [world.join(name, shards=1) for name in ("old-0", "old-1")]
    new = world.join("new", shards=4)
    world.round(old[0])
    world.run(120)
    assert (old[0].holds(), new.holds()) == ({0}, set())
    assert old[0].election.resign()
    world.leave(old[0])
    _round_first(world, old[1])
    world.run(60)
    assert new.holds() == set()
    assert old[1].election.resign()
    world.leave(old[1])
    world.run(TIMING.lease_s + 3 * TIMING.retry_s)
    assert new.holds() == {0, 1, 2, 3}
    labels = world.store.get(LEASE, "headgate-shard-0", NAMESPACE)["metadata"]["labels"]
    assert labels == {**ELECTION, "headgate.dev/shards": "4"}


def test_a_listener_that_fails_changes_nothing() -> None:
    world = World()
    a = world.join("a", shards=2)
    a.told = None  # type: ignore[assignment]  # its listeners raise AttributeError
    world.round(a)
    assert a.holds() == {0, 1}
    world.now += 11
    a.election.terms.lapse()
    assert a.election.terms.held() == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"lease_s": 10.0},
        {"renew_deadline_s": 2.1},
        {"retry_s": 0.0},
        {"jitter": 1.0},
        {"jitter": -0.1},
    ],
)
def test_timing_out_of_order_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidSpec, match="leader election"):
        Timing(**wrong)


def _round_first(world: World, candidate: Candidate) -> None:
    """Before anybody else notices."""
    world.round(candidate)
    assert candidate.holds() == {0}
