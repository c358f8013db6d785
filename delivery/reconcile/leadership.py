"""Who may write for which Deployment: leader election by one Lease a shard, shared evenly by the living replicas."""

from __future__ import annotations

import random
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable

import structlog

from delivery.cluster.client import Cluster
from delivery.cluster.lease import Leases
from delivery.cluster.patience import Patience
from delivery.errors import InvalidSpec
from delivery.reconcile.leadership_election import Election
from delivery.reconcile.leadership_terms import SoleTerm, Term, Terms, Timing, clock_through_sleep
from delivery.reconcile.shards import shard_of

__all__ = [
    "Leadership",
    "SoleLeadership",
    "SoleTerm",
    "Term",
    "Timing",
    "clock_through_sleep",
    "new_identity",
    "prompt",
]

log = structlog.get_logger()

_IDENTITY = re.compile(r"[a-z0-9]([-a-z0-9.]{0,198}[a-z0-9])?")


def new_identity(host: str = "") -> str:
    """A candidate's name that no other process has or had: the host's name (the pod's, in a cluster) and a random part.

    It must be new for each process: a restarted one knows nothing of what the last one had begun to write.
    """
    plain = re.sub(r"[^-a-z0-9]+", "-", (host or socket.gethostname()).lower()).strip("-")[:180].strip("-")
    return f"{plain or 'host'}-{secrets.token_hex(4)}"


class Leadership:
    """This replica's part in the election. `term` may be called from any thread.

    `on_gained` and `on_lost` get a shard, one call at a time; they must return soon. `monotonic` must go on while the
    process is stopped. `shards` must be at least 1 and `identity` fit a Lease's name, or InvalidSpec is raised.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        identity: str,
        namespace: str,
        shards: int,
        timing: Timing,
        on_gained: Callable[[int], None],
        on_lost: Callable[[int], None],
        monotonic: Callable[[], float] = clock_through_sleep,
        wall: Callable[[], float] = time.time,
    ) -> None:
        _require_usable(identity, shards)
        self._shards = shards
        self._timing = timing
        self._monotonic = monotonic
        self._terms = Terms(identity, monotonic, self._gained, on_lost)
        self._on_gained = on_gained
        self._election = Election(
            Leases(cluster, namespace, identity=identity, duration_s=timing.lease_s, wall=wall),
            self._terms,
            shards=shards,
            timing=timing,
            monotonic=monotonic,
            randomness=random.Random(identity),
        )
        self._stopping = threading.Event()
        self._new_end = threading.Event()
        self._candidate = threading.Thread(target=self._stand, name="leader-election", daemon=True)
        self._watchman = threading.Thread(target=self._watch, name="leader-deadlines", daemon=True)

    def start(self) -> None:
        """Stands for election from now on; returns at once."""
        self._candidate.start()
        self._watchman.start()

    def stop(self) -> None:
        """Ends all terms at once, then gives the Leases back; tries that no longer than the renew deadline."""
        self._terms.close()
        self._stopping.set()
        self._new_end.set()
        for thread in (self._candidate, self._watchman):
            if thread.is_alive():
                thread.join(2 * self._timing.renew_deadline_s)

    def term(self, namespace: str, name: str) -> Term | None:
        """The valid term of the shard that this Deployment belongs to; None when this process must not write."""
        return self._terms.term(self.shard(namespace, name))

    def shard(self, namespace: str, name: str) -> int:
        """The shard that this Deployment belongs to."""
        return shard_of(namespace, name, self._shards)

    def held(self) -> tuple[int, ...]:
        """The shards whose valid terms this process has."""
        return tuple(shard for shard in range(self._shards) if self._terms.term(shard) is not None)

    def _stand(self) -> None:
        wait_s = 0.0
        while not self._stopping.wait(wait_s):
            wait_s = self._round()
        give_up = self._monotonic() + self._timing.renew_deadline_s
        while not self._resigned() and self._monotonic() < give_up:
            time.sleep(self._timing.retry_s / 4)

    def _round(self) -> float:
        try:
            return self._election.round()
        except Exception:
            log.exception("a round of the leader election failed by a defect")
            return self._timing.retry_s

    def _resigned(self) -> bool:
        try:
            return self._election.resign()
        except Exception:
            log.exception("the Leases were not given back, by a defect")
            return True

    def _gained(self, shard: int) -> None:
        self._new_end.set()
        self._on_gained(shard)

    def _watch(self) -> None:
        """Ends terms at their deadlines, also while a call of the election hangs. Ends only move away, except that of
        a term that is new."""
        while not self._stopping.is_set():
            until = min(self._terms.held().values(), default=None)
            self._new_end.wait(None if until is None else max(0.001, until - self._monotonic()))
            self._new_end.clear()
            self._terms.lapse()


class SoleLeadership:
    """Without an election: this process is alone by agreement, and writes until it ends."""

    def __init__(self, *, on_gained: Callable[[int], None], on_lost: Callable[[int], None]) -> None:
        self._on_gained = on_gained
        self._on_lost = on_lost
        self._leading = False

    def start(self) -> None:
        """Leads from now on."""
        self._leading = True
        self._on_gained(0)

    def stop(self) -> None:
        """Leads no more."""
        if self._leading:
            self._leading = False
            self._on_lost(0)

    def shard(self, _namespace: str, _name: str) -> int:
        """The one shard there is."""
        return 0

    def term(self, _namespace: str, _name: str) -> SoleTerm | None:
        """The one term there is, from start to stop."""
        return SoleTerm() if self._leading else None

    def held(self) -> tuple[int, ...]:
        """The one shard, from start to stop."""
        return (0,) if self._leading else ()


def prompt(cluster: Cluster, timing: Timing) -> Cluster:
    """A client for a Leadership: what is void when late is asked once, and an answer is not waited for any longer."""
    return cluster.with_patience(Patience(attempts=1, longest_s=timing.request_s))


def _require_usable(identity: str, shards: int) -> None:
    if shards < 1:
        raise InvalidSpec(f"leader election: shards is {shards}; it must be at least 1")
    if not _IDENTITY.fullmatch(identity):
        raise InvalidSpec(
            f"leader election: identity {identity!r} cannot be part of a Lease's name; use lower case letters, digits "
            "and -, at most 200"
        )
