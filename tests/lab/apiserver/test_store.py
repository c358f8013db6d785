"""The store: one counter, a log that can be resumed from, snapshots of the past, and an honest end of memory."""

import pytest

from delivery.lab.apiserver.status import Json
from delivery.lab.apiserver.store import DELETED, Change, Store, TooOldError

THINGS = ("test.dev", "things")


def thing(name: str, value: int = 0) -> Json:
    return {"metadata": {"name": name, "namespace": "a"}, "value": value}


def test_every_write_takes_the_next_revision() -> None:
    store = Store()
    before = store.revision
    made = store.put(THINGS, ("a", "x"), thing("x"))
    changed = store.put(THINGS, ("a", "x"), thing("x", 1))
    gone = store.remove(THINGS, ("a", "x"))
    assert [int(o["metadata"]["resourceVersion"]) - before for o in (made, changed, gone)] == [1, 2, 3]


def test_a_stored_object_is_not_changed_by_later_writes() -> None:
    store = Store()
    made = store.put(THINGS, ("a", "x"), thing("x"))
    store.put(THINGS, ("a", "x"), thing("x", 9))
    assert made["value"] == 0


def test_changes_since_a_revision_come_once_and_in_order() -> None:
    store = Store()
    start = store.revision
    for value in range(5):
        store.put(THINGS, ("a", "x"), thing("x", value))
    middle = store.open(THINGS).since(start)[2].revision
    assert [change.current["value"] for change in store.open(THINGS).since(middle)] == [3, 4]
    assert store.open(THINGS).since(store.revision) == []


def test_a_deletion_keeps_the_last_state_under_its_own_revision() -> None:
    store = Store()
    store.put(THINGS, ("a", "x"), thing("x", 3))
    store.remove(THINGS, ("a", "x"))
    last = store.open(THINGS).since(store.revision - 1)[0]
    assert (last.kind, last.current["value"]) == (DELETED, 3)
    assert last.current["metadata"]["resourceVersion"] == str(store.revision)


def test_the_past_can_be_listed_until_it_is_compacted() -> None:
    store = Store()
    store.put(THINGS, ("a", "x"), thing("x", 1))
    then = store.revision
    store.put(THINGS, ("a", "x"), thing("x", 2))
    store.put(THINGS, ("a", "y"), thing("y"))
    store.remove(THINGS, ("a", "x"))
    assert [o["value"] for o in store.listing(THINGS, "a", then)] == [1]
    store.open(THINGS).compact(then + 1)
    with pytest.raises(TooOldError, match=f"too old resource version: {then}"):
        store.listing(THINGS, "a", then)


def test_the_log_is_bounded_and_says_what_it_forgot() -> None:
    store = Store(window=4)
    start = store.revision
    for value in range(50):
        store.put(THINGS, ("a", "x"), thing("x", value))
    with pytest.raises(TooOldError):
        store.open(THINGS).since(start)
    assert [c.current["value"] for c in store.open(THINGS).since(store.revision - 4)] == [46, 47, 48, 49]


def test_listing_is_in_key_order_and_by_namespace() -> None:
    store = Store()
    for namespace, name in (("b", "x"), ("a", "y"), ("a", "x")):
        store.put(THINGS, (namespace, name), {"metadata": {"name": name, "namespace": namespace}})
    listed = [(o["metadata"]["namespace"], o["metadata"]["name"]) for o in store.listing(THINGS, None)]
    assert listed == [("a", "x"), ("a", "y"), ("b", "x")]
    assert [o["metadata"]["name"] for o in store.listing(THINGS, "b")] == ["x"]


def test_observers_hear_of_every_change() -> None:
    store = Store()
    heard: list[tuple[str, int]] = []

    def observe(_storage: tuple[str, str], change: Change) -> None:
        heard.append((change.kind, change.revision))

    store.observe(observe)
    store.put(THINGS, ("a", "x"), thing("x"))
    store.remove(THINGS, ("a", "x"))
    assert [kind for kind, _ in heard] == ["ADDED", "DELETED"]
    assert heard[0][1] < heard[1][1]
