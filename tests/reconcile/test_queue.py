"""The work queue: one pass a key at a time, delays, back-off, closing."""

from __future__ import annotations

import random
import threading

from delivery.reconcile.queue import FIRST_BACK_OFF_S, LAST_BACK_OFF_S, WorkQueue


def test_a_key_added_twice_is_handed_out_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    queue.add("a")
    queue.add("b")
    assert [queue.get(), queue.get()] == ["a", "b"]
    queue.close()
    assert queue.get() is None


def test_a_key_at_work_waits_until_it_is_done() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    assert queue.get() == "a"
    queue.add("a")
    queue.add("b")
    assert queue.get() == "b"  # not "a": its first pass has not ended
    queue.done("a")
    assert queue.get() == "a"


def test_the_earlier_of_two_wishes_counts() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a", after=3600)
    queue.add("a", after=0)
    assert queue.get() == "a"
    queue.done("a")
    queue.add("b", after=0)
    queue.add("b", after=3600)
    assert queue.get() == "b"


def test_keys_that_are_due_later_come_later() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("later", after=0.05)
    queue.add("now")
    assert [queue.get(), queue.get()] == ["now", "later"]


def test_back_off_grows_with_jitter_to_a_ceiling_and_is_forgotten() -> None:
    queue: WorkQueue[str] = WorkQueue(random.Random(7))
    waits = [queue.retry("a") for _ in range(12)]
    for failures, wait in enumerate(waits):
        ceiling = min(LAST_BACK_OFF_S, FIRST_BACK_OFF_S * 2**failures)
        assert ceiling / 2 <= wait <= ceiling
    queue.forget("a")
    assert queue.retry("a") <= FIRST_BACK_OFF_S
    assert queue.retry("b", at_least=50) == 50


def test_two_workers_never_hold_the_same_key() -> None:
    queue: WorkQueue[int] = WorkQueue()
    held: set[int] = set()
    lock = threading.Lock()
    handed, clashes = [0], []

    def work() -> None:
        while (key := queue.get()) is not None:
            with lock:
                clashes.extend([key] if key in held else [])
                held.add(key)
                handed[0] += 1
                last = handed[0] >= 400
            with lock:
                held.discard(key)
            queue.done(key)
            if last:
                queue.close()
            else:
                queue.add(key)

    for key in range(5):
        queue.add(key)
    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert not any(worker.is_alive() for worker in workers)
    assert clashes == []
    assert handed[0] >= 400
