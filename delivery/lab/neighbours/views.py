"""Where a controller reads: the informers' memory for a glance, the API server for a decision."""

from __future__ import annotations

from typing import Protocol

from delivery.cluster.client import Cluster, Object
from delivery.cluster.informer import Informer
from delivery.cluster.kinds import Kind


class View(Protocol):
    """Objects by kind."""

    def find(self, kind: Kind, name: str, namespace: str) -> Object | None:
        """One object, or None."""

    def list(self, kind: Kind, namespace: str) -> list[Object]:
        """All of a namespace."""


class Server:
    """What holds now: the API server is asked."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def find(self, kind: Kind, name: str, namespace: str) -> Object | None:
        """One object, or None."""
        return self._cluster.find(kind, name, namespace)

    def list(self, kind: Kind, namespace: str) -> list[Object]:
        """All of a namespace."""
        return self._cluster.list(kind, namespace).items


class Memory:
    """What was last heard of; may be a moment behind."""

    def __init__(self, informers: dict[Kind, Informer]) -> None:
        self._informers = informers

    def find(self, kind: Kind, name: str, namespace: str) -> Object | None:
        """One object, or None."""
        return self._informers[kind].get(name, namespace)

    def list(self, kind: Kind, namespace: str) -> list[Object]:
        """All of a namespace."""
        return self._informers[kind].list(namespace)
