"""Who owns what: adoption, release, and deletion of all that is owned."""

from __future__ import annotations

from delivery.cluster.kinds import DEPLOYMENT, POD, REPLICA_SET
from tests.conditions import eventually
from tests.contract.neighbours.shop import HASH, Shop, name_of, owner_uid, template


def test_an_orphan_replica_set_is_adopted_by_selector(shop: Shop) -> None:
    orphan = {
        "metadata": shop.named("orphan", app="app"),
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "app"}}, "template": template("app")},
    }
    shop.cluster.create(REPLICA_SET, orphan)
    eventually(lambda: len(shop.pods()) == 2)
    before = {name_of(each) for each in shop.pods()}
    shop.deploy(replicas=2)
    shop.wait_complete()
    assert [name_of(each) for each in shop.replica_sets()] == ["orphan"]
    assert {name_of(each) for each in shop.pods()} == before


def test_an_orphan_pod_is_adopted_and_one_with_other_labels_released(shop: Shop) -> None:
    shop.deploy(replicas=2)
    shop.wait_complete()
    (replica_set,) = shop.replica_sets()
    freed, _ = shop.pods()
    labels = {"metadata": {"labels": {HASH: "elsewhere"}}}
    shop.cluster.patch(POD, name_of(freed), shop.namespace, labels)
    eventually(lambda: not owner_uid(shop.cluster.get(POD, name_of(freed), shop.namespace)))
    eventually(lambda: len(shop.pods()) == 3)
    back = {"metadata": {"labels": {HASH: replica_set["metadata"]["labels"][HASH]}}}
    shop.cluster.patch(POD, name_of(freed), shop.namespace, back)
    eventually(lambda: len(shop.pods()) == 2)
    assert {owner_uid(each) for each in shop.pods()} == {replica_set["metadata"]["uid"]}


def test_deleting_the_deployment_removes_all(shop: Shop) -> None:
    shop.deploy(replicas=2)
    shop.wait_complete()
    shop.cluster.delete(DEPLOYMENT, "app", shop.namespace)
    eventually(lambda: not shop.cluster.list(POD, shop.namespace).items)
    eventually(lambda: not shop.cluster.list(REPLICA_SET, shop.namespace).items)
