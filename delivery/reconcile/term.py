"""The right to write: for how long, and by what mark the writes of this process are known."""

from __future__ import annotations

from typing import Protocol

from delivery.errors import Conflict


class Deposed(Conflict):
    """This process is not the leader any more: whatever it was about to write is somebody else's to decide."""


class Term(Protocol):
    """One process's time as leader of one shard. `fence` names it; no two terms have the same."""

    @property
    def fence(self) -> str: ...

    def require(self) -> None:
        """Raises Deposed where the term is over."""
