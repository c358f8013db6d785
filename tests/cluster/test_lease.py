"""A Lease is written under preconditions, and its expiry judged by the observer's own clock alone."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from delivery.cluster.client import Cluster
from delivery.cluster.lease import LEASE, Lease, Leases, Sightings, read_lease
from delivery.cluster.patience import Patience
from delivery.errors import AlreadyExists, Conflict, NotFound, Retry, Unavailable
from tests.cluster.scripted_server import Say, ScriptedServer, scripted_server

LABELS = {"headgate.dev/election": "controller"}
NOON = 1_767_268_800.0

Candidates = Callable[..., Leases]


@pytest.fixture
def candidate(cluster: Cluster, namespace: str) -> Candidates:
    """Leases in the name of somebody, whose wall clock stands at noon unless told otherwise."""

    def make(identity: str, *, duration_s: float = 15, wall: float = NOON) -> Leases:
        return Leases(cluster, namespace, identity=identity, duration_s=duration_s, wall=lambda: wall)

    return make


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


def _seen(version: str, duration_s: float = 15) -> Lease:
    spec = {"holderIdentity": "a", "leaseDurationSeconds": duration_s, "leaseTransitions": 1}
    return read_lease({"metadata": {"name": "one", "resourceVersion": version}, "spec": spec})


def test_a_new_lease_is_held_from_the_start(candidate: Candidates, cluster: Cluster, namespace: str) -> None:
    made = candidate("a", duration_s=14.2).create("one", LABELS)
    spec = cluster.get(LEASE, "one", namespace)["spec"]
    assert spec["holderIdentity"] == "a"
    assert spec["leaseDurationSeconds"] == 15
    assert spec["leaseTransitions"] == 1
    assert spec["acquireTime"] == spec["renewTime"] == "2026-01-01T12:00:00.000000Z"
    assert (made.holder, made.epoch, made.duration_s) == ("a", 1, 15)
    assert [lease.name for lease in candidate("b").list(LABELS)] == ["one"]
    assert candidate("b").list({"headgate.dev/election": "other"}) == []


def test_only_one_of_two_creates_it(candidate: Candidates) -> None:
    candidate("a").create("one", LABELS)
    with pytest.raises(AlreadyExists):
        candidate("b").create("one", LABELS)


def test_a_vacant_one_is_in_epoch_0_until_it_is_taken(candidate: Candidates) -> None:
    a = candidate("a")
    vacant = a.create_vacant("one", LABELS)
    assert (vacant.holder, vacant.epoch) == ("", 0)
    with pytest.raises(AlreadyExists):
        a.create_vacant("one", LABELS)
    taken = a.take(vacant, LABELS)
    assert (taken.holder, taken.epoch) == ("a", 1)


def test_the_epoch_rises_with_each_holder_and_not_with_a_renewal(candidate: Candidates) -> None:
    a, b = candidate("a"), candidate("b")
    first = a.create("one", LABELS)
    renewed = a.renew(first)
    taken = b.take(renewed, LABELS)
    again = a.take(b.release(taken), LABELS)
    assert [lease.epoch for lease in (first, renewed, taken, again)] == [1, 1, 2, 3]
    assert [lease.holder for lease in (first, renewed, taken, again)] == ["a", "a", "b", "a"]


def test_whoever_read_before_another_wrote_writes_nothing(candidate: Candidates) -> None:
    a, b, c = candidate("a"), candidate("b"), candidate("c")
    read = a.create("one", LABELS)
    b.take(read, LABELS)
    for late in (a.renew, a.release, a.remove, lambda lease: c.take(lease, LABELS)):
        with pytest.raises(Conflict):
            late(read)
    assert [lease.holder for lease in c.list(LABELS)] == ["b"]


def test_a_renewal_by_a_wall_clock_that_stands_still_is_seen(candidate: Candidates) -> None:
    a = candidate("a")
    leases = [a.create("one", LABELS)]
    for _ in range(4):
        leases.append(a.renew(leases[-1]))
    assert len({lease.resource_version for lease in leases}) == 5


def test_a_lease_given_back_keeps_its_epoch(candidate: Candidates) -> None:
    a = candidate("a")
    released = a.release(a.take(a.create("one", LABELS), LABELS))
    assert (released.holder, released.epoch) == ("", 2)


def test_removal_is_of_what_was_read(candidate: Candidates) -> None:
    a = candidate("a")
    lease = a.create("one", LABELS)
    a.remove(lease)
    assert a.list(LABELS) == []
    with pytest.raises(NotFound):
        a.remove(lease)


def test_what_others_wrote_into_it_stays(candidate: Candidates, cluster: Cluster, namespace: str) -> None:
    a = candidate("a")
    a.create("one", LABELS)
    cluster.patch(LEASE, "one", namespace, {"metadata": {"annotations": {"team": "x"}, "labels": {"mine": "y"}}})
    [lease] = a.list(LABELS)
    candidate("b").take(a.renew(lease), {"headgate.dev/shards": "2"})
    meta = cluster.get(LEASE, "one", namespace)["metadata"]
    assert meta["annotations"] == {"team": "x"}
    assert meta["labels"] == {**LABELS, "mine": "y", "headgate.dev/shards": "2"}


def test_a_lease_that_nobody_filled_in_reads_as_free() -> None:
    lease = read_lease({"metadata": {"name": "one"}})
    assert (lease.holder, lease.epoch, lease.duration_s, dict(lease.labels)) == ("", 0, 0, {})


def test_a_lease_expires_when_it_did_not_change_for_its_duration() -> None:
    sightings = Sightings(15)
    sightings.note([_seen("1")], 100)
    sightings.note([_seen("1")], 114)
    assert not sightings.expired(_seen("1"), 114.9)
    assert sightings.expired(_seen("1"), 115)


def test_any_change_begins_the_count_anew() -> None:
    sightings = Sightings(15)
    sightings.note([_seen("1")], 100)
    sightings.note([_seen("2")], 114)
    assert not sightings.expired(_seen("2"), 128.9)
    assert sightings.expired(_seen("2"), 129)


def test_the_longer_of_both_durations_counts() -> None:
    sightings = Sightings(15)
    sightings.note([_seen("1", duration_s=60)], 100)
    assert not sightings.expired(_seen("1", duration_s=60), 159)
    assert sightings.expired(_seen("1", duration_s=60), 160)
    sightings.note([_seen("2", duration_s=1)], 200)
    assert not sightings.expired(_seen("2", duration_s=1), 214)


def test_what_was_not_seen_or_went_away_has_not_expired() -> None:
    sightings = Sightings(15)
    assert not sightings.expired(_seen("1"), 1000)
    sightings.note([_seen("1")], 100)
    sightings.note([], 110)
    sightings.note([_seen("1")], 120)
    assert not sightings.expired(_seen("1"), 134)


def prompt(server: ScriptedServer, seconds: float) -> Cluster:
    return server.cluster().with_patience(Patience(attempts=1, longest_s=seconds))


def test_a_prompt_client_asks_once(server: ScriptedServer) -> None:
    leases = Leases(prompt(server, 1.0), "ns", identity="a", duration_s=15, wall=lambda: NOON)
    discovery = {"versions": [{"version": "v1", "groupVersion": "coordination.k8s.io/v1"}]}
    server.say(Say(body=discovery), Say(500), Say(429, headers=(("Retry-After", "7"),)), Say(body="{", promised=9))
    with pytest.raises(Unavailable):
        leases.list(LABELS)
    with pytest.raises(Retry) as told:
        leases.list(LABELS)
    assert told.value.after == 7
    with pytest.raises(Unavailable):
        leases.list(LABELS)
    assert len(server.heard) == 4


def test_a_prompt_client_does_not_wait_for_a_server_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = ScriptedServer(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(Unavailable, match="timed out"):
            prompt(host, 0.2).ping()
