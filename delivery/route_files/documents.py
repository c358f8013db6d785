"""The Kubernetes objects of a file, read and written; a Reader over them, so that they can be searched as a cluster."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import yaml

from delivery.cluster.client import Object
from delivery.cluster.kinds import Kind
from delivery.cluster.reader import NO_LABELS, Labels
from delivery.errors import InvalidSpec

Documents = list[Object]


def parse(text: str, source: str) -> Documents:
    """The objects of YAML or JSON text; a List's are taken one by one, and empty documents are left out. Raises
    InvalidSpec with the place."""
    try:
        found = [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.YAMLError as problem:
        raise InvalidSpec(f"{source}: neither YAML nor JSON: {' '.join(str(problem).split())}") from problem
    objects: Documents = []
    for number, document in enumerate(found, start=1):
        listed = document.get("items") if isinstance(document, dict) and document.get("kind") == "List" else None
        for obj in [document] if listed is None else listed:
            objects.append(_object(obj, f"{source}: document {number}"))
    return objects


def to_yaml(objects: Iterable[Object]) -> str:
    """One document each, fields in the order they have."""
    return yaml.safe_dump_all(
        list(objects), sort_keys=False, default_flow_style=False, width=120, allow_unicode=True, explicit_start=False
    )


def to_json(objects: Sequence[Object]) -> str:
    """A List, as kubectl takes it."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}, indent=2, ensure_ascii=False) + "\n"


def is_of(obj: Object, kind: Kind) -> bool:
    """Whether an object is of this kind, in a version we speak."""
    group, _, version = str(obj["apiVersion"]).rpartition("/")
    return (group, obj["kind"]) == (kind.group, kind.name) and version in kind.versions


def named(obj: Object) -> str:
    """How messages call it."""
    meta = obj["metadata"]
    return f"{obj['kind']} {'/'.join(filter(None, (meta.get('namespace'), meta['name'])))}"


class DocumentReader:
    """The objects as a cluster that serves the kinds they are of. An object without a namespace is in `namespace`."""

    def __init__(self, objects: Sequence[Object], namespace: str) -> None:
        self._objects = [placed(obj, namespace) for obj in objects]

    def find(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        found = [obj for obj in self.list(kind, namespace) if obj["metadata"]["name"] == name]
        return found[0] if found else None

    def list(self, kind: Kind, namespace: str | None = None, *, labels: Labels = NO_LABELS) -> list[Object]:
        found = [obj for obj in self._objects if is_of(obj, kind)]
        return [obj for obj in found if namespace in (None, obj["metadata"]["namespace"]) and _has(obj, labels)]

    def mentioning(self, kind: Kind, words: Collection[str]) -> Sequence[Object]:  # noqa: ARG002 -- they are few
        return self.list(kind)

    def serves(self, kind: Kind) -> bool:
        return any(is_of(obj, kind) for obj in self._objects)


def placed(obj: Object, namespace: str) -> Object:
    """A copy that says in which namespace it is."""
    copy = deepcopy(obj)
    copy["metadata"].setdefault("namespace", namespace)
    return copy


def _has(obj: Object, labels: Mapping[str, str]) -> bool:
    return labels.items() <= (obj["metadata"].get("labels") or {}).items()


def _object(value: Any, where: str) -> Object:
    if not isinstance(value, dict):
        raise InvalidSpec(f"{where}: not a Kubernetes object but {type(value).__name__}; give objects with a kind")
    for field in ("apiVersion", "kind"):
        if not isinstance(value.get(field), str):
            raise InvalidSpec(f"{where}: {field} is missing or not text; write it as in `kubectl get -o yaml`")
    meta = value.get("metadata")
    if not isinstance(meta, dict) or not isinstance(meta.get("name"), str):
        raise InvalidSpec(f"{where}: {value['kind']} has no metadata.name; give it one")
    return value
