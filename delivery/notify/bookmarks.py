"""How far a channel was told of each Release: on the Releases, and in memory of what is not heard back yet."""

from __future__ import annotations

import threading

import structlog
from cachetools import LRUCache
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import RELEASE
from delivery.errors import HeadgateError, NotFound, Retry
from delivery.resources.notified import notified_annotation
from delivery.resources.release import Release

REMEMBERED = 10_000
ATTEMPTS = 3

log = structlog.get_logger()


class Bookmarks:
    """One channel's."""

    def __init__(self, cluster: Cluster, channel: str) -> None:
        self._cluster = cluster
        self._channel = channel
        self._remembered: LRUCache[str, float] = LRUCache(REMEMBERED)
        self._lock = threading.Lock()

    def marks(self, release: Release) -> list[float]:
        """The times of lines that were told of: the latest counts."""
        with self._lock:
            remembered = self._remembered.get(release.uid)
        return [mark for mark in (release.notified.get(self._channel), remembered) if mark is not None]

    def remember(self, release: Release, at: float) -> None:
        """For this process."""
        with self._lock:
            self._remembered[release.uid] = at

    def write(self, release: Release, at: float) -> None:
        """For all. Without a precondition, for nobody else writes it; what fails is made good by the next message."""
        body = {"metadata": {"annotations": notified_annotation(self._channel, at)}}
        retrying = Retrying(
            retry=retry_if_exception_type(Retry),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential_jitter(multiplier=0.2, max=2, jitter=0.2),
            reraise=True,
        )
        try:
            retrying(self._cluster.patch, RELEASE, release.name, release.namespace, body)
        except NotFound:
            return  # gone, and its history with it
        except HeadgateError as problem:
            log.warning("not marked as told", release=release.key, channel=self._channel, problem=str(problem))
