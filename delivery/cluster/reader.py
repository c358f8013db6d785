"""Where a pass reads: the informers' memory for a glance, the API server where something is to be done."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from delivery.cluster.client import Cluster, Object
from delivery.cluster.informer import Informer, as_number
from delivery.cluster.kinds import Kind

Labels = Mapping[str, str]
Key = tuple[Kind, str | None, str]
NO_LABELS: Labels = MappingProxyType({})
WRITTEN_KEPT = 1000
BEHIND_AT_MOST_S = 60.0  # an informer that has not heard of a write by then has other troubles


class Reader(Protocol):
    """Objects by kind. What is returned is not to be changed."""

    def find(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        """One object, or None."""

    def list(self, kind: Kind, namespace: str | None = None, *, labels: Labels = NO_LABELS) -> list[Object]:
        """All of a namespace (None: of all) that have these labels."""

    def mentioning(self, kind: Kind, words: Collection[str]) -> Sequence[Object]:
        """All of every namespace that may mention one of these names; others may be among them."""

    def serves(self, kind: Kind) -> bool:
        """Whether there is such a kind."""


class Live:
    """What holds now: the API server is asked."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def find(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        return self._cluster.find(kind, name, namespace)

    def list(self, kind: Kind, namespace: str | None = None, *, labels: Labels = NO_LABELS) -> list[Object]:
        return self._cluster.list(kind, namespace, labels=labels).items

    def mentioning(self, kind: Kind, words: Collection[str]) -> Sequence[Object]:  # noqa: ARG002 -- no server knows that
        return self.list(kind)

    def serves(self, kind: Kind) -> bool:
        return self._cluster.serves(kind)


class Once:
    """What one pass reads: each thing is asked for once, and what came holds for the whole pass."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._found: dict[Key, Object | None] = {}
        self._listed: dict[tuple[Kind, str | None, tuple[tuple[str, str], ...]], list[Object]] = {}

    def find(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        key = (kind, namespace, name)
        if key not in self._found:
            self._found[key] = self._reader.find(kind, name, namespace)
        return self._found[key]

    def list(self, kind: Kind, namespace: str | None = None, *, labels: Labels = NO_LABELS) -> list[Object]:
        key = (kind, namespace, tuple(sorted(labels.items())))
        if key not in self._listed:
            self._listed[key] = self._reader.list(kind, namespace, labels=labels)
        return self._listed[key]

    def mentioning(self, kind: Kind, words: Collection[str]) -> Sequence[Object]:
        return self._reader.mentioning(kind, words)

    def serves(self, kind: Kind) -> bool:
        return self._reader.serves(kind)


class Memory:
    """What was last heard of, and what this process wrote since; may be a moment behind everybody else."""

    def __init__(self, informers: Iterable[tuple[Kind, Informer]]) -> None:
        self._informers = dict(informers)
        self._written: dict[Key, tuple[float, Object]] = {}
        self._lock = threading.Lock()

    def wrote(self, kind: Kind, obj: Object) -> None:
        """Remembers what the server answered to a write, until the informer has heard of it."""
        if kind not in self._informers:
            return
        meta, now = obj["metadata"], time.monotonic()
        with self._lock:
            if len(self._written) > WRITTEN_KEPT:
                self._written = {key: kept for key, kept in self._written.items() if now - kept[0] < BEHIND_AT_MOST_S}
            self._written[kind, meta.get("namespace"), meta["name"]] = (now, obj)

    def find(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        return self._newest(kind, (namespace, name), self._informers[kind].get(name, namespace))

    def list(self, kind: Kind, namespace: str | None = None, *, labels: Labels = NO_LABELS) -> list[Object]:
        heard = self._informers[kind].list(namespace)
        return [self._own(kind, obj) for obj in heard if not labels or labels.items() <= _labels(obj).items()]

    def mentioning(self, kind: Kind, words: Collection[str]) -> Sequence[Object]:
        return [self._own(kind, obj) for obj in self._informers[kind].mentioning(words)]

    def _own(self, kind: Kind, heard: Object) -> Object:
        """The object as this process wrote it, where it was not heard of since."""
        meta = heard["metadata"]
        return self._newest(kind, (meta.get("namespace"), meta["name"]), heard) or heard

    def serves(self, kind: Kind) -> bool:
        return self._informers[kind].synced

    def _newest(self, kind: Kind, name: tuple[str | None, str], heard: Object | None) -> Object | None:
        key = (kind, *name)
        with self._lock:
            if heard is None or key not in self._written:
                return heard
            _, written = self._written[key]
            if version_of(written) > version_of(heard) and written["metadata"]["uid"] == heard["metadata"]["uid"]:
                return written
            del self._written[key]
        return heard


def _labels(obj: Object) -> Labels:
    return obj["metadata"].get("labels") or NO_LABELS


def version_of(obj: Object) -> int:
    """The resourceVersion as a number: Kubernetes orders the versions of one kind."""
    return as_number(str(obj["metadata"].get("resourceVersion") or ""))
