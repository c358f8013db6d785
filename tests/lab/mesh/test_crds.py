"""The lab's own CRDs: every version we speak, the defaults of the real ones, values of the wrong type refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import (
    DESTINATION_RULE,
    GRPC_ROUTE,
    HTTP_ROUTE,
    LINKERD_HTTP_ROUTE,
    REFERENCE_GRANT,
    TRAFFIC_SPLIT,
    VIRTUAL_SERVICE,
    Kind,
)
from delivery.errors import InvalidSpec
from delivery.lab.control_plane import install_crds, start_control_plane

KINDS = (
    VIRTUAL_SERVICE,
    DESTINATION_RULE,
    HTTP_ROUTE,
    GRPC_ROUTE,
    REFERENCE_GRANT,
    LINKERD_HTTP_ROUTE,
    TRAFFIC_SPLIT,
)
ROUTES = (HTTP_ROUTE, GRPC_ROUTE, LINKERD_HTTP_ROUTE)
SPLIT_VERSIONS = [replace(TRAFFIC_SPLIT, versions=(version,)) for version in TRAFFIC_SPLIT.versions]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server of this test's own: the shared ones may have the real CRDs."""
    with start_control_plane(tmp_path_factory.mktemp("plane"), controllers=False) as plane:
        cluster = Cluster.connect(plane.kubeconfig)
        install_crds(cluster, sorted(Path(str(resources.files("delivery.lab") / "crds")).glob("*.yaml")))
        yield cluster


def named(name: str, spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default"}, "spec": spec}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_version_we_speak_is_served(served: Cluster, kind: Kind) -> None:
    for version in kind.versions:
        assert served.serves(replace(kind, versions=(version,)))


@pytest.mark.parametrize("kind", ROUTES, ids=str)
def test_what_a_user_leaves_out_of_a_route_is_filled_in(served: Cluster, kind: Kind) -> None:
    spec = {"parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}
    written = served.create(kind, named("defaults", spec))["spec"]
    assert written["parentRefs"] == [{"name": "edge", "group": kind.group, "kind": "Gateway"}]
    [rule] = written["rules"]
    assert rule["backendRefs"] == [{"name": "web", "port": 80, "kind": "Service", "weight": 1}]
    matches = None if kind == GRPC_ROUTE else [{"path": {"type": "PathPrefix", "value": "/"}}]
    assert rule.get("matches") == matches


@pytest.mark.parametrize("kind", [VIRTUAL_SERVICE, DESTINATION_RULE, *ROUTES], ids=str)
def test_the_status_is_a_resource_of_its_own(served: Cluster, kind: Kind) -> None:
    spec = {"host": "web"} if kind == DESTINATION_RULE else {}
    served.create(kind, {**named("status", spec), "status": {"parents": []}})
    assert "status" not in served.get(kind, "status", "default")
    written = served.patch(kind, "status", "default", {"status": {"parents": []}}, subresource="status")
    assert written["status"] == {"parents": []}
    assert written["metadata"]["generation"] == 1


@pytest.mark.parametrize("kind", SPLIT_VERSIONS, ids=lambda kind: str(kind.versions[0]))
def test_weights_are_what_each_version_of_traffic_splits_has(served: Cluster, kind: Kind) -> None:
    def create(name: str, weight: object) -> None:
        served.create(kind, named(name, {"service": "web", "backends": [{"service": "web", "weight": weight}]}))

    create(f"{kind.versions[0]}-whole", 1)
    if kind.versions == ("v1alpha1",):
        create("milli", "900m")
        with pytest.raises(InvalidSpec, match="weight"):
            create("fraction", 0.5)
    else:
        create("fraction", 0.5)
        with pytest.raises(InvalidSpec, match="weight"):
            create("milli", "900m")


@pytest.mark.parametrize(
    ("kind", "spec", "field"),
    [
        (HTTP_ROUTE, {"rules": [{"backendRefs": [{"name": "web", "weight": 1_000_001}]}]}, "weight"),
        (HTTP_ROUTE, {"rules": [{"matches": [{"path": {"type": "Prefix"}}]}]}, "type"),
        (GRPC_ROUTE, {"rules": [{"matches": [{"method": {"type": "Some"}}]}]}, "type"),
        (LINKERD_HTTP_ROUTE, {"rules": [{"filters": [{"type": "RequestMirror"}]}]}, "type"),
        (DESTINATION_RULE, {}, "host"),
        (REFERENCE_GRANT, {"from": []}, "from"),
    ],
)
def test_what_no_mesh_would_take_is_refused(served: Cluster, kind: Kind, spec: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidSpec, match=field):
        served.create(kind, named("refused", spec))
