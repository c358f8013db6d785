"""A cluster and a mesh as plain values, on which decisions are carried out: pods take time, crashes come anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from delivery.decision import actions as do
from delivery.decision.planner import decide
from delivery.decision.snapshot import (
    BackEnds,
    CanaryState,
    Configuration,
    Look,
    RouteState,
    Snapshot,
    StableSet,
    Watch,
    Workload,
)
from delivery.resources.policy import parse_policy
from delivery.resources.release import Phase, Release, Stage, release_from_object, spec_object, status_object
from delivery.workload.revision import stable_set, template_hash
from tests.decision.given import NOW, ROUTE, look

SHIFTED = {Phase.SHIFTING, Phase.PAUSED, Phase.PROMOTING, Phase.STALLED}
EVERY_S = 2.0
NONE = Configuration()
_SEEN: dict[Any, StableSet | None] = {}


class Crash(Exception):
    """The controller died here; the next pass is another process's."""


def hash_of(version: int) -> str:
    return named(json.dumps(template(version)))


@cache
def named(text: str) -> str:
    return template_hash(json.loads(text))


def restarted(version: int) -> dict[str, Any]:
    """As `kubectl rollout restart` leaves a template."""
    made = template(version)
    return {**made, "metadata": {**made["metadata"], "annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}


def template(version: int) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": f"web:{version}"}]},
    }


def version_of(found: dict[str, Any]) -> int:
    return int(found["spec"]["containers"][0]["image"].removeprefix("web:"))


@dataclass(slots=True)
class Pods:
    """Pods of one template: so many are wanted, so many are ready (a fraction is on its way)."""

    template: dict[str, Any]
    wanted: int
    ready: float = 0.0

    @property
    def up(self) -> int:
        return int(self.ready)


@dataclass(slots=True)
class World:
    """One Deployment `web` of four pods at version 1, adopted and at rest, and everything a release adds to it."""

    policy: dict[str, Any]
    verdict: Callable[[World], str | None] = lambda _: "Advance"
    canary_starts: bool = True
    rollout_moves: bool = True
    events: list[tuple[Callable[[World], bool], Callable[[World], None]]] = field(default_factory=list)
    crash_at: int | None = None

    now: float = NOW
    exists: bool = True
    paused: bool = True
    opted_in: bool = True
    replicas: int = 4
    template: dict[str, Any] = field(default_factory=lambda: template(1))
    sets: dict[str, Pods] = field(default_factory=lambda: {hash_of(1): Pods(template(1), 4, 4.0)})
    canary: Pods | None = None
    canary_of: str = ""
    leaving_until: float = 0.0
    pinned: str | None = None
    weight: float | None = None
    records: list[Release] = field(default_factory=list)
    points: int = 0
    looked_at: float = 0.0
    weights_seen: list[float] = field(default_factory=list)

    # What the controller sees

    @property
    def active(self) -> Release | None:
        return next((found for found in self.records if found.active), None)

    @property
    def phase(self) -> Phase | None:
        return self.active.status.phase if self.active else None

    @property
    def stage(self) -> Stage | None:
        return self.active.status.stage if self.active else None

    def see(self) -> Snapshot:
        active, seen = self._judged()
        own = self._workload() if self.exists else None
        return Snapshot(
            workload=own,
            opted_in=self.exists and self.opted_in,
            configuration=Configuration("standard", parse_policy(self.policy, "policy"), "web") if not active else NONE,
            stable=self._stable(own, active) if own else None,
            canary=self._canary(),
            back_ends=self._back_ends() if active else BackEnds(),
            route=RouteState(weight=self.weight, records=(ROUTE.model_dump(),)) if active else RouteState(),
            release=active,
            previous=tuple(found for found in self.records if not found.active),
            look=seen,
            watch=self._watch(active),
        )

    def _watch(self, active: Release | None) -> Watch | None:
        if active is None:
            return None
        analysis = active.status.analysis
        return Watch(0.0, max(analysis.last_data_at or 0.0, analysis.started_at or 0.0) or None)

    def _judged(self) -> tuple[Release | None, Look | None]:
        active = self.active
        if active is None or not self.weight or not self.canary or not self.canary.up:
            return active, None
        started = active.status.analysis.started_at
        if started is None or self.now < started or self.now - self.looked_at < EVERY_S:
            return active, None
        verdict, self.looked_at = self.verdict(self), self.now
        if verdict is None:
            return active, None
        analysis = active.status.analysis.model_copy(update={"last_data_at": self.now, "data_through": self.now})
        status = active.status.model_copy(update={"analysis": analysis})
        return active.model_copy(update={"status": status}), look(verdict, at=self.now)

    def _workload(self) -> Workload:
        name = self._pending()
        running = self.sets.get(name)
        done = running is not None and running.up == 4 and all(p.up == 0 for k, p in self.sets.items() if k != name)
        images = (self.template["spec"]["containers"][0]["image"],)
        return Workload(
            "web", "shop", "uid-web", "1", self.template, name, images, self.replicas, self.paused,
            rolled_out=done, stuck=not self.rollout_moves and not self.paused,
            strategy="RollingUpdate", release_id=None,
        )  # fmt: skip

    def _pending(self) -> str:
        return named(json.dumps(self.template))

    def _stable(self, own: Workload, active: Release | None) -> StableSet | None:
        at = (active.status.phase, active.status.stage, active.spec.stable, active.spec.canary) if active else None
        key = (own.template_hash, at, tuple((name, pods.wanted, pods.up) for name, pods in self.sets.items()))
        if key not in _SEEN:  # hashing templates is most of a simulated release's time
            _SEEN[key] = self._stable_set(own, active)
        return _SEEN[key]

    def _stable_set(self, own: Workload, active: Release | None) -> StableSet | None:
        listed = [
            {
                "spec": {
                    "replicas": max(pods.wanted, pods.up),
                    "template": {
                        **pods.template,
                        "metadata": {
                            **pods.template["metadata"],
                            "labels": {**pods.template["metadata"]["labels"], "pod-template-hash": f"p{name}"},
                        },
                    },
                },
                "status": {"readyReplicas": pods.up},
            }
            for name, pods in self.sets.items()
        ]
        return stable_set(listed, own, active)

    def _canary(self) -> CanaryState:
        leaving = 1 if self.now < self.leaving_until else 0
        if self.canary is None:
            return CanaryState(pods=leaving)
        pods = self.canary
        return CanaryState(True, True, self.canary_of, pods.wanted, pods.up, pods.wanted + leaving)

    def _back_ends(self) -> BackEnds:
        if self.pinned is None:
            return BackEnds()
        return BackEnds(exist=True, partly=True, stable_hash=self.pinned, stable_ready=self._pinned_up())

    def _pinned_up(self) -> int:
        return next((pods.up for name, pods in self.sets.items() if f"p{name}" == self.pinned), 0)

    # What the controller does

    def reconcile(self) -> float | None:
        """One pass: record, then act. Raises Crash at `crash_at`, before or after any write."""
        decision = decide(self.see(), self.now)
        stored = self.active
        if decision.status is not None and stored is not None and decision.status != stored.status:
            self._survive()
            written = {"metadata": {"name": stored.name, "namespace": "shop"}, "spec": spec_object(stored.spec)}
            read = release_from_object({**written, "status": status_object(decision.status)})
            self.records[self.records.index(stored)] = read
        for action in decision.actions:
            self._survive()
            self._apply(action)
            self.check(action)
        if decision.actions:
            self._survive()
        return decision.again_after

    def _survive(self) -> None:
        self.points += 1
        if self.points - 1 == self.crash_at:
            raise Crash

    def _apply(self, action: do.Action) -> None:
        active = self.active or (self.records[-1] if self.records else None)
        match action:
            case do.CreateRelease(name, spec):
                self.records.append(Release(name=name, namespace="shop", spec=spec))
            case do.PauseDeployment(paused):
                self.paused = paused
            case do.SetTemplate(wanted):
                self.template = wanted
            case do.EnsureBackEnds(stable_hash):
                self.pinned = stable_hash
            case do.EnsureCanary(replicas):
                assert active is not None
                self._ensure_canary(active, replicas)
            case do.SetWeight(weight):
                self.weight = weight
                self.weights_seen.append(weight)
            case do.RestoreRoute():
                self.weight = None
            case do.RemoveCanary():
                if self.canary is not None:
                    self.canary, self.leaving_until = None, self.now + 1.0
            case do.RemoveBackEnds():
                self.pinned = None

    def _ensure_canary(self, active: Release, replicas: int) -> None:
        if self.canary is None:
            self.canary, self.canary_of = Pods(active.spec.template, 0), active.name
        elif self.canary_of != active.name:
            self.canary = None
        else:
            self.canary = Pods(active.spec.template, replicas, min(self.canary.ready, replicas))

    # What the cluster does

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        if self.canary and self.canary_starts:
            self.canary.ready = min(self.canary.wanted, self.canary.ready + 2 * seconds)
        if self.exists and not self.paused and self.rollout_moves:
            self._roll_out(seconds)
        for event in list(self.events):
            due, happens = event
            if due(self):
                self.events.remove(event)
                happens(self)

    def _roll_out(self, seconds: float) -> None:
        name = self._pending()
        new = self.sets.setdefault(name, Pods(self.template, 4))
        new.wanted, new.ready = 4, min(4.0, new.ready + 2 * seconds)
        for other, pods in self.sets.items():
            if other != name:
                pods.wanted = 4 - new.up
                pods.ready = min(pods.ready, pods.wanted)

    # What must hold after every action

    def check(self, action: do.Action) -> None:
        """Invariants 1, 2, 3 and 8, and that the mesh always has somebody to send a request to."""
        active = self.active
        native = not self.paused and self.stage is not Stage.ROLL_OUT
        up = self.canary.up if self.canary else 0
        if isinstance(action, do.SetWeight) and action.weight > 0:
            assert self.phase in SHIFTED, "weight above 0 outside the phases that may"
            assert up > 0, "weight above 0 without a ready canary pod"
        if active is not None and isinstance(action, do.SetWeight | do.RestoreRoute):
            assert not isinstance(action, do.SetWeight) or active.status.traffic.desired_weight == action.weight
        if self.phase is Phase.ROLLING_BACK and not isinstance(action, do.SetWeight | do.Announce) and not native:
            assert not self.weight, "something else was touched before the weight was 0"
        if self.weight is None and self.canary and up and not native:
            assert self.phase in {Phase.PROMOTING, Phase.STALLED, None}, "the apex Service reaches an unjudged canary"
        if self.phase in {Phase.PREPARING, Phase.SHIFTING, Phase.PAUSED} and not native and active is not None:
            assert self.sets[active.spec.stable.template_hash].up == 4, "stable pods were touched"
        if self.exists and not native:
            assert self.served(), f"{action} leaves requests without a pod"

    def served(self) -> bool:
        own = sum(pods.up for pods in self.sets.values())
        up = self.canary.up if self.canary else 0
        if self.weight is None:
            return own + up > 0
        return (self.weight == 0 or up > 0) and (self.weight == 100 or self._pinned_up() > 0)

    def fork(self) -> World:
        """Another world that is just like this one and goes its own way."""
        return replace(
            self,
            events=list(self.events),
            sets={name: replace(pods) for name, pods in self.sets.items()},
            canary=replace(self.canary) if self.canary else None,
            records=list(self.records),
            weights_seen=list(self.weights_seen),
        )

    @property
    def clean(self) -> bool:
        """Nothing of ours is left but the pause."""
        return self.canary is None and self.pinned is None and self.weight is None


def live(world: World, until: float = 900.0, crashed: list[World] | None = None) -> World:
    """Passes and time until nothing more is to do (or `until` seconds went by). A crash ends its pass only.

    `crashed` collects, for every point where this life could have crashed, the world about to crash there.
    """
    idle = 0
    while idle < 3 and world.now < NOW + until:
        before = world.fork() if crashed is not None else None
        try:
            again = world.reconcile()
        except Crash:
            again = 0.25
        if before is not None and crashed is not None:
            crashed += [replace(before.fork(), crash_at=point) for point in range(before.points, world.points)]
        idle = idle + 1 if again is None and not world.events and world.active is None else 0
        world.pass_time(min(max(again if again is not None else 0.5, 0.5), 1.0))
    return world
