"""Objects the suite creates, and where they live."""

from __future__ import annotations

import copy
from typing import Any

Object = dict[str, Any]

GROUP = "suite.headgate.dev"


def core(namespace: str, resource: str, name: str = "") -> str:
    """Path of a core/v1 resource."""
    return _path("/api/v1", namespace, resource, name)


def apps(namespace: str, resource: str, name: str = "") -> str:
    """Path of an apps/v1 resource."""
    return _path("/apis/apps/v1", namespace, resource, name)


def widgets(namespace: str, name: str = "", version: str = "v1") -> str:
    """Path of the suite's namespaced custom resource."""
    return _path(f"/apis/{GROUP}/{version}", namespace, "widgets", name)


def gadgets(name: str = "") -> str:
    """Path of the suite's cluster-scoped custom resource."""
    return f"/apis/{GROUP}/v1/gadgets" + (f"/{name}" if name else "")


def shelves(namespace: str, name: str = "") -> str:
    """Path of the suite's custom resource with a keyed list."""
    return _path(f"/apis/{GROUP}/v1", namespace, "shelves", name)


def crds(name: str = "") -> str:
    """Path of the CustomResourceDefinitions."""
    return "/apis/apiextensions.k8s.io/v1/customresourcedefinitions" + (f"/{name}" if name else "")


def _path(base: str, namespace: str, resource: str, name: str) -> str:
    return f"{base}/namespaces/{namespace}/{resource}" + (f"/{name}" if name else "")


def config_map(name: str, data: dict[str, str] | None = None, **metadata: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **metadata},
        "data": {"key": "value"} if data is None else data,
    }


def pod(name: str, **metadata: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, **metadata},
        "spec": {"containers": [{"name": "app", "image": "registry.example/app:1"}]},
    }


def deployment(name: str, replicas: int = 0, **metadata: Any) -> Object:
    """A Deployment of one container; no replicas, so that no controller has anything to do with it."""
    labels = {"app": name}
    container = {
        "name": "app",
        "image": "registry.example/app:1",
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        "ports": [{"name": "http", "containerPort": 8080}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, **metadata},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def service(name: str, **metadata: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, **metadata},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    }


def widget(name: str, spec: Object | None = None, **metadata: Any) -> Object:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Widget",
        "metadata": {"name": name, **metadata},
        "spec": {"colour": "red"} if spec is None else spec,
    }


def gadget(name: str, **content: Any) -> Object:
    return {"apiVersion": f"{GROUP}/v1", "kind": "Gadget", "metadata": {"name": name}, **content}


def shelf(name: str, *parts: Object) -> Object:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Shelf",
        "metadata": {"name": name},
        "spec": {"parts": list(parts)},
    }


def widget_definition() -> Object:
    """Every schema feature the suite asks about; v1 is stored, v1alpha1 served too, v1alpha0 not served."""
    return _definition(
        {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"], "categories": ["suite"]},
        "Namespaced",
        [
            _version("v1", served=True, storage=True),
            _version("v1alpha1", served=True, storage=False),
            _version("v1alpha0", served=False, storage=False),
        ],
    )


def gadget_definition() -> Object:
    """Cluster-scoped, without a status subresource, open schema."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return _definition({"plural": "gadgets", "singular": "gadget", "kind": "Gadget"}, "Cluster", [version])


def shelf_definition() -> Object:
    """A keyed list and nothing special: int-or-string anywhere in a schema makes 1.20 apply all lists whole."""
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"parts": PARTS}}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return _definition({"plural": "shelves", "singular": "shelf", "kind": "Shelf"}, "Namespaced", [version])


def _definition(names: Object, scope: str, versions: list[Object]) -> Object:
    names = {"listKind": f"{names['kind']}List", **names}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{GROUP}"},
        "spec": {"group": GROUP, "scope": scope, "names": names, "versions": versions},
    }


def _version(name: str, *, served: bool, storage: bool) -> Object:
    return {
        "name": name,
        "served": served,
        "storage": storage,
        "schema": {"openAPIV3Schema": copy.deepcopy(WIDGET_SCHEMA)},
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.size",
                "statusReplicasPath": ".status.ready",
                "labelSelectorPath": ".status.selector",
            },
        },
        "additionalPrinterColumns": [
            {"name": "Colour", "type": "string", "jsonPath": ".spec.colour"},
            {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
            {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
            {"name": "Note", "type": "string", "jsonPath": ".spec.name", "priority": 1},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ],
    }


PARTS: Object = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["id"],
    "items": {
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "string"}, "count": {"type": "integer", "default": 1}},
    },
}

WIDGET_SCHEMA: Object = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["colour"],
            "properties": {
                "colour": {"type": "string", "enum": ["red", "green", "blue"]},
                "size": {"type": "integer", "minimum": 1, "maximum": 10, "default": 3},
                "ratio": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "multipleOf": 0.5},
                "name": {"type": "string", "pattern": "^[a-z]+$", "minLength": 2, "maxLength": 5},
                "enabled": {"type": "boolean"},
                "port": {"x-kubernetes-int-or-string": True},
                "note": {"type": "string", "nullable": True},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
                "pairs": {"type": "object", "additionalProperties": {"type": "integer"}},
                "parts": PARTS,
                "mode": {
                    "type": "object",
                    "default": {},
                    "properties": {"speed": {"type": "string", "default": "slow"}, "extra": {"type": "string"}},
                },
                "choice": {
                    "type": "object",
                    "oneOf": [{"required": ["left"]}, {"required": ["right"]}],
                    "properties": {"left": {"type": "string"}, "right": {"type": "string"}},
                },
            },
        },
        "status": {
            "type": "object",
            "properties": {
                "ready": {"type": "integer"},
                "selector": {"type": "string"},
                "observedGeneration": {"type": "integer", "format": "int64"},
                "conditions": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["type"],
                    "items": {
                        "type": "object",
                        "required": ["type", "status"],
                        "properties": {
                            "type": {"type": "string"},
                            "status": {"type": "string"},
                            "reason": {"type": "string"},
                        },
                    },
                },
            },
        },
    },
}
