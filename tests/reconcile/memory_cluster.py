"""A cluster of plain dictionaries for units that read and write few objects: versions and preconditions, no more."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, cast

from delivery.cluster.client import Cluster, Listing
from delivery.cluster.kinds import Kind
from delivery.cluster.reader import Live
from delivery.errors import AlreadyExists, Conflict, HeadgateError, NotFound

Object = dict[str, Any]
Key = tuple[str, str | None, str]


@dataclass
class MemoryCluster:
    """What a test puts in `objects`; `writes` records (verb, kind, name); `broken` is raised by every write."""

    objects: dict[Key, Object] = field(default_factory=dict)
    unserved: set[str] = field(default_factory=set)
    writes: list[tuple[str, str, str]] = field(default_factory=list)
    broken: HeadgateError | None = None
    _versions: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def client(self) -> Cluster:
        """As what its users take."""
        return cast("Cluster", self)

    @property
    def reader(self) -> Live:
        """As what its readers take."""
        return Live(self.client)

    def put(self, kind: Kind, obj: Mapping[str, Any]) -> Object:
        """What a user does; not recorded."""
        stored = deepcopy(dict(obj))
        meta = stored["metadata"] = dict(stored["metadata"])
        meta["resourceVersion"] = str(next(self._versions))
        meta.setdefault("uid", f"uid-{kind.name}-{meta['name']}")
        self.objects[str(kind), meta.get("namespace"), meta["name"]] = stored
        return deepcopy(stored)

    def api_version(self, kind: Kind) -> str:
        return f"{kind.group}/{kind.versions[0]}" if kind.group else kind.versions[0]

    def serves(self, kind: Kind) -> bool:
        return str(kind) not in self.unserved

    def find(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        return deepcopy(self.objects.get((str(kind), namespace, name)))

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object:
        found = self.find(kind, name, namespace)
        if found is None:
            raise NotFound(f"{kind} {name}")
        return found

    def list(self, kind: Kind, namespace: str | None = None, *, labels: Mapping[str, str] | None = None) -> Listing:
        found = [o for (k, ns, _), o in self.objects.items() if k == str(kind) and namespace in (None, ns)]
        wanted = (labels or {}).items()
        found = [each for each in found if wanted <= (each["metadata"].get("labels") or {}).items()]
        return Listing(deepcopy(found), "0")

    def create(self, kind: Kind, obj: Mapping[str, Any]) -> Object:
        self._write("create", kind, obj["metadata"]["name"])
        if (str(kind), obj["metadata"].get("namespace"), obj["metadata"]["name"]) in self.objects:
            raise AlreadyExists(f"{kind} {obj['metadata']['name']}")
        return self.put(kind, obj)

    def replace(self, kind: Kind, obj: Mapping[str, Any]) -> Object:
        meta = obj["metadata"]
        self._write("replace", kind, meta["name"])
        if (
            self.get(kind, meta["name"], meta.get("namespace"))["metadata"]["resourceVersion"]
            != meta["resourceVersion"]
        ):
            raise Conflict(f"{kind} {meta['name']}")
        return self.put(kind, obj)

    def patch(self, kind: Kind, name: str, namespace: str | None, body: Any, *, subresource: str = "") -> Object:
        self._write("patch", kind, name)
        return self.put(kind, {**self.get(kind, name, namespace), **body})

    def delete(self, kind: Kind, name: str, namespace: str | None = None, **_preconditions: Any) -> None:
        self._write("delete", kind, name)
        self.get(kind, name, namespace)
        del self.objects[str(kind), namespace, name]

    def _write(self, verb: str, kind: Kind, name: str) -> None:
        if self.broken:
            raise self.broken
        self.writes.append((verb, kind.name, name))


class StillClock:
    """Time as a test sets it."""

    def __init__(self, now: float) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
