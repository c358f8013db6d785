"""Which shard a Deployment belongs to, and how many shards a replica may hold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache

KNOWN = 65_536  # Deployments whose shard is not worked out again: every look asks for all


@lru_cache(maxsize=KNOWN)
def shard_of(namespace: str, name: str, shards: int) -> int:
    """The shard, 0 to `shards` - 1, of a Deployment: the same in every process, version and machine."""
    digest = hashlib.sha256(f"{namespace}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % shards


def fair_share(shards: int, held: Mapping[str, int], member: str) -> int:
    """How many of `shards` this member may hold, given how many each living member (itself included) holds now.

    Everyone gets the quotient; the remainder goes to those who hold most, so that no shard moves without need, and by
    name among equals, so that all who see the same agree. Never more than ceil(shards / members); the shares of one
    view add up to `shards`.
    """
    quotient, remainder = divmod(shards, len(held))
    ranked = sorted(held, key=lambda name: (-held[name], name))
    return quotient + (ranked.index(member) < remainder)
