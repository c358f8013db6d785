"""Reading the embedded server's store directly: as it is now, or as it was at an earlier revision."""

from __future__ import annotations

import random

from delivery.cluster.client import Object
from delivery.cluster.kinds import Kind
from delivery.cluster.reader import NO_LABELS, Labels
from delivery.lab.apiserver.routes import ApiServer

STALE_BY = 40  # revisions


class StoreReader:
    """A Reader that costs no request."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server

    @property
    def revision(self) -> int:
        return self._server.store.revision

    def find(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        found = self._all(kind).get((namespace or "", name))
        return None if found is None else {"kind": kind.name, **found}

    def list(self, kind: Kind, namespace: str | None = None, *, labels: Labels = NO_LABELS) -> list[Object]:
        wanted = labels.items()
        return [
            obj
            for (inside, _), obj in sorted(self._all(kind).items())
            if namespace in (None, inside) and wanted <= (obj["metadata"].get("labels") or {}).items()
        ]

    def serves(self, kind: Kind) -> bool:
        return any(resource.storage == (kind.group, kind.plural) for resource in self._server.registry)

    def _all(self, kind: Kind) -> dict[tuple[str, str], Object]:
        collection = self._server.store.open((kind.group, kind.plural))
        if self.revision >= self._server.store.revision:
            return collection.objects
        return collection.at(max(collection.floor, self.revision))


class StaleReader(StoreReader):
    """A memory that hears of changes late, and now and then goes back in time as with a list from a lagging server."""

    def __init__(self, server: ApiServer, source: random.Random) -> None:
        super().__init__(server)
        self._random = source
        self._revision = server.store.revision

    @property
    def revision(self) -> int:
        return self._revision

    def hear(self) -> None:
        """Catches up, stays behind, or falls back."""
        newest, drawn = self._server.store.revision, self._random.random()
        if drawn < 0.6:
            self._revision = newest
        elif drawn < 0.7:
            self._revision = max(1, newest - self._random.randint(1, STALE_BY))
