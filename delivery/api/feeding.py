"""What keeps a board current: the API server's own word on Releases, by one watch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from delivery.api.board import Board
from delivery.cluster.client import Cluster, Object
from delivery.cluster.informer import Informer, Name
from delivery.cluster.kinds import RELEASE
from delivery.reconcile.parsed import Releases, packed
from delivery.resources.release import Release

LISTED_WITHIN_S = 60.0


@contextmanager
def kept_current(cluster: Cluster, namespace: str | None) -> Iterator[Board]:
    """A board of the Releases in the namespace, or of all; it knows those there are already.

    Raises Unavailable where they are not told within a minute.
    """
    board, parsed = Board(), Releases()

    def told(name: Name, obj: Object | None) -> None:
        key = (name[0] or "", name[1])
        release = _read(parsed, obj)
        known = board.row(key)
        if release is None and known is not None and known.release is not None:
            parsed.forget(known.release.uid)
        board.told(*key, release)

    informer = Informer(cluster, RELEASE, namespace, on_change=told, keep=packed)
    informer.start()
    try:
        informer.wait_synced(LISTED_WITHIN_S)
        yield board
    finally:
        informer.stop()


def _read(parsed: Releases, obj: Object | None) -> Release | None:
    """None where it cannot be read: its own pass says so."""
    try:
        return parsed.of(obj) if obj is not None else None
    except ValidationError:
        return None
