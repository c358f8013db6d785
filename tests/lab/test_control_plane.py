"""Starting and stopping control planes, and what a person reads when one does not come up."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import CUSTOM_RESOURCE_DEFINITION, DEPLOYMENT, REPLICA_SET, Kind
from delivery.errors import InvalidSpec, Unavailable
from delivery.lab.control_plane import ControlPlane, install_crds, start_control_plane
from delivery.lab.process import Process, ProcessFailed
from delivery.lab.readiness import answers, retrying_ports, stop_with, write_private
from tests.conditions import eventually
from tests.conftest import fresh_namespace, kubebuilder_assets


@pytest.fixture(scope="module", params=["embedded", "real"])
def plane(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Control planes whose Deployments our own neighbours look after, on the real API server too."""
    folder, assets = tmp_path_factory.mktemp("plane"), None
    if request.param == "real":
        given = kubebuilder_assets()
        if given is None:
            pytest.skip("KUBEBUILDER_ASSETS is not set: no real control plane to run")
        assets = folder / "assets"
        assets.mkdir()
        for program in ("etcd", "kube-apiserver"):
            (assets / program).symlink_to((given / program).resolve())
    with start_control_plane(folder / "run", assets=assets) as running:
        yield running


def test_it_says_where_it_is(plane: ControlPlane) -> None:
    cluster = Cluster.connect(plane.kubeconfig)
    assert cluster.host == plane.url
    assert plane.url.startswith(("http://127.0.0.1:", "https://127.0.0.1:"))
    assert cluster.ping().startswith("v1.")
    assert stat.S_IMODE(plane.kubeconfig.stat().st_mode) == 0o600
    logs = {file.name for file in plane.log_folder.glob("*.log")}
    assert logs >= {"neighbours.log", "apiserver.log" if plane.name == "embedded" else "kube-apiserver.log"}


def test_controllers_run(plane: ControlPlane) -> None:
    cluster = Cluster.connect(plane.kubeconfig)
    namespace = fresh_namespace(cluster)
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "app", "image": "registry.example/web:1"}]},
    }
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    cluster.create(DEPLOYMENT, {"metadata": {"name": "web", "namespace": namespace}, "spec": spec})
    (replica_set,) = eventually(lambda: cluster.list(REPLICA_SET, namespace).items)
    assert replica_set["metadata"]["ownerReferences"][0]["name"] == "web"
    cluster.delete(DEPLOYMENT, "web", namespace)
    eventually(lambda: not cluster.list(REPLICA_SET, namespace).items)


def _definition(plural: str) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": plural, "singular": plural[:-1], "kind": plural[:-1].capitalize()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.lab.example"},
        "spec": {"group": "lab.example", "scope": "Namespaced", "names": names, "versions": [version]},
    }


def test_crds_are_usable_as_soon_as_they_are_installed(plane: ControlPlane, tmp_path: Path) -> None:
    cluster = Cluster.connect(plane.kubeconfig)
    namespace = fresh_namespace(cluster)
    file = tmp_path / "two.yaml"
    file.write_text("---\n" + yaml.safe_dump_all([_definition("cups"), _definition("forks")]) + "---\n")
    assert install_crds(cluster, [file]) == ["cups.lab.example", "forks.lab.example"]
    kind = Kind("lab.example", ("v1",), "Fork", "forks")
    assert cluster.create(kind, {"metadata": {"name": "one", "namespace": namespace}})["kind"] == "Fork"
    before = cluster.get(CUSTOM_RESOURCE_DEFINITION, "forks.lab.example")["metadata"]["generation"]
    assert install_crds(cluster, [file]) == ["cups.lab.example", "forks.lab.example"]
    assert cluster.get(CUSTOM_RESOURCE_DEFINITION, "forks.lab.example")["metadata"]["generation"] == before


def test_only_definitions_are_installed(plane: ControlPlane, tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.write_text("kind: ConfigMap\n")
    with pytest.raises(InvalidSpec, match=r"other\.yaml: kind ConfigMap is not a CustomResourceDefinition"):
        install_crds(Cluster.connect(plane.kubeconfig), [file])


def test_it_is_gone_afterwards(tmp_path: Path) -> None:
    with start_control_plane(tmp_path, controllers=False) as running:
        cluster = Cluster.connect(running.kubeconfig)
        assert cluster.ping().startswith("v1.")
        assert not (tmp_path / "neighbours.log").exists()
    with pytest.raises(Unavailable):
        cluster.ping()


# -- what goes wrong -----------------------------------------------------------------------------------------


def _program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_missing_programs_are_named(tmp_path: Path) -> None:
    _program(tmp_path / "assets", "etcd", "exit 0")
    with (
        pytest.raises(InvalidSpec, match=r"KUBEBUILDER_ASSETS: .*assets has no kube-apiserver"),
        start_control_plane(tmp_path / "run", assets=tmp_path / "assets"),
    ):
        pytest.fail("it must not start")


def test_a_program_that_ends_is_named_with_its_last_words(tmp_path: Path) -> None:
    _program(tmp_path / "assets", "etcd", "echo the disk is full; exit 3")
    _program(tmp_path / "assets", "kube-apiserver", "exit 0")
    with (
        pytest.raises(ProcessFailed, match="etcd ended with code 3: the disk is full"),
        start_control_plane(tmp_path / "run", assets=tmp_path / "assets"),
    ):
        pytest.fail("it must not start")


def test_a_taken_port_is_tried_again_and_the_failed_attempt_cleaned_up() -> None:
    told: list[str] = []

    def start(own: ExitStack) -> int:
        number = len([line for line in told if line.startswith("start")])
        told.append(f"start {number}")
        own.callback(told.append, f"stop {number}")
        if number < 2:
            raise ProcessFailed("etcd ended with code 1: listen tcp 127.0.0.1:1: bind: address already in use")
        return number

    with ExitStack() as stack:
        assert retrying_ports(stack, start) == 2
        assert told == ["start 0", "stop 0", "start 1", "stop 1", "start 2"]
    assert told[-1] == "stop 2"


@pytest.mark.parametrize(("message", "attempts"), [("the disk is full", 1), ("bind: address already in use", 4)])
def test_other_failures_and_the_last_attempt_are_final(message: str, attempts: int) -> None:
    made: list[ExitStack] = []

    def start(own: ExitStack) -> None:
        made.append(own)
        raise ProcessFailed(message)

    with ExitStack() as stack, pytest.raises(ProcessFailed, match=message):
        retrying_ports(stack, start)
    assert len(made) == attempts


@pytest.fixture
def ended(tmp_path: Path) -> ExitStack:
    """The stack of a program that ended by itself."""
    stack = ExitStack()
    process = Process("watcher", ["sh", "-c", "echo out of luck; exit 4"], tmp_path / "watcher.log")
    stop_with(stack, process, grace_s=1.0)
    eventually(lambda: not process.running)
    return stack


def test_a_program_that_ended_unnoticed_is_told_at_the_end(ended: ExitStack) -> None:
    with pytest.raises(ProcessFailed, match="watcher ended early with code 4: out of luck"):
        ended.close()


def test_an_error_inside_is_not_hidden_by_it(ended: ExitStack) -> None:
    nearer = KeyError("nearer to the cause")
    assert not ended.__exit__(KeyError, nearer, None)


def test_private_files_are_replaced_whole_and_stay_private(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    for text in ("one", "two"):
        write_private(file, text)
        assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == (text, 0o600)
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://nowhere.invalid/", "http://127.0.0.1:99999/"])
def test_nobody_there_is_no_answer(url: str) -> None:
    assert answers(url) is False
