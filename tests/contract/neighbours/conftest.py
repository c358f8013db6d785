"""A namespace to deploy in, on each control plane, with a kubelet that runs the pods."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from delivery.cluster.client import Cluster
from tests.contract.neighbours.kubelet import Kubelet
from tests.contract.neighbours.shop import Shop


@pytest.fixture(scope="session")
def kubelet(cluster: Cluster) -> Iterator[Kubelet]:
    """Runs every pod of the control plane."""
    running = Kubelet(cluster)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def shop(cluster: Cluster, namespace: str, kubelet: Kubelet) -> Shop:
    """The test's own namespace."""
    return Shop(cluster, namespace)
