"""A paused Deployment keeps its version, and everything else goes on."""

from __future__ import annotations

from delivery.cluster.kinds import POD
from tests.conditions import eventually
from tests.contract.neighbours.shop import Shop, name_of, template
from tests.contract.neighbours.test_rollout import rolling


def paused_with_an_edit(shop: Shop) -> None:
    shop.deploy(replicas=2)
    shop.wait_complete()
    shop.edit(paused=True)
    shop.image("app:2")
    eventually(lambda: shop.condition("Progressing") == ("Unknown", "DeploymentPaused"))
    eventually(lambda: shop.status("observedGeneration") == shop.deployment()["metadata"]["generation"])


def test_an_edited_template_makes_no_replica_set(shop: Shop) -> None:
    paused_with_an_edit(shop)
    eventually(lambda: shop.status("updatedReplicas") == 0)
    assert shop.sizes() == [2]
    assert shop.images() == ["app:1"] * 2
    assert (shop.status("replicas"), shop.status("availableReplicas")) == (2, 2)


def test_it_scales_and_heals_at_the_old_version(shop: Shop) -> None:
    paused_with_an_edit(shop)
    shop.edit(replicas=4)
    eventually(lambda: shop.status("availableReplicas") == 4)
    lost = name_of(shop.pods()[0])
    shop.cluster.delete(POD, lost, shop.namespace)
    eventually(lambda: lost not in map(name_of, shop.pods()) and len(shop.pods()) == 4)
    eventually(lambda: shop.status("availableReplicas") == 4)
    assert shop.images() == ["app:1"] * 4
    assert shop.sizes() == [4]
    assert shop.status("updatedReplicas") == 0
    shop.edit(replicas=1)
    eventually(lambda: shop.status("replicas") == 1 and shop.images() == ["app:1"])


def test_resuming_rolls_the_edit_out(shop: Shop) -> None:
    paused_with_an_edit(shop)
    shop.edit(paused=False)
    eventually(lambda: shop.complete() and shop.images() == ["app:2"] * 2)
    assert shop.sizes() == [0, 2]


def stalled(shop: Shop) -> None:
    """Two old pods, four new ones that do not get ready."""
    shop.deploy(replicas=4, strategy=rolling(2, 2))
    shop.wait_complete()
    shop.edit(template=template("app", "app:2", readiness="never"))
    eventually(lambda: shop.sizes() == [2, 4])


def test_scaling_up_during_a_rollout_is_shared_out_by_size(shop: Shop) -> None:
    stalled(shop)
    shop.edit(replicas=8)
    eventually(lambda: shop.sizes() == [3, 7])
    eventually(lambda: shop.images() == ["app:1"] * 3 + ["app:2"] * 7)


def test_scaling_down_during_a_paused_rollout_is_shared_out_by_size(shop: Shop) -> None:
    stalled(shop)
    shop.edit(paused=True)
    shop.edit(replicas=1)
    eventually(lambda: shop.sizes() == [1, 2])
