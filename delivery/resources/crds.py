"""From the models to CustomResourceDefinitions: structural OpenAPI schemas, printer columns, names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from delivery.resources.annotations import GROUP
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import ReleaseSpec, ReleaseStatus

VERSION = "v1alpha1"
_KEPT = {
    "type",
    "format",
    "pattern",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "description",
}
_OPEN: dict[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}
_CONDITIONS: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["type", "status"],
        "properties": {
            "type": {"type": "string"},
            "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
            "reason": {"type": "string"},
            "message": {"type": "string"},
            "observedGeneration": {"type": "integer", "format": "int64"},
            "lastTransitionTime": {"type": "string", "format": "date-time"},
        },
    },
}


def all_definitions() -> dict[str, dict[str, Any]]:
    """Every CRD by its plural name."""
    # A mistyped field must reach us to be refused by name; pruning would drop it without a word.
    policy = with_defaults(
        structural(DeliveryPolicySpec, keep_unknown=True),
        DeliveryPolicySpec().model_dump(mode="json", by_alias=True, exclude_none=True),
    )
    policy_status = {"type": "object", "properties": {"conditions": _CONDITIONS}}
    definitions = [
        _definition("DeliveryPolicy", "deliverypolicies", ["dp"], policy, policy_status, _POLICY_COLUMNS),
        _definition(
            "ClusterDeliveryPolicy",
            "clusterdeliverypolicies",
            ["cdp"],
            policy,
            policy_status,
            _POLICY_COLUMNS,
            namespaced=False,
        ),
        _definition(
            "Release", "releases", ["rel"], structural(ReleaseSpec), structural(ReleaseStatus), _RELEASE_COLUMNS
        ),
    ]
    return {definition["spec"]["names"]["plural"]: definition for definition in definitions}


def write_definitions(folder: Path) -> list[Path]:
    """Writes one YAML file a CRD and returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for plural, definition in all_definitions().items():
        path = folder / f"{plural}.yaml"
        path.write_text(to_yaml(definition))
        written.append(path)
    return written


def to_yaml(definition: Mapping[str, Any]) -> str:
    """One CRD as the YAML document that is kept in manifests/crds."""
    return yaml.dump(definition, Dumper=_WrittenOut, sort_keys=False, width=120)


class _WrittenOut(yaml.SafeDumper):
    """Without anchors: a schema that is used twice is written twice, for readers and strict parsers."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 (the name is the base class's)
        return True


def with_defaults(schema: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A structural object schema whose scalar fields, at any depth, carry `defaults`.

    An absent object becomes an empty one, which its fields' defaults then fill: so `spec: {}` is stored in full. Lists
    stay absent; the controller knows theirs.
    """
    properties = {name: _defaulted(inner, defaults.get(name)) for name, inner in schema["properties"].items()}
    return {**schema, "properties": properties, "default": {}}


def _defaulted(schema: Mapping[str, Any], default: Any) -> dict[str, Any]:
    if isinstance(default, dict):
        return with_defaults(schema, default)
    return dict(schema) if default is None or isinstance(default, list) else {**schema, "default": default}


def structural(model: type[BaseModel], *, keep_unknown: bool = False) -> dict[str, Any]:
    """The model's JSON schema in the dialect a CRD accepts: no references, unions or null types."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return _convert(schema, schema.get("$defs", {}), keep_unknown)


def _convert(schema: Mapping[str, Any], definitions: Mapping[str, Any], keep_unknown: bool) -> dict[str, Any]:
    if "$ref" in schema:
        target = definitions[schema["$ref"].rsplit("/", 1)[1]]
        inner = _convert(target, definitions, keep_unknown)
        return inner | {key: schema[key] for key in ("description",) if key in schema}
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return _convert_union(schema, options, definitions, keep_unknown)
    converted: dict[str, Any] = {key: value for key, value in schema.items() if key in _KEPT}
    if isinstance(converted.get("description"), str):
        converted["description"] = " ".join(converted["description"].split())
    if "const" in schema:
        converted |= {"type": "string", "enum": [schema["const"]]}
    _convert_bounds(schema, converted)
    if schema.get("type") == "object":
        _convert_object(schema, converted, definitions, keep_unknown)
    if schema.get("type") == "array":
        converted["items"] = _convert_items(schema.get("items", {}), definitions, keep_unknown)
    return converted


def _convert_union(
    schema: Mapping[str, Any], options: list[Any], definitions: Mapping[str, Any], keep_unknown: bool
) -> dict[str, Any]:
    present = [option for option in options if option.get("type") != "null"]
    described = {"description": schema["description"]} if "description" in schema else {}
    if len(present) == 1:
        return _convert(present[0], definitions, keep_unknown) | described
    # A choice between shapes has no structural form; the controller checks it.
    return {"type": "object", **_OPEN, **described}


def _convert_bounds(schema: Mapping[str, Any], converted: dict[str, Any]) -> None:
    for exclusive, inclusive in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if exclusive in schema:
            converted |= {inclusive: schema[exclusive], exclusive: True}


def _convert_object(
    schema: Mapping[str, Any], converted: dict[str, Any], definitions: Mapping[str, Any], keep_unknown: bool
) -> None:
    if "properties" not in schema:
        converted |= _OPEN
        return
    converted["properties"] = {
        name: _convert(inner, definitions, keep_unknown) for name, inner in schema["properties"].items()
    }
    if schema.get("required"):
        converted["required"] = list(schema["required"])
    if keep_unknown:
        converted |= _OPEN


def _convert_items(items: Mapping[str, Any], definitions: Mapping[str, Any], keep_unknown: bool) -> dict[str, Any]:
    name = str(items.get("$ref", "")).rsplit("/", 1)[-1]
    if name == "Step":  # a number or an object: no structural form, the controller checks it
        return dict(_OPEN)
    return _convert(items, definitions, keep_unknown)


def _column(name: str, path: str, kind: str = "string", priority: int = 0) -> dict[str, Any]:
    column: dict[str, Any] = {"name": name, "type": kind, "jsonPath": path}
    return column | ({"priority": priority} if priority else {})


_RELEASE_COLUMNS = [
    _column("Deployment", ".spec.deployment"),
    _column("Phase", ".status.phase"),
    _column("Step", ".status.progress"),
    _column("Weight", ".status.traffic.verifiedWeight", "number"),
    _column("Verdict", ".status.verdict"),
    _column("Age", ".metadata.creationTimestamp", "date"),
    _column("Message", ".status.message", priority=1),
]
_POLICY_COLUMNS = [
    _column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
    _column("Reason", '.status.conditions[?(@.type=="Ready")].reason'),
    _column("Age", ".metadata.creationTimestamp", "date"),
]


def _definition(
    kind: str,
    plural: str,
    short_names: list[str],
    spec: dict[str, Any],
    status: dict[str, Any],
    columns: list[dict[str, Any]],
    *,
    namespaced: bool = True,
) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced" if namespaced else "Cluster",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": short_names,
                "categories": ["headgate"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {
                                "apiVersion": {"type": "string"},
                                "kind": {"type": "string"},
                                "metadata": {"type": "object"},
                                "spec": spec,
                                "status": status,
                            },
                        }
                    },
                }
            ],
        },
    }
