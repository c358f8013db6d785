"""The same with threads, on each control plane: shares, graceful and sudden ends, faults, a stopped process."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from delivery.cluster.client import Cluster, Object
from delivery.cluster.lease import LEASE
from delivery.errors import InvalidSpec, Unavailable
from delivery.lab.control_plane import ControlPlane
from delivery.reconcile.leadership import (
    Leadership,
    SoleLeadership,
    Timing,
    clock_through_sleep,
    new_identity,
    prompt,
)
from tests.cluster.scripted_server import Say, scripted_server
from tests.conditions import eventually
from tests.conftest import fresh_namespace
from tests.reconcile.flaky import FlakyCluster
from tests.reconcile.standing import TIMING

PATIENT = Timing(lease_s=30, renew_deadline_s=20, retry_s=0.1)


class Held:
    """Who leads what, as all replicas of a test say it; two leaders of a shard at once are noted in `clashes`."""

    def __init__(self) -> None:
        self.replicas: dict[str, Leadership] = {}
        self.lost: list[tuple[str, int]] = []
        self.clashes: list[str] = []

    def gained(self, identity: str, shard: int) -> None:
        for other, leadership in tuple(self.replicas.items()):
            if other != identity and shard in leadership.held():
                self.clashes.append(f"shard {shard}: {identity} and {other}")

    def sizes(self) -> list[int]:
        return sorted(len(leadership.held()) for leadership in self.replicas.values())


Replicas = Callable[..., Leadership]


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def replica(held: Held) -> Iterator[Replicas]:
    """Starts replicas; those that still stand in the end are stopped."""

    def start(cluster: Cluster, namespace: str, identity: str, *, shards: int, timing: Timing = TIMING) -> Leadership:
        made = Leadership(
            cluster,
            identity=identity,
            namespace=namespace,
            shards=shards,
            timing=timing,
            on_gained=lambda shard: held.gained(identity, shard),
            on_lost=lambda shard: held.lost.append((identity, shard)),
        )
        held.replicas[identity] = made
        made.start()
        return made

    yield start
    for leadership in held.replicas.values():
        leadership.stop()
    assert held.clashes == []


class CutOff(Cluster):
    """A client whose network can be cut: then calls fail, or hang until it is mended."""

    def __init__(self, api: Any) -> None:
        super().__init__(api)
        self.refused = False
        self.open = threading.Event()
        self.open.set()

    @classmethod
    def like(cls, cluster: Cluster) -> CutOff:
        return cls(cluster._api)

    def _call(self, *args: Any, **kwargs: Any) -> Object:
        self.open.wait()
        if self.refused:
            raise Unavailable("no network (a test's doing)")
        return super()._call(*args, **kwargs)


def _holders(cluster: Cluster, namespace: str) -> list[str]:
    leases = cluster.list(LEASE, namespace).items
    named = [lease for lease in leases if lease["metadata"]["name"].startswith("headgate-shard-")]
    return [lease["spec"].get("holderIdentity") or "" for lease in named]


def test_replicas_share_and_take_over(cluster: Cluster, namespace: str, held: Held, replica: Replicas) -> None:
    lines = {name: CutOff.like(cluster) for name in "abc"}
    for name, line in lines.items():
        replica(line, namespace, name, shards=5)
    eventually(lambda: held.sizes() == [1, 2, 2])
    dying = held.replicas["b"].held()
    lines["b"].refused = True
    eventually(lambda: held.sizes() == [0, 2, 3])
    assert {("b", shard) for shard in dying} <= set(held.lost)
    eventually(lambda: len(cluster.list(LEASE, namespace).items) == 5 + 2)
    lines["b"].refused = False
    eventually(lambda: held.sizes() == [1, 2, 2])


def test_a_successor_takes_over_at_once(cluster: Cluster, namespace: str, held: Held, replica: Replicas) -> None:
    """With a Lease of half a minute: whoever waited for it would fail by the bound."""
    first = replica(cluster, namespace, "first", shards=3, timing=PATIENT)
    eventually(lambda: len(first.held()) == 3)
    term = first.term("shop", "cart")
    second = replica(cluster, namespace, "second", shards=3, timing=PATIENT)
    eventually(lambda: len(second.held()) == 1)
    first.stop()
    assert first.held() == ()
    assert term is not None
    assert not term.valid()
    assert "first" not in _holders(cluster, namespace)
    assert sorted(shard for name, shard in held.lost if name == "first") == [0, 1, 2]
    eventually(lambda: second.held() == (0, 1, 2), timeout_s=10)
    names = [lease["metadata"]["name"] for lease in cluster.list(LEASE, namespace).items]
    assert "headgate-member-first" not in names


def test_faults_delay_and_do_not_break(
    control_plane: ControlPlane, cluster: Cluster, namespace: str, held: Held, replica: Replicas
) -> None:
    lines = [FlakyCluster.with_failures(control_plane.kubeconfig, rate=0.3, seed=seed) for seed in range(3)]
    for number, line in enumerate(lines):
        replica(line, namespace, f"pod-{number}", shards=4)
    eventually(lambda: all(line.failed >= 8 for line in lines))
    for line in lines:
        line.rate = 0.0
    eventually(lambda: held.sizes() == [1, 1, 2])


def test_a_hanging_call_does_not_keep_a_term_alive(
    cluster: Cluster, namespace: str, held: Held, replica: Replicas
) -> None:
    line = CutOff.like(cluster)
    leadership = replica(line, namespace, "hung", shards=2)
    eventually(lambda: len(leadership.held()) == 2)
    line.open.clear()
    try:
        eventually(lambda: set(held.lost) == {("hung", 0), ("hung", 1)})
        assert leadership.held() == ()
    finally:
        line.open.set()
    eventually(lambda: len(leadership.held()) == 2)


def test_a_server_that_answers_nonsense_does_not_end_the_candidate(held: Held, replica: Replicas) -> None:
    with scripted_server() as server:
        server.say(Say(body=[]), Say(body="{"), Say(429), Say(500), Say(403), Say(404), Say(body={"versions": 1}))
        leadership = replica(prompt(server.cluster(), TIMING), "ns", "a", shards=1)
        eventually(lambda: len(server.heard) >= 12)
        assert leadership.held() == ()
        leadership.stop()


def test_a_stopped_and_resumed_process_never_writes_beside_its_successor(
    any_plane: ControlPlane, held: Held, replica: Replicas, tmp_path: Path
) -> None:
    cluster = Cluster.connect(any_plane.kubeconfig)
    namespace = fresh_namespace(cluster)
    said = tmp_path / "said"
    command = [sys.executable, "-m", "tests.reconcile.standing", str(any_plane.kubeconfig), namespace, "stopped"]
    with said.open("w") as out, subprocess.Popen(command, stdout=out) as process:
        try:
            eventually(lambda: any(epoch != "-" for _at, epoch in _looks(said)))
            successor = replica(cluster, namespace, "successor", shards=1)
            process.send_signal(signal.SIGSTOP)
            term = eventually(lambda: successor.term("shop", "cart"))
            assert term is not None
            gained = clock_through_sleep()
            process.send_signal(signal.SIGCONT)
            eventually(lambda: sum(at > gained for at, _epoch in _looks(said)) > 50)
        finally:
            process.kill()
    looks = _looks(said)
    before = [epoch for at, epoch in looks if at < gained and epoch != "-"]
    after = [epoch for at, epoch in looks if at > gained]
    assert before
    assert all(int(epoch) < term.epoch for epoch in before)
    assert len(after) > 50
    assert all(epoch == "-" or int(epoch) > term.epoch for epoch in after)


def _looks(said: Path) -> list[tuple[float, str]]:
    """What the process said (its log goes the same way): when it looked, and the epoch of its valid term or `-`."""
    found = re.findall(r"^(\d+\.\d+) (\d+|-)\n", said.read_text(), re.MULTILINE)
    return [(float(at), epoch) for at, epoch in found]


def test_idle_candidates_ask_no_more_than_they_must(
    cluster: Cluster, namespace: str, held: Held, replica: Replicas
) -> None:
    calls: list[str] = []

    class Counting(CutOff):
        def _call(self, method: str, *args: Any, **kwargs: Any) -> Object:
            calls.append(method)
            return super()._call(method, *args, **kwargs)

    leadership = replica(Counting.like(cluster), namespace, "a", shards=3, timing=PATIENT)
    eventually(lambda: len(leadership.held()) == 3)
    eventually(lambda: len(calls) >= 40)
    # The first round discovers, lists twice and creates; each one after it lists once and renews 3 shards and itself.
    steady = calls[-25:]
    assert {method: steady.count(method) for method in set(steady)} == {"GET": 5, "PUT": 20}


def test_without_an_election_the_one_process_leads_from_start_to_stop() -> None:
    told: list[str] = []
    sole = SoleLeadership(
        on_gained=lambda shard: told.append(f"gained {shard}"), on_lost=lambda shard: told.append(f"lost {shard}")
    )
    assert sole.term("shop", "cart") is None
    sole.start()
    term = sole.term("shop", "cart")
    assert term is not None
    assert (term.shard, term.epoch, term.valid()) == (0, 0, True)
    term.require()
    sole.stop()
    sole.stop()
    assert sole.term("shop", "cart") is None
    assert told == ["gained 0", "lost 0"]


def test_identities_are_new_for_each_process_and_fit_a_name() -> None:
    assert new_identity("headgate-7d9f-x2") != new_identity("headgate-7d9f-x2")
    assert new_identity("headgate-7d9f-x2").startswith("headgate-7d9f-x2-")
    for host in ("Herr_Müllers.Laptop", "-", "x" * 300, ""):
        _unstarted(identity=new_identity(host))


@pytest.mark.parametrize(("wrong", "message"), [({"identity": "A b"}, "identity"), ({"shards": 0}, "shards is 0")])
def test_what_cannot_be_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSpec, match=message):
        _unstarted(**wrong)


def _unstarted(*, identity: str = "a", shards: int = 1) -> Leadership:
    with scripted_server() as server:
        return Leadership(
            server.cluster(),
            identity=identity,
            namespace="ns",
            shards=shards,
            timing=TIMING,
            on_gained=lambda _shard: None,
            on_lost=lambda _shard: None,
        )
