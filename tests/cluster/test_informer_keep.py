"""What an informer keeps of an object, what it never believes, and who may fail without harm to it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from delivery.cluster import informer as informer_module
from delivery.cluster.client import Listing, Object, WatchEvent
from delivery.cluster.informer import BARREN_STREAMS, Informer, Keep, Name
from delivery.cluster.kinds import SERVICE
from delivery.cluster.reader import version_of
from delivery.errors import Expired, Unavailable
from tests.cluster.faulty_server import NAMESPACE, Fault, faulty_server
from tests.cluster.test_informer_recovery import ScriptedCluster, ScriptedWatch, obj
from tests.cluster.watch_subjects import ImpatientCluster
from tests.conditions import eventually


class Listener:
    """What was told, as (name, spec of the object or None when gone)."""

    def __init__(self, fails_on: str = "") -> None:
        self.told: list[tuple[str, Any]] = []
        self._fails_on = fails_on

    def __call__(self, name: Name, found: Object | None) -> None:
        self.told.append((name[1], found and found.get("size")))
        if name[1] == self._fails_on:
            raise RuntimeError("a listener's own trouble")


def sized(name: str, version: int, size: int) -> Object:
    return {**obj(name, version), "size": size, "ballast": "x"}


def large_only(found: Object) -> Object | None:
    if found["size"] < 10:
        return None
    return {key: value for key, value in found.items() if key != "ballast"}


def scripted(
    lists: list[Listing | Exception], *watches: ScriptedWatch, listener: Listener, keep: Keep = large_only
) -> Informer:
    return Informer(ScriptedCluster(lists, list(watches)), SERVICE, on_change=listener, keep=keep)


def test_what_is_kept_is_stored_and_told_without_the_ballast() -> None:
    listener = Listener()
    informer = scripted([Listing([sized("a", 1, 10), sized("b", 2, 1)], "2")], ScriptedWatch(), listener=listener)
    informer.round()
    assert informer.list() == [{**obj("a", 1), "size": 10}]
    assert listener.told == [("a", 10)]


def test_an_object_that_nobody_needs_any_more_is_gone_and_comes_back() -> None:
    listener = Listener()
    changes = ScriptedWatch(
        WatchEvent("MODIFIED", sized("a", 2, 1)),  # told as gone
        WatchEvent("MODIFIED", sized("a", 3, 2)),  # not told: it was not there
        WatchEvent("DELETED", sized("b", 4, 1)),  # not told either
        WatchEvent("MODIFIED", sized("a", 5, 20)),
    )
    informer = scripted([Listing([sized("a", 1, 10)], "1")], changes, listener=listener)
    informer.round()
    assert listener.told == [("a", 10), ("a", None), ("a", 20)]
    assert [found["size"] for found in informer.list()] == [20]


def test_a_new_list_tells_of_what_is_needed_no_more() -> None:
    listener = Listener()
    lists: list[Listing | Exception] = [Listing([sized("a", 1, 10)], "1"), Listing([sized("a", 2, 1)], "2")]
    informer = scripted(lists, ScriptedWatch(Expired("too old")), ScriptedWatch(), listener=listener)
    informer.round()
    informer.round()
    assert listener.told == [("a", 10), ("a", None)]


def test_what_is_kept_may_have_no_version() -> None:
    listener = Listener()
    lists: list[Listing | Exception] = [
        Listing([sized("a", 1, 10), sized("b", 1, 10)], "1"),
        Listing([sized("a", 5, 11), sized("b", 6, 10)], "6"),
    ]
    informer = scripted(
        lists,
        ScriptedWatch(Expired("too old")),
        ScriptedWatch(),
        listener=listener,
        keep=lambda found: {"metadata": {"name": found["metadata"]["name"]}, "size": found["size"]},
    )
    informer.round()
    informer.round()
    assert listener.told == [("a", 10), ("b", 10), ("a", 11)]


def test_a_listener_that_fails_hears_what_comes_next() -> None:
    listener = Listener(fails_on="a")
    changes = ScriptedWatch(WatchEvent("MODIFIED", sized("a", 3, 30)), WatchEvent("MODIFIED", sized("b", 4, 40)))
    lists: list[Listing | Exception] = [Listing([sized("a", 1, 10), sized("b", 2, 20)], "2")]
    informer = scripted(lists, changes, listener=listener)
    informer.round()
    assert listener.told == [("a", 10), ("b", 20), ("a", 30), ("b", 40)]
    assert informer.synced


def test_an_event_that_could_not_be_kept_is_had_by_a_new_list() -> None:
    listener = Listener()
    without_size = WatchEvent("MODIFIED", obj("a", 2))  # large_only raises KeyError
    lists: list[Listing | Exception] = [Listing([sized("a", 1, 10)], "1"), Listing([sized("a", 2, 12)], "2")]
    informer = scripted(lists, ScriptedWatch(without_size), ScriptedWatch(), listener=listener)
    assert informer.round() > 0
    informer.round()
    assert listener.told == [("a", 10), ("a", 12)]


def test_a_list_without_a_version_is_not_believed() -> None:
    listener = Listener()
    lists: list[Listing | Exception] = [Listing([sized("a", 1, 10)], "1"), Listing([], ""), Listing([], "9")]
    informer = scripted(lists, ScriptedWatch(Expired("too old")), ScriptedWatch(), listener=listener)
    informer.round()
    assert informer.round() > 0
    assert [found["size"] for found in informer.list()] == [10]
    informer.round()
    assert listener.told == [("a", 10), ("a", None)]


def test_history_that_went_back_is_believed_in_the_end() -> None:
    """A control plane that was restored from a backup; a server that lags behind does not answer so for long."""
    listener = Listener()
    refused = informer_module.STALE_LISTS_REFUSED
    lists: list[Listing | Exception] = [Listing([sized("a", 50, 10)], "50")]
    lists += [Listing([sized("a", 7, 11)], "7")] * (refused + 1)
    informer = scripted(lists, ScriptedWatch(Expired("too old")), ScriptedWatch(), listener=listener)
    informer.round()
    for _ in range(refused):
        informer.round()
        assert listener.told == [("a", 10)]
    informer.round()
    assert listener.told == [("a", 10), ("a", 11)]


def test_a_place_that_cannot_be_read_is_gone_around_by_a_list() -> None:
    listener = Listener()
    broken = [ScriptedWatch(Unavailable("not to be read")) for _ in range(BARREN_STREAMS)]
    lists: list[Listing | Exception] = [Listing([sized("a", 1, 10)], "1"), Listing([sized("a", 4, 14)], "4")]
    cluster = ScriptedCluster(lists, [*broken, ScriptedWatch()])
    informer = Informer(cluster, SERVICE, on_change=listener)
    for _ in range(BARREN_STREAMS):
        informer.round()
    assert listener.told == [("a", 10)]
    informer.round()
    assert listener.told == [("a", 10), ("a", 14)]
    assert cluster.asked == ["1"] * BARREN_STREAMS + ["4"]


@pytest.mark.parametrize("how", ["ends", "breaks", "repeats"])
def test_it_waits_longer_and_longer_for_streams_that_bring_nothing(how: str) -> None:
    def stream() -> ScriptedWatch:
        old = WatchEvent("MODIFIED", sized("a", 1, 99))
        script: dict[str, list[WatchEvent | Exception]] = {
            "ends": [],
            "breaks": [Unavailable("reset")],
            "repeats": [old],
        }
        return ScriptedWatch(*script[how])

    class Endless(ScriptedCluster):
        def watch(self, *_: Any, **__: Any) -> ScriptedWatch:
            return stream()

    listing = Listing([sized("a", 1, 10)], "1")
    informer = Informer(Endless([listing] * 20, []), SERVICE)
    waits = [informer.round() for _ in range(12)]
    floor = [0.5 * min(15.0, 0.2 * 2**tries) for tries in range(12)]
    assert all(wait >= least for wait, least in zip(waits, floor, strict=True))
    assert max(waits) <= 15.0


def test_nothing_is_told_after_stop() -> None:
    listener = Listener()
    informer = scripted([Listing([sized("a", 1, 10)], "1")], ScriptedWatch(), listener=listener)
    informer.stop()
    informer.round()
    assert listener.told == []


def test_a_listener_may_stop_its_informer() -> None:
    told: list[Name] = []

    def stopping(name: Name, _: Object | None) -> None:
        told.append(name)
        informer.stop()

    lists: list[Listing | Exception] = [Listing([sized("a", 1, 10), sized("b", 2, 20)], "2")]
    informer = Informer(ScriptedCluster(lists, []), SERVICE, on_change=stopping)
    informer.start()
    eventually(lambda: not informer._thread.is_alive())
    assert len(told) == 1


class Traced(dict[str, Any]):
    """An object that can be looked for."""


@pytest.fixture
def traced() -> Iterator[list[weakref.ref[Traced]]]:
    yield []
    gc.collect()


def test_no_old_object_is_held(traced: list[weakref.ref[Traced]]) -> None:
    def keep(found: Object) -> Object:
        made = Traced(found)
        traced.append(weakref.ref(made))
        return made

    with faulty_server() as server:
        cluster = ImpatientCluster(server.url)
        informer = Informer(cluster, SERVICE, NAMESPACE, keep=keep)
        informer.start()
        informer.wait_synced(10.0)

        def current() -> bool:
            return {found["metadata"]["name"]: version_of(found) for found in informer.list()} == {
                name: int(version) for name, version in server.versions().items()
            }

        for number in range(30):
            server.put("web")
            server.put(f"passing-{number}")
            server.delete(f"passing-{number}")
            if number % 10 == 5:
                server.watches.extend([Fault("torn"), Fault("gone")])
                server.cut()
            eventually(current)
        held = {id(found) for found in informer.list()}
        gc.collect()
        assert {id(found) for ref in traced if (found := ref()) is not None} == held
        assert len(traced) > 30
        informer.stop()
        cluster.hang_up()
