"""What the fields of an object in a file must be for an adapter to read it: in a cluster the CRD has seen to that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from delivery.cluster.client import Object
from delivery.errors import InvalidSpec
from delivery.resources.refusals import sentences

Texts = dict[str, Any] | None
Weight = Annotated[int, Field(ge=0, strict=True)]


class _Part(BaseModel):
    """Names the fields that are read; whatever else there is stays."""

    model_config = ConfigDict(strict=True, extra="allow", alias_generator=to_camel)


class Metadata(_Part):
    namespace: str | None = None
    labels: Texts = None
    annotations: Texts = None


class _Target(_Part):
    host: str | None = None
    subset: str | None = None


class _HeaderChange(_Part):
    add: Texts = None
    set: Texts = None


class _Headers(_Part):
    response: _HeaderChange | None = None


class _Destination(_Part):
    destination: _Target | None = None
    weight: Weight | None = None
    headers: _Headers | None = None


class _Mirror(_Part):
    destination: _Target | None = None


class _Match(_Part):
    headers: Texts = None
    query_params: Texts = None


class _L4Rule(_Part):
    route: list[_Destination] | None = None


class _HttpRule(_L4Rule):
    name: str | None = None
    match: list[_Match] | None = None
    mirrors: list[_Mirror] | None = None


class _VirtualService(_Part):
    hosts: list[str] | None = None
    gateways: list[str] | None = None
    http: list[_HttpRule] | None = None
    tls: list[_L4Rule] | None = None
    tcp: list[_L4Rule] | None = None


class _Subset(_Part):
    name: str
    labels: Texts = None


class _DestinationRule(_Part):
    host: str
    subsets: list[_Subset] | None = None


class _Reference(_Part):
    group: str | None = None
    kind: str | None = None
    namespace: str | None = None
    name: str | None = None
    port: int | None = None


class _NamedValue(_Part):
    name: str
    value: Any = None


class _Modifier(_Part):
    add: list[_NamedValue] | None = None
    set: list[_NamedValue] | None = None


class _RequestMirror(_Part):
    backend_ref: _Reference | None = None


class _Filter(_Part):
    type: str | None = None
    request_mirror: _RequestMirror | None = None
    response_header_modifier: _Modifier | None = None


class _BackendRef(_Reference):
    weight: Weight | None = None
    filters: list[_Filter] | None = None


class _RouteMatch(_Part):
    path: Texts = None
    headers: list[_NamedValue] | None = None
    query_params: list[_NamedValue] | None = None


class _RouteRule(_Part):
    name: str | None = None
    matches: list[_RouteMatch] | None = None
    filters: list[_Filter] | None = None
    backend_refs: list[_BackendRef] | None = None


class _GatewayRoute(_Part):
    parent_refs: list[_Reference] | None = None
    rules: list[_RouteRule] | None = None


class _Backend(_Part):
    service: str | None = None
    weight: int | float | str | None = None


class _TrafficSplit(_Part):
    service: str | None = None
    backends: list[_Backend] | None = None


class _Grant(_Part):
    origins: list[Texts] | None = Field(default=None, alias="from")
    to: list[Texts] | None = None


class _Port(_Part):
    port: int


class _Service(_Part):
    ports: list[_Port] | None = None


_SPECS: Mapping[tuple[str, str], type[_Part]] = {
    ("networking.istio.io", "VirtualService"): _VirtualService,
    ("networking.istio.io", "DestinationRule"): _DestinationRule,
    ("gateway.networking.k8s.io", "HTTPRoute"): _GatewayRoute,
    ("gateway.networking.k8s.io", "GRPCRoute"): _GatewayRoute,
    ("policy.linkerd.io", "HTTPRoute"): _GatewayRoute,
    ("split.smi-spec.io", "TrafficSplit"): _TrafficSplit,
    ("gateway.networking.k8s.io", "ReferenceGrant"): _Grant,
    ("", "Service"): _Service,
}
_DESTINATIONS: Mapping[str, TypeAdapter[Any]] = {
    "VirtualService": TypeAdapter(list[_Destination]),
    "HTTPRoute": TypeAdapter(list[_BackendRef]),
    "GRPCRoute": TypeAdapter(list[_BackendRef]),
    "TrafficSplit": TypeAdapter(list[_Backend]),
}


def require_shape(obj: Object, where: str) -> None:
    """Raises InvalidSpec with the first field that is not what it has to be. Kinds that nobody edits are not looked
    into."""
    of = f"{where}: {obj['kind']} {obj['metadata']['name']}"
    _checked(TypeAdapter(Metadata), obj["metadata"], of, "metadata")
    spec = _SPECS.get((obj["apiVersion"].rpartition("/")[0], obj["kind"]))
    if spec is not None and obj.get("spec") is not None:
        _checked(TypeAdapter(spec), obj["spec"], of, "spec")


def require_destinations(kind: str, destinations: Sequence[Any], where: str) -> None:
    """Raises InvalidSpec where this is no list of destinations of a rule of that kind."""
    if kind in _DESTINATIONS:
        _checked(_DESTINATIONS[kind], list(destinations), where, "route")


def _checked(shape: TypeAdapter[Any], value: Any, where: str, root: str) -> None:
    try:
        shape.validate_python(value)
    except ValidationError as problem:
        raise InvalidSpec(f"{where}: {sentences(problem, root)[0]}") from problem
