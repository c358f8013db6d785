"""Which routes and series belong to which mesh."""

from __future__ import annotations

from typing import get_args

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
from delivery.resources.policy import Mesh
from mesh_adapters.gateway.series import ENVOY
from mesh_adapters.istio.series import ISTIO
from mesh_adapters.linkerd.series import LINKERD
from mesh_adapters.meshes import SOURCES, every_adapter, meshes, series_of
from mesh_adapters.subjects import LabelMatch


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
        ("envoy", "gateway-api", ENVOY),
    ],
)
def test_the_policy_or_the_mesh_says_what_to_ask_for(metrics: str, mesh: str, series: object) -> None:
    assert series_of(metrics, mesh) is series


@pytest.mark.parametrize("reporter", ["source", "waypoint"])
def test_the_policy_says_which_of_istios_proxies_to_believe(reporter: str) -> None:
    assert LabelMatch("reporter", "=", reporter) in series_of(f"istio-{reporter}", "istio").scope


def test_every_source_of_metrics_that_a_policy_can_name_is_there_once() -> None:
    named = get_args(Mesh.model_fields["metrics"].annotation)
    assert set(named) == {"auto", *SOURCES}
    assert len({series.name for series in SOURCES.values()}) == len(SOURCES)
