"""What `/metrics` answers: a registry's figures as text."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, generate_latest

PART_OF_TIME = 0.02  # at most, that scrapers of whatever number may take of the controller's time
OLDEST_S = 5.0


class Exposition:
    """The figures of thousands of releases take tens of milliseconds to write, in the process that decides: a text is
    given again until it is fifty times as old as it took of the processor, and five seconds at most. That of a small
    fleet is as good as new.

    `clock`, and `processor` of the calling thread, are in seconds from any beginning. Safe to call from any thread.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.monotonic,
        processor: Callable[[], float] = time.thread_time,
    ) -> None:
        self._registry = registry
        self._clock, self._processor = clock, processor
        self._lock = threading.Lock()
        self._kept: tuple[bytes, float] = b"", -math.inf  # a text, and until when it is given

    def at_hand(self) -> bytes | None:
        """The text, where that costs nothing."""
        text, good_until = self._kept
        return text if self._clock() < good_until else None

    def text(self) -> bytes:
        """In Prometheus' text format."""
        with self._lock:
            text = self.at_hand()
            if text is None:
                now, began = self._clock(), self._processor()
                text = generate_latest(self._registry)
                took = self._processor() - began  # not by the clock: it may have waited long for its turn
                self._kept = text, now + min(took / PART_OF_TIME, OLDEST_S)
            return text
