"""One pass is one page: gather, decide, record, apply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from delivery.clock import Clock
from delivery.decision.actions import Announce, Decision
from delivery.decision.planner import decide
from delivery.decision.snapshot import Look, Watch
from delivery.reconcile.apply import Applier, Target
from delivery.reconcile.gather import Gathered, Gatherer
from delivery.reconcile.records import Records
from delivery.reconcile.term import Term
from delivery.reconcile.watched_release import Newest
from delivery.resources.release import Release, ReleaseStatus

MOST_TURNS = 8
"""Decisions on one reading after the first; the next pass goes on where there were more."""


class Judged(NamedTuple):
    """A Release with its newest analysis, the look at it, whether the analysis is to be recorded by itself, and when
    this process looked last."""

    release: Release | None
    look: Look | None = None
    due: bool = True
    looked_at: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a pass leaves: in how many seconds another is wanted (None: only a change can matter), and whether the
    Deployment was refused, so that a change of what it is configured with may matter."""

    again_after: float | None = None
    refused: bool = False


class Reconciler:
    """Brings one Deployment one pass further. Raises what reads and writes raise; the runner decides on retries.

    Memory may be behind the cluster. It is good enough to find that nothing is to be done, and to record what was
    learned from telemetry (the record's version is a precondition). Whatever touches anything else, or brings the
    Release a step further, is decided on what holds now: `live` gives a gatherer for the reading of one pass.
    """

    def __init__(
        self,
        memory: Gatherer,
        live: Callable[[], Gatherer],
        records: Records,
        applier: Applier,
        clock: Clock,
        known: Callable[[Release], Newest | None],
    ) -> None:
        self._memory = memory
        self._live = live
        self._records = records
        self._applier = applier
        self._clock = clock
        self._known = known
        self._responsible: dict[tuple[str, str], tuple[str, str, float]] = {}

    def reconcile(self, namespace: str, name: str, term: Term) -> Outcome:
        """One pass. Raises Deposed where `term` is over before it ended."""
        found = self._memory.gather(namespace, name)
        judged = self._judge(found.active)
        decision = self._decide(self._memory, found, judged, term)
        target = Target(found, found.active, term)
        news = any(not self._applier.said_already(action, target) for action in decision.actions)
        if news or _moves(found.active, decision):
            reading = self._live()
            glanced, found = found.active, reading.gather(namespace, name)
            judged = judged if _same(glanced, found.active) else self._judge(found.active)
            decision = self._decide(reading, found, judged, term)
            decision = self._followed(reading, found, decision, term)
            if found.active is not None:  # read before the record is written: acting reads nothing
                found = reading.recorded(found, _recording(found.active, decision))
        elif not judged.due and _learned_only(found.active, decision):
            return Outcome(decision.again_after)
        target = Target(found, self._record(found.active, decision, term), term)
        for action in decision.actions:
            self._applier.apply(action, target)
        return Outcome(decision.again_after, refused=found.active is None and bool(decision.actions))

    def _followed(self, reading: Gatherer, found: Gathered, decision: Decision, term: Term) -> Decision:
        """Where only the record changes, what another pass would decide next is decided on the same reading.

        A phase is recorded with its reason before it is left or gets another, so that whoever listens meets each.
        """
        for _ in range(MOST_TURNS):
            if found.active is None or not _only_records(decision):
                break
            ahead = _recording(found.active, decision)
            following = self._decide(reading, reading.recorded(found, ahead), self._judge(ahead), term)
            if _hides_a_move(found.active, decision, following):
                break
            decision = replace(following, actions=(*decision.actions, *following.actions))
        return decision

    def _decide(self, gatherer: Gatherer, found: Gathered, judged: Judged, term: Term) -> Decision:
        if found.deployment is None and found.active is None and not any(old.held for old in found.finished):
            return Decision()
        seen = gatherer.snapshot(found, judged.release, judged.look, term.fence)
        return decide(replace(seen, watch=self._watch(found, judged, term)), self._clock.now())

    def _watch(self, found: Gathered, judged: Judged, term: Term) -> Watch | None:
        """Since when this term has seen to the Release: what went on before that it cannot know."""
        key, now = (found.namespace, found.name), self._clock.now()
        if found.active is None:
            self._responsible.pop(key, None)
            return None
        uid, fence, since = self._responsible.get(key, ("", "", now))
        if (uid, fence) != (found.active.uid, term.fence):
            since = now
            self._responsible[key] = (found.active.uid, term.fence, now)
        return Watch(since, judged.looked_at)

    def _judge(self, release: Release | None) -> Judged:
        known = self._known(release) if release is not None else None
        if release is None or known is None:
            return Judged(release)
        status = release.status.model_copy(update={"analysis": known.record})
        return Judged(release.model_copy(update={"status": status}), known.look, known.due, known.looked_at)

    def _record(self, stored: Release | None, decision: Decision, term: Term) -> Release | None:
        if stored is None or decision.status is None:
            return stored
        term.require()
        return self._records.record(stored, decision.status)


def _recording(active: Release, decision: Decision) -> Release:
    """The Release as it is once the decision is recorded."""
    return active if decision.status is None else active.model_copy(update={"status": decision.status})


def _only_records(decision: Decision) -> bool:
    """Whether the next decision is wanted at once, and nothing that a pass reads changes before it."""
    told = all(isinstance(action, Announce) for action in decision.actions)
    return told and decision.again_after == 0.0 and decision.status is not None and not decision.status.phase.final


def _hides_a_move(active: Release, decision: Decision, following: Decision) -> bool:
    """Whether the first of two decisions moves the Release to a phase that would then be in no record as it was."""
    if decision.status is None or following.status is None:
        return True
    moved, then = decision.status, following.status
    return moved.phase is not active.status.phase and (moved.phase, moved.reason) != (then.phase, then.reason)


def _same(one: Release | None, other: Release | None) -> bool:
    """Whether both are the same record at the same version, so that its judgement holds for both."""
    return (one.uid, one.resource_version) == (other.uid, other.resource_version) if one and other else one is other


def _moves(active: Release | None, decision: Decision) -> bool:
    """Whether the decision brings the Release to another place, or relies on having read the mesh's weight back."""
    if active is None or decision.status is None:
        return False
    return _place(active.status) != _place(decision.status)


def _learned_only(active: Release | None, decision: Decision) -> bool:
    """Whether all that a record would say is how far the analysis has come."""
    if active is None or decision.status is None:
        return False
    stored = active.status
    learned = {"analysis": stored.analysis, "evidence": stored.evidence, "verdict": stored.verdict}
    return decision.status.model_copy(update=learned) == stored


def _place(status: ReleaseStatus) -> tuple[object, ...]:
    traffic = status.traffic
    return status.phase, status.stage, status.stage_since, status.step, traffic.desired_weight, traffic.verified_weight
