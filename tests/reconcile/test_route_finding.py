"""Which routes are a Service's, of which mesh, and in what form: every refusal says what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest

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
from delivery.reconcile.route_finding import FoundRoutes, RouteFinder
from delivery.reconcile.splits import first_split
from delivery.resources.policy import DeliveryPolicySpec, parse_policy
from mesh_adapters.meshes import meshes
from tests.reconcile.memory_cluster import MemoryCluster

Object = dict[str, Any]
LINKERDS_OWN = {str(LINKERD_HTTP_ROUTE), str(TRAFFIC_SPLIT)}


def named(name: str, spec: Object, namespace: str = "shop") -> Object:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


def virtual_service(**destination: Any) -> Object:
    return named("web", {"hosts": ["web"], "http": [{"route": [{"destination": {"host": "web", **destination}}]}]})


def route(name: str = "web", namespace: str = "shop", **ref: Any) -> Object:
    parent = {"group": "", "kind": "Service", "name": "web"}
    return named(
        name, {"parentRefs": [parent], "rules": [{"backendRefs": [{"name": "web", "port": 80, **ref}]}]}, namespace
    )


def rule(*subsets: str) -> Object:
    return named("web", {"host": "web", "subsets": [{"name": name, "labels": {"version": name}} for name in subsets]})


def find(cluster: MemoryCluster, labels: dict[str, str] | None = None, **mesh: Any) -> FoundRoutes:
    policy = parse_policy({"mesh": mesh}, "policy") if mesh else DeliveryPolicySpec()
    return RouteFinder(meshes()).find(cluster.reader, first_split("shop", "web", "web", policy), policy, labels)


def with_objects(*objects: tuple[Kind, Object], unserved: Iterable[str] = ()) -> MemoryCluster:
    cluster = MemoryCluster(unserved=set(unserved))
    for kind, obj in objects:
        cluster.put(kind, obj)
    return cluster


def test_what_else_the_cluster_serves_tells_whose_gateway_routes_are() -> None:
    assert find(with_objects((HTTP_ROUTE, route()))).mesh == "linkerd"
    assert find(with_objects((HTTP_ROUTE, route()), unserved=LINKERDS_OWN)).mesh == "gateway-api"
    assert find(with_objects((HTTP_ROUTE, route())), provider="gateway-api").mesh == "gateway-api"


def test_all_routes_of_one_mesh_are_split_together() -> None:
    found = find(with_objects((HTTP_ROUTE, route()), (GRPC_ROUTE, route("grpc")), (HTTP_ROUTE, route("edge"))))
    assert [(each.ref.kind, obj["metadata"]["name"]) for each, obj in found.routes] == [
        ("HTTPRoute", "web"),
        ("HTTPRoute", "edge"),
        ("GRPCRoute", "grpc"),
    ]


def test_a_route_that_is_only_in_the_way_of_a_new_one_does_not_matter_where_another_carries_the_service() -> None:
    bystander = named("web", {"hosts": ["web"], "http": [{"route": [{"destination": {"host": "cart"}}]}]})
    assert find(with_objects((VIRTUAL_SERVICE, bystander), (HTTP_ROUTE, route()))).mesh == "linkerd"
    with pytest.raises(InvalidSpec, match=r"spec\.hosts has 'web' for the mesh"):
        find(with_objects((VIRTUAL_SERVICE, bystander)))


def test_routes_that_the_policy_names_are_taken_and_no_others() -> None:
    cluster = with_objects((HTTP_ROUTE, route()), (HTTP_ROUTE, route("edge")), (VIRTUAL_SERVICE, virtual_service()))
    found = find(cluster, gatewayApi={"routes": [{"name": "edge"}]})
    assert [obj["metadata"]["name"] for _, obj in found.routes] == ["edge"]
    assert found.mesh == "gateway-api"
    found = find(cluster, linkerd={"routes": [{"name": "web"}]})
    assert [(obj["metadata"]["name"], each.ref.group) for each, obj in found.routes] == [("web", HTTP_ROUTE.group)]


def test_a_destination_rule_makes_the_split_one_by_subsets_of_the_pods_own() -> None:
    cluster = with_objects((VIRTUAL_SERVICE, virtual_service(subset="v1")), (DESTINATION_RULE, rule("v1", "v2")))
    found = find(cluster, {"app": "web", "version": "v1"})
    assert found.split.subsets == ("v1",)
    assert found.subset_rule is not None
    assert find(cluster, None).split.subsets == ("v1", "v2")  # which are the pods' own is not known yet
    without = with_objects((VIRTUAL_SERVICE, virtual_service()))
    assert find(without).split.subsets is None
    plain = with_objects((VIRTUAL_SERVICE, virtual_service()), (DESTINATION_RULE, rule("v1")))
    assert find(plain, istio={"splitBy": "services"}).split.subsets is None


def test_hosts_may_end_in_another_clusters_domain() -> None:
    host = {"host": "web.shop.svc.k8s.example"}
    subsets = named("web", {**rule("v1")["spec"], **host})
    cluster = with_objects((VIRTUAL_SERVICE, virtual_service(**host)), (DESTINATION_RULE, subsets))
    split, policy = first_split("shop", "web", "web", DeliveryPolicySpec()), DeliveryPolicySpec()
    found = RouteFinder(meshes("k8s.example")).find(cluster.reader, split, policy, None)
    assert found.subset_rule is not None
    assert (found.split.subsets, found.subset_rule["metadata"]["name"]) == (("v1",), "web")


def test_cross_namespace_routes_need_a_grant_for_both_arms() -> None:
    elsewhere = route("web", "edge")
    elsewhere["spec"]["rules"][0]["backendRefs"][0]["namespace"] = "shop"
    grant = named("g", {"from": [{"group": HTTP_ROUTE.group, "kind": "HTTPRoute", "namespace": "edge"}], "to": []})
    grant["spec"]["to"] = [{"group": "", "kind": "Service", "name": "web"}]
    with pytest.raises(
        InvalidSpec, match=r"namespace shop \(g\) from HTTPRoute of namespace edge to Service web-stable"
    ):
        find(with_objects((HTTP_ROUTE, elsewhere), (REFERENCE_GRANT, grant)))
    grant["spec"]["to"] = [{"group": "", "kind": "Service"}]
    assert find(with_objects((HTTP_ROUTE, elsewhere), (REFERENCE_GRANT, grant))).routes


NONE_FOR_WEB = [{"destination": {"host": "web"}, "weight": 0}, {"destination": {"host": "cart"}, "weight": 1}]
EVERY_KIND = {str(kind) for kind in (VIRTUAL_SERVICE, HTTP_ROUTE, GRPC_ROUTE, LINKERD_HTTP_ROUTE, TRAFFIC_SPLIT)}
REFUSED: dict[str, tuple[MemoryCluster, dict[str, Any], str]] = {
    "no mesh at all": (
        MemoryCluster(unserved=EVERY_KIND),
        {},
        "Service shop/web: this cluster serves no VirtualService",
    ),
    "not the mesh that is asked for": (
        MemoryCluster(unserved={str(VIRTUAL_SERVICE)}),
        {"provider": "istio"},
        "serves no VirtualService.networking.istio.io; install the mesh's CRDs",
    ),
    "routes of two meshes": (
        with_objects(
            (VIRTUAL_SERVICE, virtual_service()),
            (TRAFFIC_SPLIT, named("web", {"service": "web", "backends": [{"service": "web", "weight": 1}]})),
        ),
        {},
        "meshes: VirtualService.networking.istio.io shop/web and TrafficSplit.split.smi-spec.io shop/web; choose",
    ),
    "a named route that is not there": (
        MemoryCluster(),
        {"gatewayApi": {"routes": [{"name": "edge"}, {"name": "wob", "kind": "GRPCRoute"}]}},
        "HTTPRoute shop/edge, named in the policy's gatewayApi.routes[0], does not exist",
    ),
    "subsets without a DestinationRule": (
        with_objects((VIRTUAL_SERVICE, virtual_service(subset="v1"))),
        {},
        "its routes name the subset 'v1', and no DestinationRule in namespace shop has its host",
    ),
    "subsets that are asked for and cannot be": (
        with_objects((VIRTUAL_SERVICE, virtual_service())),
        {"istio": {"splitBy": "subsets"}},
        "the policy's mesh.istio.splitBy is subsets, and no DestinationRule in namespace shop has its host",
    ),
    "two DestinationRules": (
        with_objects(
            (VIRTUAL_SERVICE, virtual_service()),
            (DESTINATION_RULE, rule()),
            (DESTINATION_RULE, {**rule(), "metadata": {"name": "b", "namespace": "shop"}}),
        ),
        {},
        "Service shop/web has 2 DestinationRules (b, web): merge them",
    ),
    "no traffic for the Service": (
        with_objects((VIRTUAL_SERVICE, named("web", {"http": [{"route": NONE_FOR_WEB}]}))),
        {},
        "VirtualService.networking.istio.io shop/web gives Service shop/web no traffic, so there is nothing to split",
    ),
    "a subset, and subsets not wanted": (
        with_objects((VIRTUAL_SERVICE, virtual_service(subset="v1")), (DESTINATION_RULE, rule("v1"))),
        {"istio": {"splitBy": "services"}},
        "VirtualService shop/web: spec.http[0].route[0].destination.subset is 'v1'",
    ),
    "a kind that nothing is made of": (
        MemoryCluster(unserved=EVERY_KIND - {str(GRPC_ROUTE)}),
        {},
        "Service shop/web has no route, and the kinds that",
    ),
}


@pytest.mark.parametrize(("cluster", "mesh", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_says_what_to_do(cluster: MemoryCluster, mesh: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSpec, match=re.escape(message)):
        find(cluster, **mesh)
