"""Schemas of the built-in kinds, read off the official client's generated models.

The client carries every field of every built-in type with its JSON name and type. What it does not carry, namely
how lists merge, which scalars take a number or a string, and which fields a kind demands, is tabulated here.
"""

import re
from functools import cache
from typing import Any

from kubernetes.client import models

from delivery.lab.apiserver.status import Json

_SCALARS: dict[str, Json] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    "float": {"type": "number"},
    "bytes": {"type": "string", "format": "byte"},
    "datetime": {"type": "string", "format": "date-time"},
    "object": {"x-kubernetes-preserve-unknown-fields": True},
}
_LIST = re.compile(r"^[Ll]ist\[(.+)\]$")
_MAP = re.compile(r"^[Dd]ict[\[(]str, ?(.+)[\])]$")
_OPAQUE = frozenset({"V1JSONSchemaProps"})
"""Models that contain themselves; their content is kept as it is written."""

_INT_OR_STRING = frozenset({"maxSurge", "maxUnavailable", "minAvailable", "targetPort"})
_QUANTITIES = frozenset({"requests", "limits", "capacity", "allocatable"})
"""Maps to resource quantities, which may be written as numbers too."""
_INT_OR_STRING_OWNERS = frozenset({("V1HTTPGetAction", "port"), ("V1TCPSocketAction", "port")})

_MERGED_LISTS: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("V1PodSpec", "containers"): ("name", ("name",)),
    ("V1PodSpec", "initContainers"): ("name", ("name",)),
    ("V1PodSpec", "ephemeralContainers"): ("name", ("name",)),
    ("V1PodSpec", "volumes"): ("name", ("name",)),
    ("V1PodSpec", "imagePullSecrets"): ("name", ("name",)),
    ("V1PodSpec", "hostAliases"): ("ip", ("ip",)),
    ("V1PodSpec", "topologySpreadConstraints"): ("topologyKey", ("topologyKey", "whenUnsatisfiable")),
    ("V1Container", "env"): ("name", ("name",)),
    ("V1Container", "ports"): ("containerPort", ("containerPort", "protocol")),
    ("V1Container", "volumeMounts"): ("mountPath", ("mountPath",)),
    ("V1Container", "volumeDevices"): ("devicePath", ("devicePath",)),
    ("V1ServiceSpec", "ports"): ("port", ("port", "protocol")),
    ("V1EndpointSlice", "ports"): ("", ()),
    ("V1ObjectMeta", "ownerReferences"): ("uid", ("uid",)),
    ("V1PodStatus", "conditions"): ("type", ("type",)),
    ("V1PodStatus", "podIPs"): ("ip", ("ip",)),
    ("V1DeploymentStatus", "conditions"): ("type", ("type",)),
    ("V1ReplicaSetStatus", "conditions"): ("type", ("type",)),
    ("V1NamespaceStatus", "conditions"): ("type", ("type",)),
    ("V1NodeStatus", "conditions"): ("type", ("type",)),
    ("V1NodeStatus", "addresses"): ("type", ("type",)),
    ("V1ServiceStatus", "conditions"): ("type", ("type",)),
    ("V1PodDisruptionBudgetStatus", "conditions"): ("type", ("type",)),
    ("V1CustomResourceDefinitionStatus", "conditions"): ("type", ("type",)),
    ("V1ServiceAccount", "secrets"): ("name", ("name",)),
}
_SETS = frozenset({("V1ObjectMeta", "finalizers")})
_ATOMIC_MAPS = frozenset({"V1LabelSelector", "V1ObjectReference", "V1SecretKeySelector", "V1ConfigMapKeySelector"})
_ATOMIC_MAPS |= {"V1ObjectFieldSelector", "V1NodeSelector", "V1TypedLocalObjectReference", "V1LocalObjectReference"}

REQUIRED: dict[str, tuple[str, ...]] = {
    "V1DeploymentSpec": ("selector", "template"),
    "V1ReplicaSetSpec": ("selector",),
    "V1PodSpec": ("containers",),
    "V1Container": ("name",),
    "V1EnvVar": ("name",),
    "V1Volume": ("name",),
    "V1VolumeMount": ("mountPath", "name"),
    "V1ContainerPort": ("containerPort",),
    "V1ServicePort": ("port",),
    "V1HTTPGetAction": ("port",),
    "V1TCPSocketAction": ("port",),
    "V1EndpointSlice": ("addressType", "endpoints"),
    "V1Endpoint": ("addresses",),
    "V1HorizontalPodAutoscalerSpec": ("maxReplicas", "scaleTargetRef"),
    "V1RoleBinding": ("roleRef",),
    "V1ClusterRoleBinding": ("roleRef",),
}


@cache
def schema_of(model: str) -> Json:
    """The structural schema of one client model, such as `V1Deployment`; shared, so not to be changed.

    Raises:
        AttributeError: the installed client knows no such model.
    """
    declared = getattr(models, model)
    names: dict[str, str] = declared.attribute_map
    properties = {
        names[attribute]: _property(model, names[attribute], kind) for attribute, kind in declared.openapi_types.items()
    }
    schema: Json = {"type": "object", "properties": properties, "x-model": model}
    if model in REQUIRED:
        schema["required"] = list(REQUIRED[model])
    if model in _ATOMIC_MAPS:
        schema["x-kubernetes-map-type"] = "atomic"
    return schema


def _property(model: str, name: str, kind: str) -> Json:
    if name in _INT_OR_STRING or (model, name) in _INT_OR_STRING_OWNERS:
        return {"x-kubernetes-int-or-string": True}
    if name in _QUANTITIES:
        return {"type": "object", "additionalProperties": _SCALARS["object"]}
    schema = dict(_typed(kind))
    if (model, name) in _SETS:
        return schema | {"x-kubernetes-list-type": "set", "x-kubernetes-patch-strategy": "merge"}
    merge_key, map_keys = _MERGED_LISTS.get((model, name), ("", ()))
    if not merge_key:
        return schema
    return schema | {
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": list(map_keys),
        "x-kubernetes-patch-strategy": "merge",
        "x-kubernetes-patch-merge-key": merge_key,
    }


def _typed(kind: str) -> Json:
    if kind in _SCALARS:
        return _SCALARS[kind]
    if matched := _LIST.match(kind):
        return {"type": "array", "items": _typed(matched.group(1))}
    if matched := _MAP.match(kind):
        return {"type": "object", "additionalProperties": _typed(matched.group(1))}
    if kind in _OPAQUE:
        return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return schema_of(kind)


@cache
def object_meta() -> Json:
    """The schema of `metadata`, the same for every kind."""
    return schema_of("V1ObjectMeta")


def with_metadata(schema: Json) -> Json:
    """A custom kind's schema with the parts every object has: apiVersion, kind and a full `metadata`."""
    common: dict[str, Any] = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": object_meta(),
    }
    return {**schema, "properties": {**schema.get("properties", {}), **common}}
