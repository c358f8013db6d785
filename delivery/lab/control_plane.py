"""The Kubernetes control plane under the lab and the tests: our embedded one, or the real programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import CUSTOM_RESOURCE_DEFINITION, Kind
from delivery.errors import AlreadyExists, InvalidSpec, Unavailable
from delivery.lab.envtest import start_controllers, start_real
from delivery.lab.process import Process
from delivery.lab.readiness import answers, stop_with

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the CRDs of a mesh are long, libyaml is ten times faster
READY_WITHIN_S = 30.0
ESTABLISHED_WITHIN_S = 30.0


class ControlPlane(Protocol):
    """A running API server (and controllers): where it is and how to get in."""

    @property
    def name(self) -> str:
        """`embedded` or `real`."""

    @property
    def kubeconfig(self) -> Path:
        """Administrator's credentials, mode 0600."""

    @property
    def url(self) -> str:
        """Address of the API server."""

    @property
    def log_folder(self) -> Path:
        """Where each program keeps its NAME.log."""


@dataclass(frozen=True, slots=True)
class EmbeddedPlane:
    """Our in-memory API server in a process of its own."""

    kubeconfig: Path
    url: str
    log_folder: Path
    name: str = "embedded"


@contextmanager
def start_control_plane(
    folder: Path, *, assets: Path | None = None, controllers: bool = True, objects: Path | None = None
) -> Iterator[ControlPlane]:
    """Runs a control plane while the context lasts; its files and logs live in `folder`.

    `assets` is a KUBEBUILDER_ASSETS folder: the real programs run. Without it the embedded server does.
    `controllers` adds those of Deployments, ReplicaSets and endpoints: kube-controller-manager where `assets` has
    it, ours otherwise. `objects`: a file of what the embedded server begins with (its `--objects`).
    Raises ProcessFailed naming the program that did not come up, with the end of its log; InvalidSpec where `objects`
    are meant for the real programs.
    """
    if assets is not None and objects is not None:
        raise InvalidSpec(f"{objects}: only the embedded API server begins with objects, {assets} has real programs")
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if assets is None:
            plane: ControlPlane = _start_embedded(stack, folder, objects)
            if controllers:
                _start_neighbours(stack, plane)
        else:
            real = plane = start_real(stack, folder, assets)
            if controllers and (assets / "kube-controller-manager").is_file():
                start_controllers(stack, real, assets)
            elif controllers:
                _start_neighbours(stack, plane, "--garbage-collector")
        yield plane


def install_crds(cluster: Cluster, files: Iterable[Path]) -> list[str]:
    """Creates the CustomResourceDefinitions in the YAML `files` and waits until all are served; returns their names.

    One that exists already is left as it is. Raises InvalidSpec for a file with anything else in it.
    """
    names = []
    for file in files:
        for definition in yaml.load_all(file.read_text(), Loader=LOADER):
            if definition is None:
                continue
            if definition.get("kind") != CUSTOM_RESOURCE_DEFINITION.name:
                raise InvalidSpec(f"{file}: kind {definition.get('kind')} is not a CustomResourceDefinition")
            _create_once(cluster, definition)
            names.append(str(definition["metadata"]["name"]))
    for name in names:
        _wait_established(cluster, name)
    return names


def _create_once(cluster: Cluster, definition: dict[str, Any]) -> None:
    try:
        cluster.create(CUSTOM_RESOURCE_DEFINITION, definition)
    except AlreadyExists:
        return


def _wait_established(cluster: Cluster, name: str) -> None:
    deadline = time.monotonic() + ESTABLISHED_WITHIN_S
    while True:
        definition = cluster.get(CUSTOM_RESOURCE_DEFINITION, name)
        conditions = definition.get("status", {}).get("conditions") or []
        held = {entry["type"]: entry for entry in conditions if entry["status"] == "True"}
        # Established alone may be a moment ahead of the handler that serves the kind: ask for the kind itself too.
        if "Established" in held and _all_served(cluster, definition):
            return
        if time.monotonic() > deadline:
            raise Unavailable(f"CustomResourceDefinition {name}: not established after {ESTABLISHED_WITHIN_S:.0f} s")
        time.sleep(0.05)


def _all_served(cluster: Cluster, definition: dict[str, Any]) -> bool:
    spec = definition["spec"]
    versions = [entry["name"] for entry in spec["versions"] if entry["served"]]
    kinds = (
        Kind(spec["group"], (version,), spec["names"]["kind"], spec["names"]["plural"], namespaced=False)
        for version in versions
    )
    return all(cluster.serves(kind) for kind in kinds)


def _start_embedded(stack: ExitStack, folder: Path, objects: Path | None) -> EmbeddedPlane:
    kubeconfig = folder / "kubeconfig"
    kubeconfig.unlink(missing_ok=True)
    arguments = ["--port", "0", "--kubeconfig", str(kubeconfig)]
    arguments += ["--objects", str(objects)] if objects else []
    server = _start_module(stack, folder, "delivery.lab.apiserver", arguments)
    server.wait_until(kubeconfig.is_file, READY_WITHIN_S)
    url = str(yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"])
    server.wait_until(lambda: answers(f"{url}/readyz"), READY_WITHIN_S)
    return EmbeddedPlane(kubeconfig, url, folder)


def _start_neighbours(stack: ExitStack, plane: ControlPlane, *flags: str) -> Process:
    return _start_module(
        stack, plane.log_folder, "delivery.lab.neighbours", ["--kubeconfig", str(plane.kubeconfig), *flags]
    )


def _start_module(stack: ExitStack, folder: Path, module: str, arguments: list[str]) -> Process:
    name = module.rpartition(".")[2]
    process = Process(name, [sys.executable, "-m", module, *arguments], folder / f"{name}.log")
    stop_with(stack, process, grace_s=2.0)
    return process
