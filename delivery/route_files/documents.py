"""The Kubernetes objects of a file; a Reader over them, so that they can be searched as a cluster."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from typing import Any

from delivery.cluster.client import Object
from delivery.cluster.kinds import Kind
from delivery.cluster.reader import NO_LABELS, Labels
from delivery.errors import InvalidSpec
from delivery.route_files.shapes import require_shape
from delivery.route_files.texts import values

Documents = list[Object]


def parse(text: str, source: str) -> Documents:
    """The objects of YAML or JSON text; a list's are taken one by one, and empty documents are left out. Raises
    InvalidSpec with the place."""
    objects: Documents = []
    for number, document in enumerate(values(text, source), start=1):
        where = f"{source}: document {number}"
        for obj in _listed(document, where):
            objects.append(_object(obj, where))
    return objects


def group_of(obj: Object) -> str:
    """The group of its API, empty for the core's."""
    return str(obj["apiVersion"]).rpartition("/")[0]


def is_of(obj: Object, kind: Kind) -> bool:
    """Whether an object is of this kind, in a version we speak."""
    version = str(obj["apiVersion"]).rpartition("/")[2]
    return (group_of(obj), obj["kind"]) == (kind.group, kind.name) and version in kind.versions


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
    copy["metadata"]["namespace"] = copy["metadata"].get("namespace") or namespace
    return copy


def _has(obj: Object, labels: Mapping[str, str]) -> bool:
    return labels.items() <= (obj["metadata"].get("labels") or {}).items()


def _listed(document: Any, where: str) -> list[Any]:
    """What a List or, say, a VirtualServiceList holds, whose items need not repeat version and kind; else the document
    itself."""
    if not isinstance(document, dict) or not str(document.get("kind")).endswith("List"):
        return [document]
    if "items" not in document and "spec" in document:  # a kind of somebody's by such a name
        return [document]
    items = document.get("items")
    if not isinstance(items, list):
        raise InvalidSpec(f"{where}: items of {document['kind']} is {type(items).__name__}; give a list of objects")
    if document["kind"] == "List":
        return items
    said = {"apiVersion": document.get("apiVersion"), "kind": document["kind"].removesuffix("List")}
    return [{**said, **item} if isinstance(item, dict) else item for item in items]


def _object(value: Any, where: str) -> Object:
    if not isinstance(value, dict):
        raise InvalidSpec(f"{where}: not a Kubernetes object but {type(value).__name__}; give objects with a kind")
    for field in ("apiVersion", "kind"):
        if not isinstance(value.get(field), str):
            raise InvalidSpec(f"{where}: {field} is missing or not text; write it as in `kubectl get -o yaml`")
    meta = value.get("metadata")
    if not isinstance(meta, dict) or not meta.get("name") or not isinstance(meta["name"], str):
        raise InvalidSpec(f"{where}: {value['kind']} has no metadata.name; give it one")
    require_shape(value, where)
    return value
