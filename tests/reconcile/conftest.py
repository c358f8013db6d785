"""A closed loop in a namespace of its own, on each control plane or on ours alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import NODE
from delivery.errors import AlreadyExists
from delivery.lab.control_plane import ControlPlane, install_crds
from tests.conftest import Planes, fresh_namespace
from tests.contract.neighbours.kubelet import NODE_NAME, Kubelet
from tests.quick_mesh import quick_mesh
from tests.reconcile.rig import Rig, definitions

Rigs = Callable[[], Rig]


class OwnKubelet(Kubelet):
    """With addresses of its own: another test's kubelet may run pods on the same control plane."""

    def start(self) -> None:
        self._numbers = itertools.count(30_000_000)
        if self._cluster.serves(NODE):
            with suppress(AlreadyExists):
                self._cluster.create(NODE, {"metadata": {"name": NODE_NAME}})
        super().start()

    def _next_ip(self) -> str:
        number = next(self._numbers)
        return f"10.{200 + number // 62500 % 50}.{number // 250 % 250}.{number % 250 + 1}"


@pytest.fixture(scope="session")
def grounds(planes: Planes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Cluster]]:
    """A client of the control plane of a name, with our CRDs and a kubelet in it."""
    ready: dict[str, Cluster] = {}
    with ExitStack() as stack:

        def ground(name: str) -> Cluster:
            if name not in ready:
                plane: ControlPlane = planes(name)
                cluster = Cluster.connect(plane.kubeconfig)
                install_crds(cluster, definitions(tmp_path_factory.mktemp("crds")))
                kubelet = OwnKubelet(cluster)
                kubelet.start()
                stack.callback(kubelet.stop)
                ready[name] = cluster
            return ready[name]

        yield ground


@pytest.fixture(params=["embedded", "real"])
def rig(request: pytest.FixtureRequest, grounds: Callable[[str], Cluster]) -> Iterator[Rig]:
    """A namespace with nothing in it yet, on each control plane."""
    yield from _rig(grounds(request.param))


@pytest.fixture
def own_rig(grounds: Callable[[str], Cluster]) -> Iterator[Rig]:
    """The same on our control plane only."""
    yield from _rig(grounds("embedded"))


@pytest.fixture(autouse=True)
def _quick_mesh() -> Iterator[None]:
    with quick_mesh():
        yield


def _rig(cluster: Cluster) -> Iterator[Rig]:
    made = Rig(cluster, fresh_namespace(cluster))
    try:
        yield made
    finally:
        made.end()
