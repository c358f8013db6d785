"""Reading the embedded server's store directly."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from delivery.cluster.client import Object
from delivery.cluster.kinds import Kind
from delivery.cluster.reader import NO_LABELS, Labels
from delivery.lab.apiserver.routes import ApiServer


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

    def mentioning(self, kind: Kind, words: Collection[str]) -> Sequence[Object]:
        return self.list(kind)

    def serves(self, kind: Kind) -> bool:
        return any(resource.storage == (kind.group, kind.plural) for resource in self._server.registry)

    def _all(self, kind: Kind) -> dict[tuple[str, str], Object]:
        return self._server.store.open((kind.group, kind.plural)).objects
