"""Where a Deployment stands: rolled out, stuck, and which ReplicaSet is stable."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from delivery.resources.release import Phase, Release, Stage
from delivery.workload.revision import images_of, owned_by, stable_set, template_hash, workload_from
from tests.workload.objects import deployment, release, replica_set, template


def with_status(**status: Any) -> dict[str, Any]:
    found = deployment()
    return {**found, "status": {**found["status"], **status}}


def stable_of(*sets: dict[str, Any], now: int = 1, during: Release | None = None) -> str | None:
    found = stable_set(sets, workload_from(deployment(now)), during)
    return found.pod_template_hash if found else None


def test_a_deployment_as_a_release_sees_it() -> None:
    found = deployment()
    seen = workload_from(found)
    assert (seen.name, seen.namespace, seen.uid, seen.resource_version) == ("web", "shop", "uid-web", "41")
    assert seen.template_hash == template_hash(template(1))
    assert seen.images == ("web:1",)
    assert (seen.replicas, seen.paused, seen.strategy, seen.release_id) == (4, False, "RollingUpdate", None)
    assert seen.rolled_out
    assert not seen.stuck
    seen.template["spec"]["containers"].clear()
    assert found == deployment(), "the object that was read is not shared"


def test_what_the_server_leaves_out_has_kubernetes_own_defaults() -> None:
    found = deployment()
    del found["spec"]["replicas"], found["spec"]["strategy"], found["status"]
    found["metadata"]["annotations"] = {"headgate.dev/release-id": "build-7"}
    seen = workload_from(found)
    assert (seen.replicas, seen.strategy, seen.rolled_out, seen.release_id) == (1, "RollingUpdate", False, "build-7")


@pytest.mark.parametrize(
    "status",
    [
        {"observedGeneration": 2},
        {"updatedReplicas": 3},
        {"availableReplicas": 3},
        {"replicas": 5},
        {"updatedReplicas": 0},
    ],
)
def test_a_rollout_is_done_only_when_seen_complete_available_and_alone(status: dict[str, int]) -> None:
    assert not workload_from(with_status(**status)).rolled_out


def test_a_deployment_scaled_to_nothing_is_rolled_out() -> None:
    found = deployment(replicas=0)
    found["status"] = {"observedGeneration": 3}
    assert workload_from(found).rolled_out


@pytest.mark.parametrize(
    ("status", "reason", "stuck"),
    [
        ("False", "ProgressDeadlineExceeded", True),
        ("True", "NewReplicaSetAvailable", False),
        ("Unknown", "DeploymentPaused", False),
        ("False", "FailedCreate", False),
    ],
)
def test_stuck_is_what_kubernetes_gave_up_on(status: str, reason: str, stuck: bool) -> None:
    conditions = [
        {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"},
        {"type": "Progressing", "status": status, "reason": reason},
    ]
    assert workload_from(with_status(conditions=conditions)).stuck is stuck


def test_only_sets_the_deployment_controls_are_its_own() -> None:
    own, foreign = replica_set(1, 4), replica_set(2, 4, uid="other")
    orphan: dict[str, Any] = {"metadata": {"name": "orphan"}}
    owner = replica_set(3, 1)
    owner["metadata"]["ownerReferences"][0]["controller"] = False
    assert owned_by([own, foreign, orphan, owner], "uid-web") == [own]


def test_at_rest_the_set_with_pods_is_stable() -> None:
    assert stable_of(replica_set(1, 0), replica_set(2, 4), now=2) == "pod2"


def test_a_pending_template_is_not_stable_however_new() -> None:
    assert stable_of(replica_set(1, 4), now=2) == "pod1"


def test_in_the_middle_of_a_rollout_the_largest_set_is_stable() -> None:
    assert stable_of(replica_set(1, 3), replica_set(2, 2, ready=1), now=2) == "pod1"
    assert stable_of(replica_set(1, 1), replica_set(2, 4, ready=3), now=2) == "pod2"


def test_of_equal_sets_the_readier_is_stable() -> None:
    assert stable_of(replica_set(1, 2, ready=2), replica_set(2, 2, ready=0), now=2) == "pod1"


def test_scaled_to_nothing_the_present_templates_set_is_stable() -> None:
    assert stable_of(replica_set(1, 0), replica_set(2, 0), replica_set(3, 0), now=2) == "pod2"


def test_without_a_set_nothing_is_stable() -> None:
    assert stable_of() is None


@pytest.mark.parametrize("phase", [Phase.PREPARING, Phase.SHIFTING, Phase.PAUSED, Phase.ROLLING_BACK, Phase.STALLED])
def test_during_a_release_stable_is_what_it_began_with_whatever_else_has_pods(phase: Phase) -> None:
    sets = (replica_set(1, 1), replica_set(2, 4), replica_set(3, 9))
    assert stable_of(*sets, now=2, during=release(phase)) == "pod1"
    assert stable_of(replica_set(2, 4), now=2, during=release(phase)) is None


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (Stage.SHIFT_ALL, "pod1"),
        (Stage.ROLL_OUT, "pod1"),
        (Stage.SETTLE, "pod2"),
        (Stage.SHIFT_BACK, "pod2"),
        (Stage.RESTORE_ROUTE, "pod2"),
        (Stage.REMOVE_CANARY, "pod2"),
        (Stage.REMOVE_BACK_ENDS, "pod2"),
    ],
)
def test_from_the_end_of_the_rollout_on_the_promoted_set_is_stable(stage: Stage, expected: str) -> None:
    sets = (replica_set(1, 3), replica_set(2, 1))
    assert stable_of(*sets, now=2, during=release(Phase.PROMOTING, stage)) == expected


def test_after_a_release_its_record_decides_nothing() -> None:
    assert stable_of(replica_set(1, 0), replica_set(2, 4), now=2, during=release(Phase.SUCCEEDED)) == "pod2"


def test_the_stable_template_can_be_put_back_as_it_was() -> None:
    found = replica_set(1, 4, ready=3)
    before = deepcopy(found)
    stable = stable_set([found], workload_from(deployment(2)), None)
    assert stable is not None
    assert (stable.replicas, stable.ready, stable.images) == (4, 3, ("web:1",))
    assert stable.template == template(1)
    assert found == before


def test_images_in_order_and_none_without_containers() -> None:
    assert images_of({"spec": {"containers": [{"image": "b:1"}, {"name": "x"}, {"image": "a:1"}]}}) == (
        "b:1",
        "",
        "a:1",
    )
    assert images_of({}) == ()
