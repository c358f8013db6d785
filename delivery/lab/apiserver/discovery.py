"""What clients ask first: which groups, versions and resources are served."""

from collections.abc import Iterable

from delivery.lab.apiserver.kinds import Registry, Resource
from delivery.lab.apiserver.status import Json

VERSION: Json = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.0+headgate",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}


def core_versions(address: str) -> Json:
    served = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": served}


def group_list(registry: Registry) -> Json:
    groups = [_group(name, versions) for name, versions in registry.groups().items()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group(registry: Registry, name: str) -> Json | None:
    versions = registry.groups().get(name)
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)} if versions else None


def _group(name: str, versions: list[str]) -> Json:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def resource_list(registry: Registry, group_name: str, version: str) -> Json | None:
    """Resources of one group version; None when it is not served."""
    resources = registry.serving(group_name, version)
    if not resources:
        return None
    listed = [entry for resource in resources for entry in _entries(resource)]
    named = f"{group_name}/{version}" if group_name else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": named, "resources": listed}


def _entries(resource: Resource) -> Iterable[Json]:
    names = resource.names
    entry: Json = {
        "name": names.plural,
        "singularName": names.singular,
        "namespaced": resource.namespaced,
        "kind": names.kind,
        "verbs": list(resource.verbs),
    }
    if names.short:
        entry["shortNames"] = list(names.short)
    if names.categories:
        entry["categories"] = list(names.categories)
    yield entry
    if resource.has_status:
        yield _subresource(resource, "status", names.kind, ["get", "patch", "update"])
    if resource.scale:
        scale = _subresource(resource, "scale", "Scale", ["get", "patch", "update"])
        yield {**scale, "group": "autoscaling", "version": "v1"}
    for name in resource.subresources:
        kind = "Binding" if name == "binding" else names.kind
        yield _subresource(resource, name, kind, ["create"] if name == "binding" else ["update"])


def _subresource(resource: Resource, name: str, kind: str, verbs: list[str]) -> Json:
    return {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": kind,
        "verbs": verbs,
    }
