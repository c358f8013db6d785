"""Our controllers on an API server that nobody else tends: the real one, without kube-controller-manager."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import DEPLOYMENT, ENDPOINT_SLICE, NAMESPACE, POD, REPLICA_SET
from delivery.lab.control_plane import start_control_plane
from delivery.lab.neighbours.controllers import Neighbours
from tests.conditions import eventually
from tests.conftest import fresh_namespace, kubebuilder_assets
from tests.contract.neighbours.kubelet import Kubelet
from tests.contract.neighbours.shop import Shop, owner_uid

Propagation = Literal["Background", "Foreground"]


@pytest.fixture(scope="module")
def untended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A real API server with our controllers, the collector among them."""
    assets = kubebuilder_assets()
    if assets is None:
        pytest.skip("KUBEBUILDER_ASSETS is not set: no real API server without a collector of its own")
    with start_control_plane(tmp_path_factory.mktemp("untended"), assets=assets, controllers=False) as plane:
        cluster = Cluster.connect(plane.kubeconfig)
        kubelet, neighbours = Kubelet(cluster), Neighbours(cluster, collect_garbage=True)
        kubelet.start()
        neighbours.start()
        yield cluster
        neighbours.stop()
        kubelet.stop()


@pytest.fixture
def shop(untended: Cluster) -> Shop:
    return Shop(untended, fresh_namespace(untended))


def test_a_rollout_completes(shop: Shop) -> None:
    shop.deploy(replicas=2)
    shop.wait_complete()
    shop.image("app:2")
    eventually(lambda: shop.complete() and shop.images() == ["app:2"] * 2)


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
def test_a_deleted_deployment_takes_all_it_owns_along(shop: Shop, propagation: Propagation) -> None:
    shop.deploy(replicas=2)
    shop.wait_complete()
    shop.cluster.delete(DEPLOYMENT, "app", shop.namespace, propagation=propagation)
    eventually(lambda: not shop.cluster.list(POD, shop.namespace).items)
    eventually(lambda: not shop.cluster.list(REPLICA_SET, shop.namespace).items)
    eventually(lambda: shop.cluster.find(DEPLOYMENT, "app", shop.namespace) is None)


def test_orphans_stay_and_belong_to_nobody(shop: Shop) -> None:
    shop.deploy(replicas=1)
    shop.wait_complete()
    shop.cluster.delete(DEPLOYMENT, "app", shop.namespace, propagation="Orphan")
    eventually(lambda: shop.cluster.find(DEPLOYMENT, "app", shop.namespace) is None)
    (orphan,) = shop.cluster.list(REPLICA_SET, shop.namespace).items
    assert not owner_uid(orphan)
    assert len(shop.pods()) == 1


def test_a_deleted_namespace_is_emptied_and_goes(shop: Shop) -> None:
    shop.serve()
    shop.deploy(replicas=1)
    shop.wait_complete()
    shop.cluster.delete(NAMESPACE, shop.namespace)
    eventually(lambda: shop.cluster.find(NAMESPACE, shop.namespace) is None)
    assert not shop.cluster.list(POD, shop.namespace).items
    assert not shop.cluster.list(ENDPOINT_SLICE, shop.namespace).items
