"""One candidate's rounds: look at all Leases once, renew what is held, give up what is too much, take what is free."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import structlog

from delivery.cluster.lease import Lease, Leases, Sightings
from delivery.cluster.patience import LONGEST_WAIT_S
from delivery.errors import Conflict, HeadgateError, NotFound, Retry
from delivery.reconcile.leadership_terms import Terms, Timing
from delivery.reconcile.shards import fair_share

ELECTION = {"headgate.dev/election": "controller"}
SHARDS_LABEL = "headgate.dev/shards"
SHARD_PREFIX, MEMBER_PREFIX = "headgate-shard-", "headgate-member-"

log = structlog.get_logger()
Answer = TypeVar("Answer")
Asked = ParamSpec("Asked")


@dataclass(frozen=True, slots=True)
class View:
    """All Leases at one look, by shard and by member.

    `foreign` is a living holder that splits the keys otherwise; `untouched` a first look that found nobody's trace.
    """

    shards: dict[int, Lease]
    members: dict[str, Lease]
    foreign: str
    untouched: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """A Lease just taken; a term only when another look has shown nobody who splits the keys otherwise."""

    epoch: int
    until: float


class Election:
    """Rounds of one candidate. Not thread-safe: one thread calls `round` and `resign`; `terms` may be read by all."""

    def __init__(
        self,
        leases: Leases,
        terms: Terms,
        *,
        shards: int,
        timing: Timing,
        monotonic: Callable[[], float],
        randomness: random.Random,
    ) -> None:
        self.terms = terms
        self._leases = leases
        self._me = leases.identity
        self._shards = shards
        self._timing = timing
        self._monotonic = monotonic
        self._random = randomness
        self._labels = {**ELECTION, SHARDS_LABEL: str(shards)}
        self._sightings = Sightings(timing.lease_s)
        self._own: dict[int, Lease] = {}
        self._member: Lease | None = None
        self._looked = False
        self._told_to_wait_s = 0.0

    def round(self) -> float:
        """One retry period's work; seconds until the next round is due. API faults only delay."""
        self._told_to_wait_s = 0.0
        self.terms.lapse()
        view = self._look()
        if view is not None:
            self._compare(view)
        self._renew()
        self._attend(view)
        if view is not None:
            self._rebalance(view)
            self._sweep(view)
        usual = self._timing.retry_s * self._random.uniform(1 - self._timing.jitter, 1 + self._timing.jitter)
        return max(usual, min(self._told_to_wait_s, LONGEST_WAIT_S))

    def resign(self) -> bool:
        """Ends all terms and gives all Leases back, so that successors need not wait. False: not all, try again."""
        self.terms.close()
        view = self._look()
        if view is None:
            return False
        ours = [lease for lease in view.shards.values() if lease.holder == self._me]
        member = view.members.get(MEMBER_PREFIX + self._me)
        given_back = [self._release(lease) for lease in ours]
        return all(given_back) and (member is None or self._try(self._leases.remove, member) is not None)

    # -- looking --

    def _look(self) -> View | None:
        listed = self._try(self._leases.list, ELECTION)
        if listed is None:
            return None
        now = self._monotonic()
        self._sightings.note(listed, now)
        view = self._sorted(listed, now)
        self._looked = True
        return view

    def _sorted(self, listed: list[Lease], now: float) -> View:
        shards: dict[int, Lease] = {}
        members: dict[str, Lease] = {}
        foreign = ""
        for lease in listed:
            index = lease.name.removeprefix(SHARD_PREFIX)
            if lease.name.startswith(MEMBER_PREFIX):
                members[lease.name] = lease
            elif index.isdecimal():
                shards[int(index)] = lease
                if lease.holder and not self._alike(lease) and not self._sightings.expired(lease, now):
                    foreign = lease.holder
        others = any(lease.holder != self._me for lease in members.values())
        return View(shards, members, foreign, untouched=not self._looked and not shards and not others)

    def _compare(self, view: View) -> None:
        """Our Leases as they are now; a term whose Lease is not ours any more ends."""
        for shard in self.terms.held():
            lease = view.shards.get(shard)
            if lease is not None and lease.holder == self._me and lease.epoch == self.terms.epoch(shard):
                self._own[shard] = lease
            else:
                self.terms.end(shard, f"the Lease is held by {lease.holder or 'nobody'}" if lease else "no such Lease")

    # -- holding --

    def _renew(self) -> None:
        for shard, _until in sorted(self.terms.held().items(), key=lambda held: held[1]):
            sent = self._monotonic()
            renewed = self._try(self._leases.renew, self._own[shard])
            if renewed is not None:
                self._own[shard] = renewed
                self.terms.extend(shard, sent + self._timing.renew_deadline_s)

    def _attend(self, view: View | None) -> None:
        """Our member Lease: by it the others know that there is one more to share with."""
        name = MEMBER_PREFIX + self._me
        if view is not None:
            self._member = view.members.get(name)
        if self._member is not None:
            self._member = self._try(self._leases.renew, self._member) or self._member
        elif view is not None:
            self._member = self._try(self._leases.create, name, self._labels)

    # -- sharing --

    def _rebalance(self, view: View) -> None:
        share = fair_share(self._shards, self._holdings(view), self._me)
        for shard in sorted(self.terms.held())[share:]:
            self.terms.end(shard, f"given up: the share is {share} of {self._shards} now")
            self._release(self._own[shard])
        claims = self._claim(view, share)
        if claims:
            self._confirm(claims)

    def _holdings(self, view: View) -> dict[str, int]:
        """Shards held by each living member that splits the keys as we do, whoever holds a shard included."""
        now = self._monotonic()
        living = [
            lease
            for lease in (*view.members.values(), *view.shards.values())
            if lease.holder and self._alike(lease) and not self._sightings.expired(lease, now)
        ]
        counts = Counter(lease.holder for lease in living if lease.name.startswith(SHARD_PREFIX))
        return {lease.holder: counts[lease.holder] for lease in living} | {self._me: len(self.terms.held())}

    def _alike(self, lease: Lease) -> bool:
        return lease.labels.get(SHARDS_LABEL) == self._labels[SHARDS_LABEL]

    def _claim(self, view: View, share: int) -> dict[int, Claim]:
        claims: dict[int, Claim] = {}
        for shard in self._order():
            lease = view.shards.get(shard)
            if self.terms.epoch(shard) is not None or not self._free(lease):
                continue
            if not view.foreign and len(self.terms.held()) + len(claims) < share:
                claim = self._take(shard, lease, view.untouched)
                claims |= {} if claim is None else {shard: claim}
            elif lease is not None and lease.holder == self._me:
                self._release(lease)
        return claims

    def _order(self) -> list[int]:
        """Each candidate begins elsewhere, so that they seldom want the same."""
        first = int.from_bytes(hashlib.sha256(self._me.encode()).digest()[:8], "big") % self._shards
        return [(first + step) % self._shards for step in range(self._shards)]

    def _free(self, lease: Lease | None) -> bool:
        """A Lease that was given back is free at once. One that nobody held yet may follow one that was deleted, whose
        holder did not look since: it is free when that holder must have stopped."""
        if lease is None or lease.holder == self._me or (not lease.holder and lease.epoch > 0):
            return True
        return self._sightings.expired(lease, self._monotonic())

    def _take(self, shard: int, lease: Lease | None, untouched: bool) -> Claim | None:
        name, sent = f"{SHARD_PREFIX}{shard}", self._monotonic()
        if lease is not None:
            taken = self._try(self._leases.take, lease, self._labels)
        elif untouched:
            taken = self._try(self._leases.create, name, self._labels)
        else:
            self._try(self._leases.create_vacant, name, self._labels)
            return None
        if taken is None:
            return None
        self._own[shard] = taken
        return Claim(taken.epoch, sent + self._timing.renew_deadline_s)

    def _confirm(self, claims: dict[int, Claim]) -> None:
        """Two candidates that split the keys otherwise can each take a Lease that the other does not want. Each looks
        after its own write, so whoever wrote later sees the other, and has no term."""
        view = self._look()
        if view is None or view.foreign:
            return
        for shard, claim in claims.items():
            lease = view.shards.get(shard)
            if lease is not None and lease.holder == self._me and lease.epoch == claim.epoch:
                self._own[shard] = lease
                self.terms.start(shard, claim.epoch, claim.until)

    def _release(self, lease: Lease) -> bool:
        return self._try(self._leases.release, lease) is not None

    def _sweep(self, view: View) -> None:
        now = self._monotonic()
        for lease in view.members.values():
            if lease.holder != self._me and self._sightings.expired(lease, now):
                self._try(self._leases.remove, lease)

    # -- faults --

    def _try(self, call: Callable[Asked, Answer], *args: Asked.args, **kwargs: Asked.kwargs) -> Answer | None:
        """The answer, or None after a fault: the next round looks again."""
        try:
            return call(*args, **kwargs)
        except (Conflict, NotFound) as problem:
            log.debug("a Lease changed meanwhile", problem=str(problem))
        except Retry as problem:
            log.warning("Lease call failed", problem=str(problem))
            self._told_to_wait_s = max(self._told_to_wait_s, problem.after or 0.0)
        except HeadgateError as problem:
            log.warning("Lease call refused", problem=str(problem))
        return None
