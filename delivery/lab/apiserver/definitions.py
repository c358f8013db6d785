"""CustomResourceDefinitions: their own defaults and checks, and the resources they bring into being."""

import json
from collections.abc import Callable
from typing import Any

from delivery.lab.apiserver.jsonpath import compiled
from delivery.lab.apiserver.kinds import Column, Names, Resource, Rules, ScalePaths
from delivery.lab.apiserver.metadata import name_errors
from delivery.lab.apiserver.models import with_metadata
from delivery.lab.apiserver.schema import defaulted, pruned
from delivery.lab.apiserver.status import FieldError, Json, duplicate, invalid_value, required, unsupported
from delivery.lab.apiserver.structural import structural_errors

STORAGE = ("apiextensions.k8s.io", "customresourcedefinitions")
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")


def _defaults(definition: Json) -> None:
    spec = definition.setdefault("spec", {})
    names = spec.setdefault("names", {})
    names.setdefault("singular", str(names.get("kind", "")).lower())
    names.setdefault("listKind", f"{names.get('kind', '')}List")
    spec.setdefault("conversion", {}).setdefault("strategy", "None")
    if spec.get("preserveUnknownFields") is False:
        del spec["preserveUnknownFields"]


def _initial_status(definition: Json) -> Json:
    return {
        "acceptedNames": {"kind": "", "plural": ""},
        "conditions": [],
        "storedVersions": [v.get("name", "") for v in definition["spec"].get("versions", []) if v.get("storage")],
    }


def _errors(definition: Json) -> list[FieldError]:
    spec, name = definition["spec"], definition["metadata"].get("name", "")
    errors = []
    expected = f"{spec['names'].get('plural', '')}.{spec.get('group', '')}"
    if name != expected:
        errors.append(invalid_value("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
    if not spec.get("scope"):
        errors.append(required("spec.scope"))
    elif spec["scope"] not in {"Cluster", "Namespaced"}:
        errors.append(unsupported("spec.scope", spec["scope"], ("Cluster", "Namespaced")))
    errors += [required(f"spec.names.{part}") for part in ("plural", "kind") if not spec["names"].get(part)]
    versions = spec.get("versions") or []
    if sum(bool(version.get("storage")) for version in versions) != 1:
        note = "must have exactly one version marked as storage version"
        errors.append(FieldError("FieldValueInvalid", "spec.versions", f"Invalid value: {note}"))
    if not any(version.get("storage") for version in versions):
        note = "Invalid value: []string(nil): must have at least one stored version"
        errors.append(FieldError("FieldValueInvalid", "status.storedVersions", note))
    if "." not in str(spec.get("group", "")):
        note = "should be a domain with at least one dot"
        errors.append(invalid_value("spec.group", spec.get("group", ""), note))
    names = [version.get("name", "") for version in versions]
    for index, version in enumerate(versions):
        if names[index] in names[:index]:
            errors.append(duplicate(f"spec.versions[{index}].name", names[index]))
        errors += name_errors(names[index], "dns1035", f"spec.versions[{index}].name")
        # A schema that all versions share is complained about where the storage form keeps it.
        path = "spec.validation" if len(versions) == 1 else f"spec.versions[{index}].schema"
        errors += _version_errors(version, f"spec.versions[{index}]", path)
    return errors


def _version_errors(version: Json, path: str, schema_path: str) -> list[FieldError]:
    errors = []
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    if schema is None:
        errors.append(required(f"{path}.schema.openAPIV3Schema", "schemas are required"))
    else:
        errors += structural_errors(schema, f"{schema_path}.openAPIV3Schema")
    for index, column in enumerate(version.get("additionalPrinterColumns") or []):
        where = f"{path}.additionalPrinterColumns[{index}]"
        if column.get("type") not in _COLUMN_TYPES:
            errors.append(unsupported(f"{where}.type", column.get("type", ""), _COLUMN_TYPES))
        if not column.get("jsonPath"):
            errors.append(required(f"{where}.JSONPath"))
        errors += _jsonpath_errors(column.get("jsonPath", ""), f"{where}.jsonPath")
    return errors


def _jsonpath_errors(path: str, where: str) -> list[FieldError]:
    try:
        compiled(path)
    except ValueError as wrong:
        return [invalid_value(where, path, str(wrong))]
    return []


def _update_errors(new: Json, old: Json) -> list[FieldError]:
    return [
        invalid_value(f"spec.{name}", new["spec"].get(name), "field is immutable")
        for name in ("group", "scope")
        if new["spec"].get(name) != old["spec"].get(name)
    ]


DEFINITION = Rules(
    defaults=_defaults,
    validate=_errors,
    validate_update=_update_errors,
    generation_of=lambda obj: obj.get("spec"),
    status_on_create=_initial_status,
    unconditional_update=False,
)


def established(definition: Json, now: str) -> Json:
    """The definition's status once its names are accepted and its resources served."""
    names = definition["spec"]["names"]
    conditions = [
        _condition("NamesAccepted", "NoConflicts", "no conflicts found", now),
        _condition("Established", "InitialNamesAccepted", "the initial names have been accepted", now),
    ]
    storing = next(v["name"] for v in definition["spec"]["versions"] if v.get("storage"))
    before = definition.get("status", {})
    stored = before.get("storedVersions", [])
    return {
        "acceptedNames": dict(names),
        "conditions": before.get("conditions") or conditions,
        "storedVersions": stored if storing in stored else [*stored, storing],
    }


def _condition(kind: str, reason: str, message: str, now: str) -> Json:
    condition = {"type": kind, "status": "True", "reason": reason, "message": message}
    return {"lastTransitionTime": now, **condition}


def resources_of(definition: Json) -> list[Resource]:
    """One resource for each served version of a definition."""
    versions = definition["spec"]["versions"]
    storing = next(v["name"] for v in versions if v.get("storage"))
    return [_resource(definition["spec"], version, storing) for version in versions if version.get("served")]


def _resource(spec: Json, version: Json, storing: str) -> Resource:
    names, group = spec["names"], spec["group"]
    schema = with_metadata(version["schema"]["openAPIV3Schema"])
    subresources = version.get("subresources") or {}
    has_status = "status" in subresources
    return Resource(
        group=group,
        version=version["name"],
        names=Names(
            plural=names["plural"],
            kind=names["kind"],
            singular=names["singular"],
            list_kind=names["listKind"],
            short=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
        ),
        namespaced=spec["scope"] == "Namespaced",
        schema=schema,
        storage=(group, names["plural"]),
        storage_version=f"{group}/{storing}",
        rules=Rules(generation_of=_content(without_status=has_status), unconditional_update=False),
        has_status=has_status,
        scale=_scale(subresources.get("scale")),
        custom=True,
        columns=_columns(version.get("additionalPrinterColumns")),
        encode=None if version["name"] == storing else _as_version(schema),
    )


def _as_version(schema: Json) -> Callable[[Json], Json]:
    """Stored objects as a version other than the stored one shows them: only its fields, with its defaults."""

    def encode(obj: Json) -> Json:
        content = {name: value for name, value in obj.items() if name != "metadata"}
        fitting: Json = defaulted(pruned(content, schema, lambda _: None, root=True), schema)
        return {**fitting, "metadata": obj["metadata"]}

    return encode


def _content(*, without_status: bool) -> Callable[[Json], Any]:
    ignored = {"metadata", "apiVersion"} | ({"status"} if without_status else set())
    return lambda obj: {name: value for name, value in obj.items() if name not in ignored}


def _scale(paths: Json | None) -> ScalePaths | None:
    if not paths:
        return None
    selector = paths.get("labelSelectorPath")
    return ScalePaths(
        _parts(paths["specReplicasPath"]),
        _parts(paths["statusReplicasPath"]),
        _parts(selector) if selector else None,
    )


def _parts(path: str) -> tuple[str, ...]:
    return tuple(path.lstrip(".").split("."))


def _columns(declared: list[Json] | None) -> tuple[Column, ...]:
    if not declared:
        return (_column({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}),)
    return tuple(_column(column) for column in declared)


def _column(declared: Json) -> Column:
    find, path, kind = compiled(declared["jsonPath"]), declared["jsonPath"], declared["type"]

    def cell(obj: Json) -> Any:
        found = find(obj)
        return _shown(found[0], kind) if found else None

    return Column(
        name=declared["name"],
        cell=cell,
        type=kind,
        priority=declared.get("priority", 0),
        timestamp=kind == "date",
        description=declared.get("description") or f"Custom resource definition column (in JSONPath format): {path}",
    )


def _shown(value: Any, kind: str) -> Any:
    """A cell's value in its column's type; a structure in a text column is shown as its JSON would read."""
    if kind == "integer" and isinstance(value, int | float):
        return int(value)
    if kind == "string" and not isinstance(value, str):
        return json.dumps(value, separators=(",", ":"))
    return value
