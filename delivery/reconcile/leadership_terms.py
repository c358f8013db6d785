"""Terms of office: how long this process may write for each shard, by its own monotonic clock alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from delivery.errors import InvalidSpec
from delivery.reconcile.term import Deposed

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. A holder trusts itself for `renew_deadline_s` after a renewal it sent; others wait for `lease_s`.

    What lies between the two is the room for a write on its way and for clocks that do not run at the same speed.
    A retry period is `retry_s` give or take the share `jitter` of it. Raises InvalidSpec when they are not in order.
    """

    lease_s: float = 15.0
    renew_deadline_s: float = 10.0
    retry_s: float = 2.0
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if not 0 < self.retry_s * (1 + self.jitter) < self.renew_deadline_s < self.lease_s:
            raise InvalidSpec(
                f"leader election: retry_s ({self.retry_s}, with jitter {self.jitter}) must be below renew_deadline_s "
                f"({self.renew_deadline_s}), and that below lease_s ({self.lease_s})"
            )
        if not 0 <= self.jitter < 1:
            raise InvalidSpec(f"leader election: jitter ({self.jitter}) must be at least 0 and below 1")

    @property
    def request_s(self) -> float:
        """The longest to wait for an answer, so that a renewal can be tried again within the deadline."""
        return (self.renew_deadline_s - self.retry_s) / 2


@dataclass(frozen=True, slots=True)
class Term:
    """This process's time as leader of one shard. Once it is over it stays over: a later one has a higher epoch."""

    shard: int
    epoch: int
    identity: str = ""
    _valid: Callable[[], bool] = field(repr=False, compare=False, default=lambda: False)

    @property
    def fence(self) -> str:
        """What this term's writes are known by; no two terms have the same, not even after a Lease was deleted."""
        return f"{self.shard}.{self.epoch}.{self.identity}"

    def valid(self) -> bool:
        """Whether this process may still write: one look at the clock, for right before each write."""
        return self._valid()

    def require(self) -> None:
        """Raises Deposed where the term is over."""
        if not self._valid():
            raise Deposed(f"shard {self.shard}: the term of {self.identity} (epoch {self.epoch}) is over")


@dataclass(frozen=True, slots=True)
class SoleTerm:
    """The term of a process that is alone by agreement."""

    shard: int = 0
    epoch: int = 0
    fence: str = "sole"

    def valid(self) -> bool:
        """Always."""
        return True

    def require(self) -> None:
        """Never raises."""


def clock_through_sleep() -> float:
    """Monotonic seconds that go on while this process is stopped and, where the system can say, while it sleeps."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)


class _Tenure:
    """The moving end of one term."""

    __slots__ = ("_monotonic", "_until", "term")

    def __init__(self, shard: int, epoch: int, identity: str, until: float, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._until = until
        self.term = Term(shard, epoch, identity, self.valid)

    @property
    def until(self) -> float:
        return self._until

    def valid(self) -> bool:
        return self._monotonic() < self._until

    def extend(self, until: float) -> None:
        self._until = max(self._until, until)

    def end(self) -> None:
        self._until = float("-inf")


class Terms:
    """The terms this process holds, by shard. `on_gained` and `on_lost` are called one at a time, in pairs per shard.

    They must return soon: renewals wait for them. What they raise is logged, and changes nothing.
    """

    def __init__(
        self,
        identity: str,
        monotonic: Callable[[], float],
        on_gained: Callable[[int], None],
        on_lost: Callable[[int], None],
    ) -> None:
        self._identity = identity
        self._monotonic = monotonic
        self._on_gained = on_gained
        self._on_lost = on_lost
        self._held: dict[int, _Tenure] = {}
        self._closed = False
        self._changes = threading.RLock()

    def held(self) -> dict[int, float]:
        """The end of each term that has not been ended, by shard: a monotonic instant."""
        return {shard: tenure.until for shard, tenure in tuple(self._held.items())}

    def term(self, shard: int) -> Term | None:
        """The valid term of a shard. Takes no lock."""
        tenure = self._held.get(shard)
        return tenure.term if tenure is not None and tenure.valid() else None

    def epoch(self, shard: int) -> int | None:
        """The epoch of a term that has not been ended, valid or not."""
        tenure = self._held.get(shard)
        return None if tenure is None else tenure.term.epoch

    def start(self, shard: int, epoch: int, until: float) -> None:
        """Begins a term, unless it would be over already."""
        with self._changes:
            if self._closed or self._monotonic() >= until:
                return
            self._held[shard] = _Tenure(shard, epoch, self._identity, until, self._monotonic)
            log.info("shard gained", shard=shard, epoch=epoch, identity=self._identity)
            _call(self._on_gained, shard)

    def extend(self, shard: int, until: float) -> None:
        """Moves the end of a term. One that was over before the answer came is over: it ends instead."""
        with self._changes:
            tenure = self._held.get(shard)
            if tenure is not None and tenure.valid():
                tenure.extend(until)
            else:
                self.end(shard, "the renewal came too late")

    def end(self, shard: int, why: str, *, wanted: bool = False) -> None:
        """Ends a term now, where there is one: no write may begin after this returned."""
        with self._changes:
            tenure = self._held.get(shard)
            if tenure is None:
                return
            tenure.end()
            del self._held[shard]
            tell = log.info if wanted else log.warning
            tell("shard lost", shard=shard, epoch=tenure.term.epoch, identity=self._identity, why=why)
            _call(self._on_lost, shard)

    def close(self) -> None:
        """Ends all terms, and begins no more."""
        with self._changes:
            self._closed = True
            for shard in self.held():
                self.end(shard, "stopping", wanted=True)

    def lapse(self) -> None:
        """Ends each term whose time is over."""
        for shard, until in self.held().items():
            with self._changes:
                tenure = self._held.get(shard)
                if self._monotonic() >= until and tenure is not None and not tenure.valid():
                    self.end(shard, "not renewed within the deadline")


def _call(told: Callable[[int], None], shard: int) -> None:
    try:
        told(shard)
    except Exception:
        log.exception("a listener of the leader election failed", shard=shard)
