"""What the server serves: each resource with its names, versions, schema, subresources and rules."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from delivery.lab.apiserver.status import FieldError, Json
from delivery.lab.apiserver.store import StorageKey

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
FieldPaths = dict[str, tuple[str, ...]]
BASE_FIELDS: FieldPaths = {"metadata.name": ("metadata", "name"), "metadata.namespace": ("metadata", "namespace")}


@dataclass(frozen=True, slots=True)
class Names:
    """How a kind is called in paths, documents and on the command line."""

    plural: str
    kind: str
    singular: str
    list_kind: str
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One printed column; `cell` reads its value from an object. A `timestamp` is printed as the age it gives.

    The column of format `name` comes first unless a kind puts it elsewhere.
    """

    name: str
    cell: Callable[[Json], Any]
    type: str = "string"
    priority: int = 0
    format: str = ""
    timestamp: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """Where a kind keeps what its `scale` subresource shows; paths without the leading dot."""

    spec_replicas: tuple[str, ...]
    status_replicas: tuple[str, ...]
    selector: tuple[str, ...] | None = None


def _unchanged(_obj: Json) -> None:
    return None


def _no_errors(_obj: Json) -> list[FieldError]:
    return []


def _no_update_errors(_new: Json, _old: Json) -> list[FieldError]:
    return []


@dataclass(frozen=True, slots=True)
class Rules:
    """What is particular to a kind. The functions that take an object alone may change it in place."""

    defaults: Callable[[Json], None] = _unchanged
    on_create: Callable[[Json], None] = _unchanged
    validate: Callable[[Json], list[FieldError]] = _no_errors
    validate_update: Callable[[Json, Json], list[FieldError]] = _no_update_errors
    generation_of: Callable[[Json], Any] | None = None
    """The part of an object whose change raises metadata.generation; None: the kind has no generation."""
    status_on_create: Callable[[Json], Json | None] = lambda _obj: None
    name_rule: str = "subdomain"
    unconditional_update: bool = True
    create_on_update: bool = False
    returns_deleted: bool = False
    graceful: bool = False
    status_keeps_labels: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """One served resource of one version."""

    group: str
    version: str
    names: Names
    namespaced: bool
    schema: Json
    storage: StorageKey
    storage_version: str
    rules: Rules = field(default_factory=Rules)
    has_status: bool = False
    scale: ScalePaths | None = None
    custom: bool = False
    columns: tuple[Column, ...] = ()
    fields: FieldPaths = field(default_factory=lambda: dict(BASE_FIELDS))
    verbs: tuple[str, ...] = VERBS
    subresources: tuple[str, ...] = ()
    decode: Callable[[Json], Json] | None = None
    """From this version's document to the stored form; None where the two are the same but for apiVersion."""
    encode: Callable[[Json], Json] | None = None

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def plural(self) -> str:
        return self.names.plural

    @property
    def kept(self) -> bool:
        """Whether its objects are stored; a review is answered and forgotten."""
        return "get" in self.verbs

    def stored(self, obj: Json) -> Json:
        """A document of this version in its stored form."""
        converted = self.decode(obj) if self.decode else obj
        if converted.get("apiVersion") == self.storage_version:
            return converted
        return {**converted, "apiVersion": self.storage_version}

    def served(self, obj: Json) -> Json:
        """A stored object as this version shows it."""
        if obj["apiVersion"] == self.api_version and self.encode is None:
            return obj
        converted = self.encode(obj) if self.encode else obj
        return {**converted, "apiVersion": self.api_version}


class Registry:
    """Every resource served now, by group, version and plural."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._by_path: dict[tuple[str, str, str], Resource] = {}
        for resource in resources:
            self.add(resource)

    def add(self, resource: Resource) -> None:
        self._by_path[(resource.group, resource.version, resource.plural)] = resource

    def remove_storage(self, storage: StorageKey) -> None:
        self._by_path = {path: r for path, r in self._by_path.items() if r.storage != storage}

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        return self._by_path.get((group, version, plural))

    def of_storage(self, storage: StorageKey) -> Resource | None:
        """The resource that serves the stored form, or any that serves this storage."""
        serving = [r for r in self._by_path.values() if r.storage == storage]
        exact = [r for r in serving if r.api_version == r.storage_version]
        return next(iter([*exact, *serving]), None)

    def of_kind(self, api_version: str, kind: str) -> Resource | None:
        return next((r for r in self if r.api_version == api_version and r.names.kind == kind), None)

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._by_path.values())

    def groups(self) -> dict[str, list[str]]:
        """Versions served by group, the core group left out, most stable version first."""
        found: dict[str, list[str]] = {}
        for group, version, _ in self._by_path:
            if group and version not in found.setdefault(group, []):
                found[group].append(version)
        return {group: sorted(versions, key=version_priority) for group, versions in found.items()}

    def serving(self, group: str, version: str) -> list[Resource]:
        return [r for (g, v, _), r in self._by_path.items() if (g, v) == (group, version)]


def version_priority(version: str) -> tuple[int, int, int, str]:
    """Sort key of API versions: v2, v1, v1beta2, v1beta1, v1alpha1, then everything else by name."""
    digits = version[1:]
    for rank, stage in enumerate(("beta", "alpha"), start=1):
        major, found, minor = digits.partition(stage)
        if version.startswith("v") and found and major.isdigit() and (minor or "0").isdigit():
            return rank, -int(major), -int(minor or "0"), version
    if version.startswith("v") and digits.isdigit():
        return 0, -int(digits), 0, version
    return 3, 0, 0, version
