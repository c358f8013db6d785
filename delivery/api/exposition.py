"""What `/metrics` answers: a registry's figures as text."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, generate_latest

PART_OF_TIME = 0.02  # at most, that scrapers of whatever number may take of the controller's time


class Exposition:
    """The figures of thousands of releases take tens of milliseconds to write, in the process that decides: a text is
    given again until it is fifty times as old as it took. That of a small fleet is always new.

    `clock` is in seconds, from any beginning. Safe to call from any thread.
    """

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._clock = clock
        self._lock = threading.Lock()
        self._text = b""
        self._good_until = -math.inf

    def text(self) -> bytes:
        """In Prometheus' text format."""
        with self._lock:
            began = self._clock()
            if began >= self._good_until:
                self._text = generate_latest(self._registry)
                self._good_until = began + (self._clock() - began) / PART_OF_TIME
            return self._text
