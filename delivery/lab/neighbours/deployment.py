"""The Deployment's decisions: its ReplicaSets and their sizes, one step at a time, and its status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from delivery.cluster.kinds import DEPLOYMENT, REPLICA_SET
from delivery.lab.neighbours.conditions import is_complete
from delivery.lab.neighbours.deployment_status import report
from delivery.lab.neighbours.ownership import claim, controller_reference, is_going
from delivery.lab.neighbours.plan import Action, Create, Object, Plan, status_change
from delivery.lab.neighbours.revisions import forgotten, next_replica_set, numbered
from delivery.lab.neighbours.rollout import Rollout
from delivery.lab.neighbours.scaling import resize, was_scaled
from delivery.lab.neighbours.strategies import recreate_step, rolling_step


@dataclass(frozen=True, slots=True)
class DeploymentSnapshot:
    """A Deployment, the ReplicaSets and Pods of its namespace, and the time in seconds since the epoch."""

    deployment: Object
    replica_sets: Sequence[Object]
    pods: Sequence[Object]
    now: float


@dataclass(frozen=True, slots=True)
class Step:
    """The actions of one step, and what the status must say of it."""

    actions: tuple[Action, ...] = ()
    rolls: bool = False
    collisions: int = 0

    @property
    def created(self) -> str:
        """The name of the ReplicaSet the step creates, or nothing."""
        names = (each.obj["metadata"]["name"] for each in self.actions if isinstance(each, Create))
        return next(names, "")


def plan_deployment(snapshot: DeploymentSnapshot) -> Plan:
    """The next step of the rollout, or of keeping it where it is.

    Raises ValueError for a maxSurge or maxUnavailable that cannot be read.
    """
    deployment = snapshot.deployment
    reference = controller_reference("apps/v1", DEPLOYMENT, deployment)
    claimed = claim(deployment, reference, REPLICA_SET, snapshot.replica_sets)
    if claimed.changes:
        return Plan(claimed.changes)  # the next pass sees what it owns
    rollout = Rollout.of(deployment, claimed.objects)
    step = _step(rollout, snapshot)
    said = report(rollout, rolls=step.rolls, created=step.created, collisions=step.collisions, now=snapshot.now)
    reported = status_change(DEPLOYMENT, deployment, said.status, "counted its pods")
    return Plan((*step.actions, *([reported] if reported else [])), said.wake_after_s)


def _step(rollout: Rollout, snapshot: DeploymentSnapshot) -> Step:
    collisions = int((rollout.deployment.get("status") or {}).get("collisionCount") or 0)
    if is_going(rollout.deployment):
        return Step(collisions=collisions)
    paused = bool(rollout.deployment["spec"].get("paused"))
    held = paused or was_scaled(rollout)
    renumbered = numbered(rollout, rollout.new) if rollout.new else []
    if renumbered:
        return Step(tuple(renumbered), not held, collisions)
    resized = resize(rollout) if held else []
    if paused:
        return Step((*resized, *forgotten(rollout)), False, collisions)
    if resized:
        return Step(tuple(resized), False, collisions)
    return _roll(rollout, snapshot, collisions)


def _roll(rollout: Rollout, snapshot: DeploymentSnapshot, collisions: int) -> Step:
    if rollout.is_recreate:
        emptied, clear = recreate_step(rollout, snapshot.pods)
        if not clear:
            return Step(tuple(emptied), True, collisions)
    if rollout.new is None:
        created, collisions = next_replica_set(rollout, [each["metadata"]["name"] for each in snapshot.replica_sets])
        return Step(tuple(created), True, collisions)
    moved = rolling_step(rollout, rollout.new)
    if moved or not is_complete(rollout.deployment, rollout.deployment.get("status") or {}):
        return Step(tuple(moved), True, collisions)
    return Step(tuple(forgotten(rollout)), True, collisions)
