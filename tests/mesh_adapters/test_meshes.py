"""Which routes and series belong to which mesh."""

from __future__ import annotations

import pytest

from delivery.cluster.kinds import (
    DESTINATION_RULE,
    GRPC_ROUTE,
    HTTP_ROUTE,
    LINKERD_HTTP_ROUTE,
    REFERENCE_GRANT,
    TRAFFIC_SPLIT,
    VIRTUAL_SERVICE,
)
from delivery.reconcile.route_finding import kind_of, route_kinds
from mesh_adapters.istio.series import ISTIO
from mesh_adapters.linkerd.series import LINKERD
from mesh_adapters.meshes import every_adapter, meshes, series_of


def test_every_kind_of_route_has_one_adapter_and_is_watched_in_the_same_versions() -> None:
    edited = [VIRTUAL_SERVICE, HTTP_ROUTE, GRPC_ROUTE, LINKERD_HTTP_ROUTE, TRAFFIC_SPLIT]
    assert [kind_of(adapter.ref) for adapter in every_adapter()] == edited
    assert set(route_kinds(meshes())) == {*edited, DESTINATION_RULE, REFERENCE_GRANT}


@pytest.mark.parametrize(
    ("metrics", "mesh", "series"),
    [
        ("auto", "istio", ISTIO),
        ("auto", "linkerd", LINKERD),
        ("auto", "gateway-api", ISTIO),
        ("auto", "", ISTIO),  # a record from before the mesh was recorded
        ("linkerd", "gateway-api", LINKERD),
        ("istio", "linkerd", ISTIO),
    ],
)
def test_the_policy_or_the_mesh_says_what_to_ask_for(metrics: str, mesh: str, series: object) -> None:
    assert series_of(metrics, mesh) is series
