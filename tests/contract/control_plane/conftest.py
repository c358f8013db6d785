"""What every test of the suite has: a raw connection, and the suite's own custom resources installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import ApiClient
from kubernetes.config import new_client_from_config

from delivery.cluster.client import Cluster
from delivery.lab.control_plane import ControlPlane, install_crds
from tests.contract.control_plane.objects import gadget_definition, shelf_definition, widget_definition
from tests.contract.control_plane.wire import Wire


@pytest.fixture(scope="session")
def api(control_plane: ControlPlane) -> ApiClient:
    """The official client."""
    client: ApiClient = new_client_from_config(config_file=str(control_plane.kubeconfig))
    return client


@pytest.fixture(scope="session")
def custom_resources(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names of the suite's CustomResourceDefinitions, established on the control plane."""
    file: Path = tmp_path_factory.mktemp("crds") / "suite.yaml"
    definitions: list[Any] = [widget_definition(), gadget_definition(), shelf_definition()]
    file.write_text(yaml.safe_dump_all(definitions))
    return install_crds(cluster, [file])


@pytest.fixture
def wire(api: ApiClient, custom_resources: list[str]) -> Wire:
    """The raw connection, with the suite's custom resources served."""
    return Wire(api)
