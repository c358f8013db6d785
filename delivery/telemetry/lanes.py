"""Work that runs beside other work: each kind in a lane of its own, so that what is slow holds up its own kind only."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

Found = TypeVar("Found")
AT_ONCE = 4  # in one lane
LANES = 64  # more kinds than that share the last


class Lanes(Protocol):
    """Runs work, `at_once` pieces of a lane side by side; what it raises is raised by the future's `result`."""

    def submit(self, lane: Hashable, work: Callable[[], Found], at_once: int = AT_ONCE) -> Future[Found]: ...


class ThreadLanes:
    """A few threads a lane, made when they are needed. For one caller."""

    def __init__(self) -> None:
        self._pools: dict[Hashable, ThreadPoolExecutor] = {}

    def submit(self, lane: Hashable, work: Callable[[], Found], at_once: int = AT_ONCE) -> Future[Found]:
        own = lane if lane in self._pools or len(self._pools) < LANES else None
        if own not in self._pools:
            self._pools[own] = ThreadPoolExecutor(at_once, thread_name_prefix="collector")
        return self._pools[own].submit(work)


class InlineLanes:
    """Runs work at once, in the caller's thread: for one whose time is not the world's."""

    def submit(self, lane: Hashable, work: Callable[[], Found], at_once: int = AT_ONCE) -> Future[Found]:
        del lane, at_once
        done: Future[Found] = Future()
        try:
            done.set_result(work())
        except Exception as problem:  # as a pool would hand it over
            done.set_exception(problem)
        return done
