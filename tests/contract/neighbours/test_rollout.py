"""A rolling update: its bounds, its revisions, its end."""

from __future__ import annotations

import pytest

from delivery.cluster.kinds import POD
from tests.conditions import eventually
from tests.contract.neighbours.kubelet import set_status
from tests.contract.neighbours.observer import observe_pods, observe_sizes
from tests.contract.neighbours.shop import HASH, REVISION, Shop, name_of, owner_uid, template


def rolling(surge: int | str, unavailable: int | str) -> dict[str, object]:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


def test_a_new_deployment_gets_its_pods_and_says_so(shop: Shop) -> None:
    shop.deploy(replicas=3)
    shop.wait_complete()
    assert shop.condition("Available") == ("True", "MinimumReplicasAvailable")
    assert shop.deployment()["metadata"]["annotations"][REVISION] == "1"
    assert shop.status("unavailableReplicas") == 0
    (replica_set,) = shop.replica_sets()
    notes = replica_set["metadata"]["annotations"]
    assert notes["deployment.kubernetes.io/desired-replicas"] == "3"
    assert notes["deployment.kubernetes.io/max-replicas"] == "4"
    assert replica_set["status"]["fullyLabeledReplicas"] == 3


def test_the_template_hash_is_on_the_replica_set_its_selector_and_its_pods(shop: Shop) -> None:
    shop.deploy(replicas=2)
    shop.wait_complete()
    (replica_set,) = shop.replica_sets()
    hashed = replica_set["metadata"]["labels"][HASH]
    assert name_of(replica_set) == f"app-{hashed}"
    assert replica_set["spec"]["selector"]["matchLabels"] == {"app": "app", HASH: hashed}
    assert replica_set["spec"]["template"]["metadata"]["labels"] == {"app": "app", HASH: hashed}
    assert [each["metadata"]["labels"][HASH] for each in shop.pods()] == [hashed, hashed]
    assert all(name_of(each).startswith(f"app-{hashed}-") for each in shop.pods())
    assert all(owner_uid(each) == replica_set["metadata"]["uid"] for each in shop.pods())


@pytest.mark.parametrize(
    ("surge", "unavailable", "most", "fewest"), [(1, 0, 5, 4), (0, 1, 4, 3), ("50%", "25%", 6, 3), ("10%", "10%", 5, 4)]
)
def test_a_rollout_keeps_its_bounds(
    shop: Shop, surge: int | str, unavailable: int | str, most: int, fewest: int
) -> None:
    shop.deploy(replicas=4, strategy=rolling(surge, unavailable))
    shop.wait_complete()
    with observe_pods(shop.cluster, shop.namespace) as pods, observe_sizes(shop.cluster, shop.namespace) as sizes:
        shop.image("app:2")
        shop.wait_complete()
    assert shop.images() == ["app:2"] * 4
    assert shop.sizes() == [0, 4]
    assert len(pods.states) > 8
    assert max(sizes.states) <= most
    assert min(state.ready for state in pods.states) >= fewest


def test_a_pod_that_cannot_get_ready_stalls_the_rollout_until_the_deadline(shop: Shop) -> None:
    shop.deploy(replicas=3, progressDeadlineSeconds=1, strategy=rolling(1, 0))
    shop.wait_complete()
    shop.edit(template=template("app", "app:broken", readiness="never"))
    eventually(lambda: shop.condition("Progressing") == ("False", "ProgressDeadlineExceeded"))
    assert shop.condition("Available")[0] == "True"
    assert shop.sizes() == [3, 1]
    assert (shop.status("updatedReplicas"), shop.status("unavailableReplicas")) == (1, 1)
    shop.edit(template=template("app", "app:3", readiness=None))
    shop.wait_complete()
    assert shop.images() == ["app:3"] * 3


def test_going_back_reuses_the_old_replica_set_as_a_new_revision(shop: Shop) -> None:
    shop.deploy(replicas=1)
    shop.wait_complete()
    (first,) = shop.replica_sets()
    shop.image("app:2")
    shop.wait_complete()
    shop.image("app:1")
    eventually(lambda: shop.complete() and shop.images() == ["app:1"])
    second, back = shop.replica_sets()
    assert back["metadata"]["uid"] == first["metadata"]["uid"]
    assert back["metadata"]["annotations"][REVISION] == "3"
    assert second["metadata"]["annotations"][REVISION] == "2"
    assert shop.deployment()["metadata"]["annotations"][REVISION] == "3"


def test_a_restart_replaces_the_pods(shop: Shop) -> None:
    shop.deploy(replicas=2)
    shop.wait_complete()
    before = {name_of(each) for each in shop.pods()}
    note = {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
    shop.edit(template={"metadata": {"annotations": note}})
    eventually(lambda: shop.complete() and len(shop.replica_sets()) == 2)
    assert not before & {name_of(each) for each in shop.pods()}


def test_old_revisions_beyond_the_limit_are_forgotten(shop: Shop) -> None:
    shop.deploy(replicas=1, revisionHistoryLimit=1)
    shop.wait_complete()
    shop.image("app:2")
    eventually(lambda: shop.complete() and shop.images() == ["app:2"])
    shop.image("app:3")
    eventually(lambda: shop.complete() and shop.images() == ["app:3"])
    eventually(lambda: len(shop.replica_sets()) == 2)
    assert [each["metadata"]["annotations"][REVISION] for each in shop.replica_sets()] == ["2", "3"]


def test_a_ready_pod_is_available_only_after_min_ready_seconds(shop: Shop) -> None:
    shop.deploy(replicas=1, minReadySeconds=2)
    eventually(lambda: shop.status("readyReplicas") == 1)
    assert shop.status("availableReplicas") == 0
    assert shop.condition("Available")[0] == "False" or shop.status("unavailableReplicas") == 1
    shop.wait_complete()
    assert shop.replica_sets()[0]["spec"]["minReadySeconds"] == 2


def test_a_lost_pod_is_replaced(shop: Shop) -> None:
    shop.deploy(replicas=2)
    shop.wait_complete()
    lost = shop.pods()[0]
    shop.cluster.delete(POD, name_of(lost), shop.namespace)
    eventually(lambda: len(shop.pods()) == 2 and name_of(lost) not in map(name_of, shop.pods()))
    shop.wait_complete()


def test_scaling_down_gives_up_pods_that_are_not_ready_first(shop: Shop) -> None:
    shop.deploy(replicas=1)
    shop.wait_complete()
    kept = name_of(shop.pods()[0])
    shop.edit(replicas=3)
    shop.wait_complete()
    for pod in shop.pods():
        if name_of(pod) != kept:
            set_status(shop.cluster, pod, ready=False)
    eventually(lambda: shop.status("readyReplicas") == 1)
    shop.edit(replicas=1)
    eventually(lambda: [name_of(each) for each in shop.pods()] == [kept])
