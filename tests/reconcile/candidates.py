"""Candidates for leadership in driven time: each with clocks of its own, and a line to the store that may fail it.

Nothing runs by itself. A candidate's round is one call; at each of its API calls the others may be given their turn
and time may pass, which is what a pause of its process at that point is to everybody else.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from delivery.cluster.client import Cluster, Listing
from delivery.cluster.kinds import Kind
from delivery.cluster.lease import LEASE, Leases
from delivery.errors import Conflict, HeadgateError, Retry, Unavailable
from delivery.reconcile.leadership_election import SHARD_PREFIX, Election
from delivery.reconcile.leadership_terms import Terms, Timing
from tests.reconcile.memory_cluster import MemoryCluster, Object

Answer = TypeVar("Answer")
NAMESPACE = "headgate"
TIMING = Timing()


class Store(MemoryCluster):
    """With delete's preconditions, an update that changes nothing, and the history of each Lease's holders."""

    def __init__(self) -> None:
        super().__init__()
        self.reigns: dict[str, list[tuple[str, int]]] = {}

    def put(self, kind: Kind, obj: Mapping[str, Any]) -> Object:
        before = self.objects.get((str(kind), obj["metadata"].get("namespace"), obj["metadata"]["name"]))
        if before == obj:
            return dict(obj)
        stored = super().put(kind, obj)
        reign = (stored["spec"]["holderIdentity"], stored["spec"]["leaseTransitions"])
        reigns = self.reigns.setdefault(stored["metadata"]["name"], [])
        if reign[0] and (not reigns or reigns[-1] != reign):
            reigns.append(reign)
        return stored

    def delete(self, kind: Kind, name: str, namespace: str | None = None, **preconditions: Any) -> None:
        version = self.get(kind, name, namespace)["metadata"]["resourceVersion"]
        if preconditions.get("resource_version") not in (None, version):
            raise Conflict(f"{kind} {name}: version {version}")
        super().delete(kind, name, namespace)

    def forget(self, name: str) -> None:
        """What `kubectl delete lease NAME` does."""
        if self.objects.pop((str(LEASE), NAMESPACE, name), None) is not None:
            self.reigns.pop(name, None)

    def spec(self, name: str) -> Object:
        return dict(self.objects[str(LEASE), NAMESPACE, name]["spec"])

    def names(self, prefix: str) -> list[str]:
        return sorted(name for _kind, _namespace, name in self.objects if name.startswith(prefix))


class Line:
    """One candidate's client: every call passes `around` on its way, which may fail it before or after its effect."""

    def __init__(self, store: Store, around: Callable[[Callable[[], Any]], Any]) -> None:
        self._store = store
        self._around = around
        self.calls: Counter[str] = Counter()
        self.no_lists = False

    def list(self, kind: Kind, namespace: str | None = None, *, labels: Mapping[str, str] | None = None) -> Listing:
        if self.no_lists:
            raise Unavailable("no lists today (a test's doing)")
        return self._pass("list", lambda: self._store.list(kind, namespace, labels=labels))

    def create(self, kind: Kind, obj: Mapping[str, Any]) -> Object:
        return self._pass("create", lambda: self._store.create(kind, obj))

    def replace(self, kind: Kind, obj: Mapping[str, Any]) -> Object:
        return self._pass("replace", lambda: self._store.replace(kind, obj))

    def delete(self, kind: Kind, name: str, namespace: str | None = None, **preconditions: Any) -> None:
        self._pass("delete", lambda: self._store.delete(kind, name, namespace, **preconditions))

    def _pass(self, verb: str, call: Callable[[], Answer]) -> Answer:
        self.calls[verb] += 1
        return cast("Answer", self._around(call))


@dataclass
class Candidate:
    """One process: its monotonic clock starts anywhere and runs a little fast or slow; its wall clock is set wrong."""

    identity: str
    election: Election
    line: Line
    shards: int
    due: float = 0.0
    at_work: bool = False
    told: list[tuple[str, int]] = field(default_factory=list)

    def holds(self) -> set[int]:
        """The shards it may write for, right now."""
        return {shard for shard in range(self.shards) if self.election.terms.term(shard) is not None}


class World:
    """A store and its candidates. `now` is true time in seconds, `latency_s` what each way of a call takes.

    Of calls the share `fault_rate` fails, before or after its effect; at each end of a call a process stands still with
    the probability `pause_rate`.
    """

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.now = 1000.0
        self.store = Store()
        self.candidates: list[Candidate] = []
        self.fault_rate = 0.0
        self.pause_rate = 0.0
        self.latency_s = 0.0
        self.gained: list[tuple[int, int, str]] = []

    def join(self, identity: str, *, shards: int, wall_h: float = 0.0, rate: float = 1.0) -> Candidate:
        """One more candidate, whose wall clock is `wall_h` hours off and whose monotonic one runs at `rate`."""
        begun = self.random.uniform(0, 1e6)
        made: list[Candidate] = []

        def monotonic() -> float:
            return begun + rate * self.now

        def gained(shard: int) -> None:
            made[0].told.append(("gained", shard))
            self.gained.append((shard, made[0].election.terms.epoch(shard) or 0, identity))

        terms = Terms(identity, monotonic, gained, lambda shard: made[0].told.append(("lost", shard)))
        line = Line(self.store, lambda call: self._around(made[0], call))
        wall = 1.7e9 + wall_h * 3600
        leases = Leases(
            cast("Cluster", line),
            NAMESPACE,
            identity=identity,
            duration_s=TIMING.lease_s,
            wall=lambda: wall + self.now,
        )
        election = Election(
            leases,
            terms,
            shards=shards,
            timing=TIMING,
            monotonic=monotonic,
            randomness=random.Random(self.random.random()),
        )
        made.append(Candidate(identity, election, line, shards))
        self.candidates.append(made[0])
        return made[0]

    def leave(self, candidate: Candidate) -> None:
        """The process ends, by SIGKILL or after it resigned."""
        self.candidates.remove(candidate)

    def round(self, candidate: Candidate) -> float:
        """One round of it, now; seconds until it wants the next."""
        candidate.at_work = True
        try:
            wait_s = candidate.election.round()
        finally:
            candidate.at_work = False
        candidate.due = self.now + wait_s
        self.check()
        return wait_s

    def run(self, seconds: float) -> None:
        """All candidates' rounds, each when it is due."""
        until = self.now + seconds
        while self.candidates:
            following = min(self.candidates, key=lambda candidate: candidate.due)
            if following.due > until:
                break
            self.now = max(self.now, following.due)
            self.round(following)
        self.now = max(self.now, until)

    def check(self) -> None:
        """No two may write for the same key; those who split the keys otherwise may not write beside each other."""
        leading = [(candidate, candidate.holds()) for candidate in self.candidates]
        writers = Counter(shard for _candidate, held in leading for shard in held)
        assert all(count == 1 for count in writers.values()), f"two leaders at {self.now}: {leading}"
        assert len({candidate.shards for candidate, held in leading if held}) <= 1, f"two ways to split: {leading}"
        for name, reigns in self.store.reigns.items():
            epochs = [epoch for _holder, epoch in reigns]
            assert epochs == sorted(set(epochs)), f"{name}: epochs do not rise: {reigns}"
            assert name.startswith(SHARD_PREFIX) or len({holder for holder, _epoch in reigns}) == 1

    def held(self) -> dict[str, set[int]]:
        """Who leads what."""
        return {candidate.identity: candidate.holds() for candidate in self.candidates}

    def _around(self, candidate: Candidate, call: Callable[[], Any]) -> Any:
        self.now += self.latency_s
        self._perhaps_pause()
        drawn = self.random.random() / self.fault_rate if self.fault_rate else 1.0
        if drawn < 0.5:
            raise self._fault()
        answer = call()
        self.check()
        self.now += self.latency_s
        self._perhaps_pause()
        if drawn < 1:
            raise Unavailable("the answer was lost (a test's doing)")
        return answer

    def _fault(self) -> HeadgateError:
        after = self.random.choice([0.0, 1.0, 30.0])
        return self.random.choice(
            [Conflict("409"), Retry("429", after=after), Unavailable("500"), Unavailable("refused")]
        )

    def _perhaps_pause(self) -> None:
        """The candidate at work stands still: time passes, the others go on."""
        asleep = sum(candidate.at_work for candidate in self.candidates)
        if asleep == 0 or self.random.random() >= self.pause_rate / asleep**2:
            return
        for _turn in range(self.random.randint(1, 4)):
            self.now += self.random.choice([0.1, 1.0, 3.0, 8.0])
            self.check()
            idle = [candidate for candidate in self.candidates if not candidate.at_work]
            if idle:
                self.round(self.random.choice(idle))
