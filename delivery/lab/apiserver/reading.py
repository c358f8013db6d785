"""From a request's document to an object in stored form: identity checks, pruning, defaults, strictness."""

import json
from dataclasses import dataclass, field
from typing import Any

import yaml

from delivery.lab.apiserver.canonical import canonical, json_type
from delivery.lab.apiserver.kinds import Resource
from delivery.lab.apiserver.models import object_meta
from delivery.lab.apiserver.schema import defaulted, pruned
from delivery.lab.apiserver.status import Json, bad_request, invalid, invalid_value


@dataclass(slots=True)
class WriteOptions:
    """How a write is meant: by whom, for real or not, and how strict to be about unknown fields."""

    manager: str = "unknown"
    dry_run: bool = False
    validation: str = "Warn"
    force: bool = False
    warnings: list[str] = field(default_factory=list)


def _number(text: str) -> float | int:
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def parsed(body: bytes, described: str) -> Any:
    """A request body as data: JSON, or YAML where it is not JSON.

    Raises:
        ApiError: 400 when it is neither.
    """
    try:
        return json.loads(body, parse_float=_number)
    except ValueError:
        try:
            return json.loads(json.dumps(yaml.safe_load(body), default=str), parse_float=_number)
        except (yaml.YAMLError, UnicodeDecodeError, TypeError) as broken:
            where = str(broken).replace("\n", " ")
            message = f"the object provided is unrecognized (must be of type {described}): couldn't get version/kind; "
            raise bad_request(message + f"json parse error: {where}") from broken


def identified(document: Any, resource: Resource) -> Json:
    """The document, once its kind and apiVersion are known to be those of `resource`.

    Raises:
        ApiError: 400 or 422 as the real server answers a document of another kind.
    """
    kind, version = resource.names.kind, resource.api_version
    unreadable = f'{kind} in version "{resource.version}" cannot be handled as a {kind}: '
    if not isinstance(document, dict):
        raise bad_request(f"{unreadable}expected an object")
    metadata = _metadata_of(document, unreadable)
    found_version, found_kind = document.get("apiVersion") or "", document.get("kind") or ""
    if not resource.custom and (found_version or version, found_kind or kind) != (version, kind):
        found = (found_version or version).rpartition("/")[2]
        said = f'{found_kind or kind} in version "{found}" cannot be handled as a {kind}'
        raise bad_request(f"{said}: unknown conversion")
    if resource.custom and not found_kind:
        raise bad_request(f"{unreadable}unmarshalerDecoder: Object 'Kind' is missing in the body")
    if found_version not in {"", version}:
        raise bad_request(
            f"the API version in the data ({found_version}) does not match the expected API version ({version})"
        )
    if found_kind not in {"", kind}:
        errors = [invalid_value("kind", found_kind, f"must be {kind}")]
        raise invalid(resource.group, found_kind, metadata.get("name") or "", errors)
    return {**document, "apiVersion": version, "kind": kind, "metadata": metadata}


_TEXTS = ("name", "namespace", "generateName", "uid", "resourceVersion")


def _metadata_of(document: Json, unreadable: str) -> Json:
    """The document's metadata, once what identifies an object is known to be text."""
    metadata = document.get("metadata")
    if metadata is None:
        metadata = {}
    if not isinstance(metadata, dict):
        raise bad_request(f"{unreadable}metadata: expected an object")
    named = [(name, document.get(name)) for name in ("apiVersion", "kind")]
    named += [(f"metadata.{name}", metadata.get(name)) for name in _TEXTS]
    for path, value in named:
        if not isinstance(value, str | None):
            raise bad_request(f"{unreadable}{path}: expected text, not {json_type(value)}")
    return metadata


def trimmed(document: Json, resource: Resource, options: WriteOptions) -> Json:
    """A copy with the fields its kind knows, in stored form, without defaults.

    Raises:
        ApiError: 400 for a value of a type its field cannot hold, or an unknown field when strict.
    """
    unknown: list[str] = []
    described = f'{resource.names.kind} in version "{resource.version}" cannot be handled as a {resource.names.kind}'
    if resource.custom:
        metadata = canonical(document.get("metadata") or {}, object_meta(), described, unknown.append)
        content = pruned({**document, "metadata": {}}, resource.schema, unknown.append, root=True)
        read = {**content, "metadata": metadata}
    else:
        read = canonical(document, resource.schema, described, unknown.append)
        read.setdefault("metadata", {})
    _complain(unknown, described, options)
    return resource.stored(read)


def _complain(unknown: list[str], described: str, options: WriteOptions) -> None:
    complaints = [f'unknown field "{path}"' for path in unknown]
    if complaints and options.validation == "Strict":
        raise bad_request(f"{described}: strict decoding error: {', '.join(complaints)}")
    if options.validation == "Warn":
        options.warnings.extend(complaints)


def completed(obj: Json, resource: Resource) -> Json:
    """A copy with defaults filled in."""
    if not resource.custom:
        filled: Json = _copied(obj)
        resource.rules.defaults(filled)
        return filled
    content = {name: value for name, value in obj.items() if name != "metadata"}
    return {**dict(defaulted(content, resource.schema)), "metadata": obj["metadata"]}


def _copied(value: Any) -> Any:
    """A deep copy of plain data; quicker than `copy.deepcopy`, which looks for cycles."""
    if isinstance(value, dict):
        return {name: _copied(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value
