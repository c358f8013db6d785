"""How a client learns what the server serves."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes.client import ApiClient, VersionApi
from kubernetes.dynamic import DynamicClient

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import DEPLOYMENT, ENDPOINT_SLICE, POD, RELEASE, Kind
from tests.contract.control_plane.objects import GROUP, widget
from tests.contract.control_plane.wire import Wire


def _resource(listing: Any, name: str) -> Any:
    return next(entry for entry in listing["resources"] if entry["name"] == name)


def test_version_and_health(wire: Wire, api: ApiClient) -> None:
    assert VersionApi(api).get_code().git_version.startswith("v1.")
    for path in ("/readyz", "/livez", "/healthz"):
        answer = wire.get(path)
        assert (answer.status, answer.body) == (200, "ok")


def test_core_versions_and_groups(wire: Wire) -> None:
    assert wire.get("/api").ok()["kind"] == "APIVersions"
    assert wire.get("/api").ok()["versions"] == ["v1"]
    groups = {group["name"]: group for group in wire.get("/apis").ok()["groups"]}
    expected = {"apps", "apiextensions.k8s.io", "coordination.k8s.io", "discovery.k8s.io", GROUP}
    assert expected <= set(groups)
    assert groups["apps"]["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("/api/v1", "pods", {"kind": "Pod", "namespaced": True, "shortNames": ["po"], "categories": ["all"]}),
        ("/api/v1", "namespaces", {"kind": "Namespace", "namespaced": False, "shortNames": ["ns"]}),
        ("/api/v1", "services", {"kind": "Service", "namespaced": True, "shortNames": ["svc"]}),
        ("/api/v1", "configmaps", {"kind": "ConfigMap", "namespaced": True, "shortNames": ["cm"]}),
        ("/apis/apps/v1", "deployments", {"kind": "Deployment", "namespaced": True, "shortNames": ["deploy"]}),
        ("/apis/apps/v1", "replicasets", {"kind": "ReplicaSet", "namespaced": True, "shortNames": ["rs"]}),
        ("/apis/coordination.k8s.io/v1", "leases", {"kind": "Lease", "namespaced": True}),
    ],
)
def test_builtin_resources(wire: Wire, path: str, name: str, expected: dict[str, Any]) -> None:
    entry = _resource(wire.get(path).ok(), name)
    assert {key: entry.get(key) for key in expected} == expected
    assert {"create", "delete", "get", "list", "patch", "update", "watch"} <= set(entry["verbs"])


def test_subresources_are_listed(wire: Wire) -> None:
    names = {entry["name"] for entry in wire.get("/apis/apps/v1").ok()["resources"]}
    assert {"deployments/status", "deployments/scale", "replicasets/status", "replicasets/scale"} <= names
    assert _resource(wire.get("/apis/apps/v1").ok(), "deployments/scale")["kind"] == "Scale"
    assert "pods/status" in {entry["name"] for entry in wire.get("/api/v1").ok()["resources"]}


def test_custom_resources_are_listed_in_each_served_version(wire: Wire) -> None:
    group = wire.get(f"/apis/{GROUP}").ok()
    assert group["kind"] == "APIGroup"
    assert [entry["version"] for entry in group["versions"]] == ["v1", "v1alpha1"]
    assert group["preferredVersion"] == {"groupVersion": f"{GROUP}/v1", "version": "v1"}
    listing = wire.get(f"/apis/{GROUP}/v1").ok()
    widgets = _resource(listing, "widgets")
    assert (listing["kind"], listing["groupVersion"]) == ("APIResourceList", f"{GROUP}/v1")
    assert (widgets["singularName"], widgets["shortNames"], widgets["categories"]) == ("widget", ["wd"], ["suite"])
    assert _resource(listing, "gadgets")["namespaced"] is False
    assert {"widgets/status", "widgets/scale"} <= {entry["name"] for entry in listing["resources"]}
    assert [entry["name"] for entry in wire.get(f"/apis/{GROUP}/v1alpha1").ok()["resources"]][:1] == ["widgets"]
    assert wire.get(f"/apis/{GROUP}/v1alpha0").status == 404


def test_unknown_group_version_and_resource_are_not_found(wire: Wire) -> None:
    for path in ("/apis/nowhere.example", "/apis/apps/v9", "/api/v9", "/apis/apps/v1/nothings"):
        assert wire.get(path).status == 404, path


def test_openapi_is_served(wire: Wire) -> None:
    document = wire.get("/openapi/v2").ok()
    assert document["swagger"] == "2.0"
    kinds = {
        (entry["group"], entry["version"], entry["kind"])
        for definition in document["definitions"].values()
        for entry in definition.get("x-kubernetes-group-version-kind", [])
    }
    assert {("apps", "v1", "Deployment"), ("", "v1", "Service"), ("", "v1", "Pod")} <= kinds


def test_dynamic_client_finds_and_uses_a_custom_resource(wire: Wire, api: ApiClient, namespace: str) -> None:
    resource = DynamicClient(api).resources.get(api_version=f"{GROUP}/v1", kind="Widget")
    created = resource.create(body=widget("dynamic", {"colour": "blue"}), namespace=namespace)
    assert (created.kind, created.spec.colour, created.spec.size) == ("Widget", "blue", 3)
    assert [item.metadata.name for item in resource.get(namespace=namespace).items] == ["dynamic"]


def test_our_client_reads_what_is_served(cluster: Cluster, custom_resources: list[str]) -> None:
    assert cluster.ping().startswith("v1.")
    assert cluster.serves(POD)
    assert cluster.serves(DEPLOYMENT)
    assert cluster.serves(ENDPOINT_SLICE)
    assert cluster.serves(Kind(GROUP, ("v1",), "Widget", "widgets"))
    assert not cluster.serves(Kind(GROUP, ("v1",), "Gizmo", "gizmos"))
    assert not cluster.serves(Kind("nowhere.example", RELEASE.versions, "Release", "releases"))
