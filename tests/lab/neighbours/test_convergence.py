"""Deployments and ReplicaSets decide side by side, in any order, and never leave the bounds."""

from __future__ import annotations

import random

import pytest

from delivery.cluster.kinds import POD, REPLICA_SET
from delivery.lab.neighbours.bounds import bounds_of
from delivery.lab.neighbours.conditions import find_condition
from delivery.lab.neighbours.pods import is_ready
from tests.lab.neighbours.world import World, pod_template


def step(world: World, dice: random.Random) -> None:
    """One of the parties acts on what it sees now."""
    sets = sorted(world.objects[REPLICA_SET])
    waiting = sorted(name for name, pod in world.objects[POD].items() if "status" not in pod)
    choice = dice.random()
    if choice < 0.3 or not sets:
        world.deployment_pass()
    elif choice < 0.7 or not waiting:
        world.replica_set_pass(dice.choice(sets))
    else:
        world.ready(dice.choice(waiting))


@pytest.mark.parametrize("seed", range(12))
def test_a_rollout_in_random_order_keeps_its_bounds_and_ends(seed: int) -> None:
    dice = random.Random(seed)
    rolling = {"maxSurge": dice.choice([0, 1, "25%", "50%"]), "maxUnavailable": dice.choice([0, 1, "30%"])}
    world = World(replicas=dice.randint(1, 7), strategy={"type": "RollingUpdate", "rollingUpdate": rolling})
    world.settle()
    world.edit(template=pod_template("app:2"))
    bounds = bounds_of(world.deployment)
    for _ in range(300):
        step(world, dice)
        assert sum(each["spec"]["replicas"] for each in world.all(REPLICA_SET)) <= bounds.most
        assert sum(is_ready(pod) for pod in world.all(POD)) >= bounds.fewest_available
    world.settle()
    assert {pod["spec"]["containers"][0]["image"] for pod in world.all(POD)} == {"app:2"}
    assert len(world.all(POD)) == bounds.desired


def reason(world: World) -> str:
    found = find_condition(world.deployment["status"]["conditions"], "Progressing")
    return str(found["reason"]) if found else ""


def test_the_reasons_of_a_rollout_in_order() -> None:
    world = World(replicas=1)
    world.deployment_pass()
    assert reason(world) == "NewReplicaSetCreated"
    (name,) = world.objects[REPLICA_SET]
    world.replica_set_pass(name)
    world.replica_set_pass(name)
    world.deployment_pass()
    assert reason(world) == "ReplicaSetUpdated"
    world.settle()
    assert reason(world) == "NewReplicaSetAvailable"
    world.edit(paused=True)
    world.settle()
    assert reason(world) == "DeploymentPaused"
    world.edit(paused=False)
    assert world.deployment_pass().actions
    assert reason(world) == "NewReplicaSetAvailable"


def test_a_rollout_without_progress_asks_to_be_woken_at_its_deadline() -> None:
    world = World(replicas=1, progressDeadlineSeconds=60)
    world.deployment_pass()
    (name,) = world.objects[REPLICA_SET]
    world.replica_set_pass(name)
    world.replica_set_pass(name)
    plan = world.deployment_pass()
    assert plan.wake_after_s == pytest.approx(60, abs=0.1)
    world.now += 61
    world.deployment_pass()
    assert reason(world) == "ProgressDeadlineExceeded"
    world.settle()
    assert reason(world) == "NewReplicaSetAvailable"


def test_a_hash_that_is_taken_is_counted_as_a_collision() -> None:
    world, other = World(replicas=1), World(replicas=1)
    other.deployment_pass()
    ((name, taken),) = other.objects[REPLICA_SET].items()
    taken["metadata"]["ownerReferences"][0]["uid"] = "somebody else"
    world.objects[REPLICA_SET][name] = taken
    world.deployment_pass()
    assert world.deployment["status"]["collisionCount"] == 1
    assert len(world.objects[REPLICA_SET]) == 2


def test_pods_available_later_are_looked_at_again_then() -> None:
    world = World(replicas=1, minReadySeconds=10)
    world.deployment_pass()
    (name,) = world.objects[REPLICA_SET]
    world.replica_set_pass(name)
    (pod,) = world.objects[POD]
    world.ready(pod)
    plan = world.replica_set_pass(name)
    assert plan.wake_after_s == pytest.approx(10)
    assert "availableReplicas" not in world.objects[REPLICA_SET][name]["status"]
    world.now += 10
    assert world.replica_set_pass(name).wake_after_s is None
    assert world.objects[REPLICA_SET][name]["status"]["availableReplicas"] == 1


def test_recreate_goes_on_when_it_was_scaled_with_two_versions_active() -> None:
    world = World(replicas=3)
    world.settle()
    world.edit(template=pod_template("app:2"))
    world.deployment_pass()
    assert sorted(each["spec"]["replicas"] for each in world.all(REPLICA_SET)) == [1, 3]
    world.edit(strategy={"type": "Recreate"}, replicas=2)
    world.settle()
    assert [pod["spec"]["containers"][0]["image"] for pod in world.all(POD)] == ["app:2"] * 2
