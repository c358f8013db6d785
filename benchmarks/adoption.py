"""A cluster of the benchmarks, and the controller that adopts what is in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from benchmarks.idle_cluster import Object, Sightings, wait_until, watched
from delivery.cluster.client import Cluster
from delivery.cluster.informer import Informer
from delivery.lab import control_plane
from delivery.lab.process import Process
from delivery.resources.crds import write_definitions


@dataclass(frozen=True, slots=True)
class Running:
    """An API server with its neighbours and a kubelet; `deployments` as they are heard of."""

    kubeconfig: Path
    cluster: Cluster
    deployments: Informer


@contextmanager
def running(
    folder: Path, sightings: Sightings, *, assets: Path | None = None, objects: Path | None = None
) -> Iterator[Running]:
    """All of it, gone afterwards; `assets` and `objects` as `start_control_plane` takes them."""
    with control_plane.start_control_plane(folder, assets=assets, objects=objects) as plane:
        cluster = Cluster.connect(plane.kubeconfig)
        install_kinds(cluster, folder)
        with watched(cluster, sightings) as deployments:
            yield Running(plane.kubeconfig, cluster, deployments)


def install_kinds(cluster: Cluster, folder: Path) -> None:
    """Our own, and Istio's VirtualService."""
    lab = Path(control_plane.__file__).parent
    control_plane.install_crds(cluster, [*write_definitions(folder), lab / "crds" / "virtualservices.yaml"])


@contextmanager
def adopting(
    folder: Path, deployments: Informer, count: int, patience: float, flags: Sequence[str]
) -> Iterator[Process]:
    """The controller with these flags, once so many Deployments are available and it has adopted all; then it stops."""
    wait_until(lambda: _available(deployments) == count, f"{count} Deployments available", patience)
    typer.echo(f"{count} Deployments available")
    process = Process(
        "controller", [sys.executable, "-m", "delivery.cli", "controller", *flags], folder / "controller.log"
    )
    try:
        process.wait_until(lambda: _paused(deployments) == count, patience)
        typer.echo("all adopted")
        yield process
    finally:
        process.stop()


def _available(seen: Informer) -> int:
    return sum((obj.get("status") or {}).get("availableReplicas") == 1 for obj in _users_own(seen))


def _paused(seen: Informer) -> int:
    return sum(obj["spec"].get("paused") is True for obj in _users_own(seen))


def _users_own(seen: Informer) -> Iterator[Object]:
    """The Deployments without the canaries'."""
    return (obj for obj in seen.list() if not obj["metadata"]["name"].endswith("-canary"))
