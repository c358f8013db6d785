"""Recreate: the last old pod is gone before the first new one."""

from __future__ import annotations

from delivery.cluster.kinds import POD
from tests.conditions import eventually
from tests.contract.neighbours.observer import observe_pods
from tests.contract.neighbours.shop import Shop, name_of, template


def test_versions_never_run_side_by_side(shop: Shop) -> None:
    shop.deploy(replicas=3, strategy={"type": "Recreate"})
    shop.wait_complete()
    with observe_pods(shop.cluster, shop.namespace) as observer:
        shop.image("app:2")
        eventually(lambda: shop.complete() and shop.images() == ["app:2"] * 3)
    assert all(len(state.images) <= 1 for state in observer.states)
    assert min(state.total for state in observer.states) == 0


def test_it_waits_for_pods_that_take_their_time_to_end(shop: Shop) -> None:
    shop.deploy(replicas=1, strategy={"type": "Recreate"}, pods=template("app", termination="lingers"))
    shop.wait_complete()
    (old,) = shop.pods()
    shop.edit(template=template("app", "app:2", termination=None))
    eventually(lambda: not shop.pods())
    eventually(lambda: shop.status("replicas") == 0)
    assert shop.sizes() == [0]
    shop.cluster.delete(POD, name_of(old), shop.namespace, grace_period_s=0)
    eventually(lambda: shop.complete() and shop.images() == ["app:2"])
