"""Commands against a control plane, and against the API over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from delivery.cluster.client import Cluster
from delivery.lab.apiserver.server import EmbeddedApiServer
from delivery.lab.control_plane import install_crds
from delivery.resources.crds import write_definitions
from tests.served import folders, own_served

__all__ = ["folders", "own_served"]


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[Path]:
    """Of an API server of the test's own, with our CRDs and nothing else."""
    with EmbeddedApiServer() as server:
        path = server.write_kubeconfig(tmp_path / "kubeconfig")
        install_crds(Cluster.connect(path), write_definitions(tmp_path / "crds"))
        yield path
