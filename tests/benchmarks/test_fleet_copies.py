"""What the embedded API server begins with, and the copies that it is given of one namespace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.adoption import install_kinds
from benchmarks.fleet_copies import contents, write_copies
from benchmarks.idle_cluster import Kubelet, fill, names
from delivery.cluster.client import Cluster
from delivery.cluster.informer import Informer
from delivery.cluster.kinds import (
    DEPLOYMENT,
    ENDPOINT_SLICE,
    NAMESPACE,
    POD,
    REPLICA_SET,
    SERVICE,
    VIRTUAL_SERVICE,
    Kind,
)
from delivery.lab import control_plane
from delivery.lab.neighbours.template_hash import POD_TEMPLATE_HASH, template_hash
from tests.conditions import eventually

FOUND = names(4, 2)
SEED, COPY = "team-00", "team-01"
KINDS = (SERVICE, VIRTUAL_SERVICE, DEPLOYMENT, REPLICA_SET, POD, ENDPOINT_SLICE)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two available Deployments, and copies of both in another namespace."""
    folder = tmp_path_factory.mktemp("copies")
    with control_plane.start_control_plane(folder / "first") as plane:
        cluster = _with_kinds(Cluster.connect(plane.kubeconfig), folder)
        kubelet = Informer(cluster, POD, on_change=Kubelet(cluster).on_pod)
        kubelet.start()
        fill(cluster, [pair for pair in FOUND if pair[0] == SEED])
        eventually(lambda: _available(cluster, SEED) == 2)
        eventually(lambda: len(cluster.list(ENDPOINT_SLICE, SEED).items) == 2)
        kubelet.stop()
        write_copies(contents(cluster, SEED), FOUND, folder / "objects")
    return folder / "objects"


@pytest.fixture(scope="module")
def cluster(objects: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One that begins with these, without anybody who would change them."""
    folder = tmp_path_factory.mktemp("second")
    with control_plane.start_control_plane(folder, controllers=False, objects=objects) as plane:
        yield _with_kinds(Cluster.connect(plane.kubeconfig), folder)


def _with_kinds(cluster: Cluster, folder: Path) -> Cluster:
    install_kinds(cluster, folder)
    return cluster


def _available(cluster: Cluster, namespace: str) -> int:
    statuses = [obj.get("status") or {} for obj in cluster.list(DEPLOYMENT, namespace).items]
    return sum(status.get("availableReplicas") == 1 for status in statuses)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_copy_has_all_that_the_original_has(cluster: Cluster, kind: Kind) -> None:
    assert len(cluster.list(kind, COPY).items) == len(cluster.list(kind, SEED).items) == 2


def test_statuses_are_there_from_the_beginning(cluster: Cluster) -> None:
    assert _available(cluster, SEED) == _available(cluster, COPY) == 2
    assert cluster.get(NAMESPACE, COPY)["status"] == {"phase": "Active"}


def test_a_copy_belongs_to_its_own_deployment(cluster: Cluster) -> None:
    for namespace in (SEED, COPY):
        for name in (name for where, name in FOUND if where == namespace):
            deployment = cluster.get(DEPLOYMENT, name, namespace)
            [own] = [
                each
                for each in cluster.list(REPLICA_SET, namespace).items
                if each["metadata"]["ownerReferences"][0]["uid"] == deployment["metadata"]["uid"]
            ]
            hashed = template_hash(own["spec"]["template"])
            assert own["metadata"]["name"] == f"{name}-{hashed}"
            assert own["metadata"]["labels"][POD_TEMPLATE_HASH] == hashed
    uids = [obj["metadata"]["uid"] for kind in KINDS for obj in cluster.list(kind).items]
    assert len(uids) == len(set(uids))


def test_nobody_finds_anything_to_do(objects: Path, tmp_path: Path) -> None:
    with control_plane.start_control_plane(tmp_path, objects=objects) as plane:
        cluster = _with_kinds(Cluster.connect(plane.kubeconfig), tmp_path)
        before = {kind: _versions(cluster, kind) for kind in KINDS}
        # What comes after it was looked at after the others: the neighbours take what they hear of in its order.
        fill(cluster, [("team-02", "app-0000")])
        eventually(lambda: len(cluster.list(ENDPOINT_SLICE, "team-02").items) == 1)
        eventually(lambda: cluster.get(DEPLOYMENT, "app-0000", "team-02").get("status", {}).get("replicas") == 1)
        assert {kind: _versions(cluster, kind) for kind in KINDS} == before


def _versions(cluster: Cluster, kind: Kind) -> dict[str, str]:
    return {
        obj["metadata"]["name"]: obj["metadata"]["resourceVersion"]
        for namespace in (SEED, COPY)
        for obj in cluster.list(kind, namespace).items
    }


def test_a_namespace_of_another_size_is_none_to_copy(tmp_path: Path) -> None:
    originals = [(NAMESPACE, {"metadata": {"name": SEED, "uid": "0" * 32}})]
    with pytest.raises(ValueError, match="zip"):
        write_copies(originals, [(SEED, "a"), (COPY, "b"), (COPY, "c")], tmp_path / "objects")
