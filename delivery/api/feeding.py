"""What keeps a board current: the API server's own word on Releases, by one watch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from delivery.api.board import Board, row_of
from delivery.cluster.client import Cluster, Object
from delivery.cluster.informer import Informer, Name
from delivery.cluster.kinds import RELEASE
from delivery.reconcile.parsed import Releases

log = structlog.get_logger()
LISTED_WITHIN_S = 60.0


def nothing() -> None:
    """For whom the board's own watchers are enough."""


@contextmanager
def kept_current(
    cluster: Cluster,
    namespace: str | None,
    *,
    within_s: float = LISTED_WITHIN_S,
    changed: Callable[[], None] = nothing,
) -> Iterator[Board]:
    """A board of the Releases in the namespace, or of all; it knows those there are already.

    `changed` is called, on a thread of its own, after each change. Raises Unavailable where the Releases there are were
    not told within so many seconds.
    """
    board, parsed = Board(), Releases()

    def shown(obj: Object) -> Object:
        """Its row, made as soon as it is heard of: nothing else of it is kept once it has ended."""
        named = {part: obj["metadata"].get(part) for part in ("namespace", "name")}
        try:
            release = parsed.readable(obj)
            row = row_of(release, obj) if release is not None else None
        except Exception:  # one that cannot be shown must not keep the others from being shown
            log.exception("a Release cannot be shown", **named)
            release = row = None
        if release is not None and not release.active:
            parsed.forget(release.uid)
        return {"metadata": named, "row": row}

    def told(name: Name, obj: Object | None) -> None:
        key = (name[0] or "", name[1])
        row = obj["row"] if obj is not None else None
        known = board.row(key)
        if row is None and known is not None and known.release is not None:
            parsed.forget(known.release.uid)
        board.placed(key, row)
        changed()

    informer = Informer(cluster, RELEASE, namespace, on_change=told, keep=shown)
    informer.start()
    try:
        informer.wait_synced(within_s)
        yield board
    finally:
        informer.stop()
