"""OpenAPI documents of what is served, enough for kubectl to explain kinds and to leave validation to the server."""

from typing import Any

from delivery.lab.apiserver.discovery import VERSION
from delivery.lab.apiserver.kinds import Registry, Resource
from delivery.lab.apiserver.status import Json

_INFO = {"title": "Kubernetes", "version": VERSION["gitVersion"]}
_WRITES = {"post": "post", "put": "put", "patch": "patch"}


def v3(registry: Registry, path: list[str]) -> Json | None:
    """The index, or the document of the group version that `path` names; None when it is not served."""
    match path:
        case []:
            return v3_index(registry)
        case ["api", version]:
            return v3_document(registry, "", version)
        case ["apis", group, version]:
            return v3_document(registry, group, version)
    return None


def v3_index(registry: Registry) -> Json:
    paths = {}
    for group, version in sorted({(r.group, r.version) for r in registry}):
        path = f"apis/{group}/{version}" if group else f"api/{version}"
        paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}"}
    return {"paths": paths}


def v3_document(registry: Registry, group: str, version: str) -> Json | None:
    """The document of one group version; None when it is not served."""
    resources = registry.serving(group, version)
    if not resources:
        return None
    paths: Json = {}
    for resource in resources:
        paths |= _paths(resource)
    schemas = {_model_name(resource): _schema(resource) for resource in resources}
    return {"openapi": "3.0.0", "info": _INFO, "paths": paths, "components": {"schemas": schemas}}


def v2_document(registry: Registry) -> Json:
    definitions = {_model_name(resource): _schema(resource) for resource in registry}
    return {"swagger": "2.0", "info": _INFO, "paths": {}, "definitions": definitions}


def _model_name(resource: Resource) -> str:
    owner = ".".join(reversed(resource.group.split("."))) if resource.group else "io.k8s.api.core"
    return f"{owner}.{resource.version}.{resource.names.kind}"


def _identity(resource: Resource) -> Json:
    return {"group": resource.group, "version": resource.version, "kind": resource.names.kind}


def _schema(resource: Resource) -> Json:
    published: Json = _published(resource.schema)
    return published | {"x-kubernetes-group-version-kind": [_identity(resource)]}


def _published(schema: Any) -> Any:
    """A schema without what only this server reads."""
    if isinstance(schema, dict):
        return {name: _published(value) for name, value in schema.items() if name != "x-model"}
    return [_published(item) for item in schema] if isinstance(schema, list) else schema


def _paths(resource: Resource) -> Json:
    base = f"/apis/{resource.group}" if resource.group else "/api"
    scope = "namespaces/{namespace}/" if resource.namespaced else ""
    collection = f"{base}/{resource.version}/{scope}{resource.plural}"
    item = f"{collection}/{{name}}"
    return {
        collection: {"get": _operation(resource, "list"), "post": _operation(resource, "post")},
        item: {verb: _operation(resource, verb) for verb in ("get", "put", "patch", "delete")},
    }


def _operation(resource: Resource, action: str) -> Json:
    parameters = []
    if action in _WRITES:
        names = ("dryRun", "fieldManager", "fieldValidation")
        parameters = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]
    return {
        "operationId": f"{action}{resource.group}{resource.version}{resource.names.kind}",
        "parameters": parameters,
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _identity(resource),
    }
