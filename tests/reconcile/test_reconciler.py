"""One pass: how far it goes on what it has read, and what it records on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from delivery.decision.actions import Action, Announce, EnsureCanary, PauseDeployment, SetWeight
from delivery.decision.snapshot import BackEnds, CanaryState, Look, RouteState, Snapshot
from delivery.reconcile.apply import Applier, Target
from delivery.reconcile.gather import Gathered, Gatherer
from delivery.reconcile.reconciler import Reconciler
from delivery.reconcile.records import Records
from delivery.reconcile.watched_release import Newest
from delivery.resources.release import Intent, Phase, Release, ReleaseStatus, Stage
from tests.decision.given import NOW, STABLE, release, snapshot, workload
from tests.reconcile.memory_cluster import StillClock
from tests.scenarios.leaders import DrivenTerm


@dataclass
class Reading:
    """A gatherer: one Release, and a world that only changes between readings."""

    active: Release
    world: dict[str, Any]
    read: int = 0

    def gather(self, namespace: str, name: str) -> Gathered:
        self.read += 1
        return Gathered(namespace, name, {"metadata": {"name": name}}, self.active)

    def recorded(self, found: Gathered, _release: Release) -> Gathered:
        return found

    def snapshot(self, _found: Gathered, judged: Release | None, look: Look | None, _fence: str) -> Snapshot:
        return snapshot(judged, look=look, **self.world)


@dataclass
class Done:
    """Records and applier in one: what was written, in order."""

    written: list[ReleaseStatus] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)

    def record(self, stored: Release, status: ReleaseStatus) -> Release:
        self.written.append(status)
        return stored.model_copy(update={"status": status})

    def said_already(self, _action: Action, _target: Target) -> bool:
        return False

    def apply(self, action: Action, _target: Target) -> None:
        self.actions.append(action)


def passed(active: Release, **world: Any) -> tuple[Done, float | None]:
    """One pass over that Release: what it left, and when another is wanted."""
    done, reading = Done(), Reading(active, world)
    known: Callable[[Release], Newest | None] = lambda _: None  # noqa: E731
    reconciler = Reconciler(
        cast("Gatherer", Reading(active, world)),
        lambda: cast("Gatherer", reading),
        cast("Records", done),
        cast("Applier", done),
        StillClock(NOW),
        known,
    )
    outcome = reconciler.reconcile("shop", "web", DrivenTerm("fence"))
    assert reading.read == 1
    return done, outcome.again_after


def test_what_only_a_record_stands_before_is_done_on_the_same_reading() -> None:
    done, _ = passed(release(Phase.PREPARING, Stage.CANARY, weight=0.0))
    [status] = done.written
    assert (status.phase, status.traffic.desired_weight) == (Phase.SHIFTING, 5.0)
    assert [line.reason for line in status.history] == ["CanaryReady"]
    [raised] = done.actions
    assert isinstance(raised, SetWeight)
    assert raised.weight == 5.0


def test_what_was_to_be_told_on_the_way_is_told() -> None:
    active = release(intents=[Intent(verb="promote", by="ann")])
    done, _ = passed(active, canary=CanaryState(exists=True, of_release=active.name, replicas=1, ready=1, pods=1))
    assert done.written[-1].phase is Phase.PROMOTING
    assert [type(action) for action in done.actions] == [Announce, EnsureCanary]


def test_a_phase_is_in_a_record_before_it_is_left() -> None:
    active = release(Phase.STALLED, weight=100.0, intents=[Intent(verb="retry", by="ann")])
    canary = CanaryState(exists=True, of_release=active.name, replicas=4, ready=4, pods=4)
    stuck = workload(paused=False, stuck=True)
    done, again_after = passed(active, workload=stuck, canary=canary, route=RouteState(weight=100.0))
    assert [status.phase for status in done.written] == [Phase.PROMOTING]
    assert (done.actions, again_after) == ([], 0.0)  # the next pass finds that it is stuck still


def test_a_phase_is_recorded_with_the_reason_for_which_it_was_entered() -> None:
    active = release(Phase.PAUSED, reason="PausedByRequest", intents=[Intent(verb="resume", by="ann")])
    few = BackEnds(exist=True, partly=True, stable_hash=f"pod-{STABLE}", stable_ready=0)
    done, again_after = passed(active, back_ends=few)
    [status] = done.written
    assert (status.phase, status.reason, again_after) == (Phase.SHIFTING, "Resumed", 0.0)  # StableBelowFloor comes next


def test_what_touches_anything_ends_the_reading() -> None:
    active = release(Phase.PROMOTING, Stage.ROLL_OUT, weight=100.0)
    canary = CanaryState(exists=True, of_release=active.name, replicas=4, ready=4, pods=4)
    done, _ = passed(active, canary=canary, route=RouteState(weight=100.0))
    [unpause] = done.actions
    assert isinstance(unpause, PauseDeployment)
    assert not unpause.paused
