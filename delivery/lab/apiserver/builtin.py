"""The built-in kinds: what each is called, where it is served, and the rules it follows."""

from dataclasses import dataclass, field, replace

from delivery.lab.apiserver import columns, rules, versions
from delivery.lab.apiserver.definitions import DEFINITION
from delivery.lab.apiserver.kinds import (
    BASE_FIELDS,
    VERBS,
    Column,
    FieldPaths,
    Names,
    Registry,
    Resource,
    Rules,
    ScalePaths,
)
from delivery.lab.apiserver.models import schema_of
from delivery.lab.apiserver.status import Json

_SCALE = ScalePaths(("spec", "replicas"), ("status", "replicas"), ("spec", "selector"))
_POD_FIELDS: FieldPaths = {
    "status.phase": ("status", "phase"),
    "status.podIP": ("status", "podIP"),
    "spec.nodeName": ("spec", "nodeName"),
    "spec.restartPolicy": ("spec", "restartPolicy"),
    "spec.schedulerName": ("spec", "schedulerName"),
    "spec.serviceAccountName": ("spec", "serviceAccountName"),
}
_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_EVENT_FIELDS: FieldPaths = {f"involvedObject.{part}": ("involvedObject", part) for part in _INVOLVED} | {
    "reason": ("reason",),
    "type": ("type",),
    "source": ("source", "component"),
    "reportingComponent": ("reportingComponent",),
}
_NEW_EVENT_FIELDS: FieldPaths = {f"regarding.{part}": ("involvedObject", part) for part in _INVOLVED}


_BETA_ENDPOINT: Json = {
    "type": "object",
    "properties": {
        **schema_of("V1Endpoint")["properties"],
        "topology": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


@dataclass(frozen=True, slots=True)
class _Kind:
    plural: str
    kind: str
    rules: Rules = rules.PLAIN
    group: str = ""
    versions: tuple[str, ...] = ("v1",)
    model: str = ""
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    namespaced: bool = True
    status: bool = False
    scale: ScalePaths | None = None
    columns: tuple[Column, ...] = (columns.AGE,)
    fields: FieldPaths = field(default_factory=dict)
    subresources: tuple[str, ...] = ()


_RBAC = "rbac.authorization.k8s.io"
_ALL = ("all",)
_NAMESPACE_FIELDS: FieldPaths = {"status.phase": ("status", "phase")}
_NODE_FIELDS: FieldPaths = {"spec.unschedulable": ("spec", "unschedulable")}
_CREATED = (columns.CREATED_AT,)
_KINDS = (
    _Kind(
        "namespaces",
        "Namespace",
        rules.NAMESPACE,
        short=("ns",),
        namespaced=False,
        status=True,
        columns=columns.NAMESPACE,
        fields=_NAMESPACE_FIELDS,
        subresources=("finalize",),
    ),
    _Kind(
        "nodes",
        "Node",
        rules.NODE,
        short=("no",),
        namespaced=False,
        status=True,
        columns=columns.NODE,
        fields=_NODE_FIELDS,
    ),
    _Kind(
        "pods",
        "Pod",
        rules.POD,
        short=("po",),
        categories=_ALL,
        status=True,
        columns=columns.POD,
        fields=_POD_FIELDS,
        subresources=("binding",),
    ),
    _Kind(
        "services",
        "Service",
        rules.SERVICE,
        short=("svc",),
        categories=_ALL,
        status=True,
        columns=columns.SERVICE,
    ),
    _Kind(
        "endpoints",
        "Endpoints",
        rules.ENDPOINTS,
        short=("ep",),
        columns=columns.ENDPOINTS,
    ),
    _Kind(
        "configmaps",
        "ConfigMap",
        rules.CONFIG_MAP,
        short=("cm",),
        columns=columns.CONFIG_MAP,
    ),
    _Kind(
        "secrets",
        "Secret",
        rules.SECRET,
        columns=columns.SECRET,
        fields={"type": ("type",)},
    ),
    _Kind(
        "serviceaccounts",
        "ServiceAccount",
        rules.SERVICE_ACCOUNT,
        short=("sa",),
        columns=columns.SERVICE_ACCOUNT,
        subresources=("token",),
    ),
    _Kind(
        "events",
        "Event",
        rules.EVENT,
        model="CoreV1Event",
        short=("ev",),
        columns=columns.EVENT,
        fields=_EVENT_FIELDS,
    ),
    _Kind(
        "deployments",
        "Deployment",
        rules.DEPLOYMENT,
        group="apps",
        short=("deploy",),
        categories=_ALL,
        status=True,
        scale=_SCALE,
        columns=columns.DEPLOYMENT,
    ),
    _Kind(
        "replicasets",
        "ReplicaSet",
        rules.REPLICA_SET,
        group="apps",
        short=("rs",),
        categories=_ALL,
        status=True,
        scale=_SCALE,
        columns=columns.REPLICA_SET,
    ),
    _Kind(
        "leases",
        "Lease",
        rules.LEASE,
        group="coordination.k8s.io",
        columns=columns.LEASE,
    ),
    _Kind(
        "endpointslices",
        "EndpointSlice",
        rules.ENDPOINT_SLICE,
        group="discovery.k8s.io",
        columns=columns.ENDPOINT_SLICE,
    ),
    _Kind(
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        rules.AUTOSCALER,
        group="autoscaling",
        short=("hpa",),
        categories=_ALL,
        status=True,
        columns=columns.AUTOSCALER,
    ),
    _Kind(
        "poddisruptionbudgets",
        "PodDisruptionBudget",
        rules.DISRUPTION_BUDGET,
        group="policy",
        versions=("v1", "v1beta1"),
        short=("pdb",),
        status=True,
        columns=columns.DISRUPTION_BUDGET,
    ),
    _Kind(
        "roles",
        "Role",
        rules.ROLE,
        group=_RBAC,
        columns=_CREATED,
    ),
    _Kind(
        "clusterroles",
        "ClusterRole",
        rules.ROLE,
        group=_RBAC,
        namespaced=False,
        columns=_CREATED,
    ),
    _Kind(
        "rolebindings",
        "RoleBinding",
        rules.BINDING,
        group=_RBAC,
        columns=columns.BINDING,
    ),
    _Kind(
        "clusterrolebindings",
        "ClusterRoleBinding",
        rules.BINDING,
        group=_RBAC,
        namespaced=False,
        columns=columns.BINDING,
    ),
    _Kind(
        "customresourcedefinitions",
        "CustomResourceDefinition",
        DEFINITION,
        group="apiextensions.k8s.io",
        short=("crd", "crds"),
        categories=("api-extensions",),
        namespaced=False,
        status=True,
        columns=_CREATED,
    ),
)


_AUTHORIZATION = "authorization.k8s.io"
REVIEWS = (
    (_AUTHORIZATION, "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    (_AUTHORIZATION, "subjectaccessreviews", "SubjectAccessReview"),
    ("authentication.k8s.io", "tokenreviews", "TokenReview"),
)
"""What is asked by creating an object that is kept nowhere: group, plural, kind."""


def builtin_registry() -> Registry:
    """A registry of all built-in kinds, to which custom ones are added as they are defined."""
    registry = Registry(_resource(kind, version) for kind in _KINDS for version in kind.versions)
    registry.add(_new_events(registry))
    registry.add(_beta_slices(registry))
    for group, plural, kind in REVIEWS:
        registry.add(_review(group, plural, kind))
    return registry


def _resource(kind: _Kind, version: str) -> Resource:
    storage_version = f"{kind.group}/{kind.versions[0]}" if kind.group else kind.versions[0]
    return Resource(
        group=kind.group,
        version=version,
        names=Names(kind.plural, kind.kind, kind.kind.lower(), f"{kind.kind}List", kind.short, kind.categories),
        namespaced=kind.namespaced,
        schema=schema_of(kind.model or f"V1{kind.kind}"),
        storage=(kind.group, kind.plural),
        storage_version=storage_version,
        rules=kind.rules,
        has_status=kind.status,
        scale=kind.scale,
        columns=kind.columns,
        fields=BASE_FIELDS | kind.fields,
        verbs=tuple(v for v in VERBS if (kind.plural, v) != ("namespaces", "deletecollection")),
        subresources=kind.subresources,
    )


def _found(registry: Registry, group: str, plural: str) -> Resource:
    found = registry.find(group, "v1", plural)
    if found is None:
        raise LookupError(f"{plural}.{group}: not among the built-in kinds")
    return found


def _new_events(registry: Registry) -> Resource:
    return replace(
        _found(registry, "", "events"),
        group="events.k8s.io",
        schema=schema_of("EventsV1Event"),
        fields=BASE_FIELDS | _NEW_EVENT_FIELDS,
        decode=versions.event_to_core,
        encode=versions.event_from_core,
    )


def _beta_slices(registry: Registry) -> Resource:
    current = _found(registry, "discovery.k8s.io", "endpointslices")
    endpoints = {"type": "array", "items": _BETA_ENDPOINT}
    schema = {**current.schema, "properties": {**current.schema["properties"], "endpoints": endpoints}}
    return replace(
        current,
        version="v1beta1",
        schema=schema,
        decode=versions.slice_from_beta,
        encode=versions.slice_to_beta,
    )


def _review(group: str, plural: str, kind: str) -> Resource:
    return Resource(
        group=group,
        version="v1",
        names=Names(plural, kind, kind.lower(), f"{kind}List"),
        namespaced=False,
        schema=schema_of(f"V1{kind}"),
        storage=(group, plural),
        storage_version=f"{group}/v1",
        verbs=("create",),
    )
