"""One controller's loop: keys in, passes out; a pass gathers, plans and applies."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from delivery.cluster.client import Cluster
from delivery.errors import AlreadyExists, Conflict, HeadgateError, NotFound, Retry
from delivery.lab.neighbours.executor import apply
from delivery.lab.neighbours.plan import Plan
from delivery.reconcile.queue import WorkQueue

log = structlog.get_logger()
Name = tuple[str, str]  # namespace, name
Planner = Callable[[Name], Plan]
AT_ONCE = 0.005  # after a lost race: as soon as others had a moment
LOST_RACES = 20  # in a row before backing off: more means that somebody keeps writing


class Loop:
    """Passes over the objects of one kind, one at a time; `decide` says what an object needs as things are now.

    `glance` says the same from memory: where that finds nothing to do, the server is not asked.
    """

    def __init__(self, name: str, cluster: Cluster, glance: Planner, decide: Planner) -> None:
        self._cluster = cluster
        self._glance = glance
        self._decide = decide
        self._queue: WorkQueue[Name] = WorkQueue()
        self._races: dict[Name, int] = {}
        self._thread = threading.Thread(target=self._run, name=f"neighbour-{name}", daemon=True)
        self._log = log.bind(controller=name)

    def start(self) -> None:
        """Begins to work off keys."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the pass under way."""
        self._queue.close()
        if self._thread.is_alive():
            self._thread.join(5)

    def wake(self, key: Name) -> None:
        """Asks for a pass over an object."""
        self._queue.add(key)

    def _run(self) -> None:
        while (key := self._queue.get()) is not None:
            try:
                self._pass(key)
            finally:
                self._queue.done(key)

    def _pass(self, key: Name) -> None:
        try:
            plan = self._glance(key)
            if plan.actions:
                plan = self._decide(key)
                apply(self._cluster, plan)
        except (Conflict, AlreadyExists, NotFound) as lost:
            self._race(key, lost)
        except Retry as problem:
            self._failed(key, problem, problem.after)
        except (HeadgateError, ValueError) as problem:
            self._failed(key, problem, None)
        except Exception as mistake:  # ours; the other objects must not wait for its repair
            self._log.exception("pass broke", object="/".join(key))
            self._failed(key, mistake, None)
        else:
            self._races.pop(key, None)
            self._queue.forget(key)
            if plan.wake_after_s is not None:
                self._queue.add(key, plan.wake_after_s)

    def _race(self, key: Name, lost: HeadgateError) -> None:
        """Somebody wrote between our reading and our writing: read again."""
        races = self._races[key] = self._races.get(key, 0) + 1
        if races > LOST_RACES:
            self._failed(key, lost, None)
        else:
            self._queue.add(key, AT_ONCE)

    def _failed(self, key: Name, problem: Exception, at_least: float | None) -> None:
        wait = self._queue.retry(key, at_least)
        self._log.warning("pass failed", object="/".join(key), problem=str(problem), again_in_s=round(wait, 1))
