"""The informer when the server forgets, breaks off or is away: what it asks next, and what it tells."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

from delivery.cluster.client import Cluster, Listing, Object, Watch, WatchEvent
from delivery.cluster.informer import Informer, Name
from delivery.cluster.kinds import SERVICE, Kind
from delivery.errors import Expired, Unavailable
from tests.conditions import eventually


def obj(name: str, version: int) -> Object:
    return {"metadata": {"name": name, "namespace": "shop", "resourceVersion": str(version)}}


class ScriptedWatch(Watch):
    """Events, then an error or the stream's end."""

    def __init__(self, *script: WatchEvent | Exception) -> None:
        self._script = script

    def __iter__(self) -> Iterator[WatchEvent]:
        for each in self._script:
            if isinstance(each, Exception):
                raise each
            yield each

    def close(self) -> None:
        """Nothing is open."""


class OpenWatch(ScriptedWatch):
    """A quiet stream that lasts until it is closed."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[WatchEvent]:
        self._closed.wait(30)
        yield from ()

    def close(self) -> None:
        self._closed.set()


class ScriptedCluster(Cluster):
    """Answers lists and watches in turn; `asked` are the versions watches were asked from."""

    def __init__(self, lists: list[Listing | Exception], watches: list[Watch]) -> None:
        self._host = "https://scripted"
        self.lists = lists
        self.watches = watches
        self.asked: list[str] = []

    def list(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        labels: Mapping[str, str] | str = "",
        fields: str = "",
        limit: int = 500,
    ) -> Listing:
        answer = self.lists.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def watch(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        resource_version: str,
        timeout_s: int = 300,
        labels: Mapping[str, str] | str = "",
    ) -> Watch:
        self.asked.append(resource_version)
        return self.watches.pop(0) if self.watches else OpenWatch()


def told_by(cluster: ScriptedCluster, watches: int) -> list[tuple[str, str]]:
    """What on_change hears until that many watches were asked for: (name, version or "gone")."""
    told: list[tuple[str, str]] = []

    def on_change(name: Name, found: Object | None) -> None:
        told.append((name[1], found["metadata"]["resourceVersion"] if found else "gone"))

    informer = Informer(cluster, SERVICE, on_change=on_change)
    informer.start()
    eventually(lambda: len(cluster.asked) == watches)
    informer.stop()
    return told


def test_history_that_was_forgotten_is_listed_again_and_only_the_difference_told() -> None:
    lists: list[Listing | Exception] = [
        Listing([obj("kept", 1), obj("changed", 2), obj("lost", 3)], "3"),
        Listing([obj("kept", 1), obj("changed", 8), obj("added", 9)], "9"),
    ]
    cluster = ScriptedCluster(lists, [ScriptedWatch(Expired("too old"))])
    told = told_by(cluster, 2)
    assert cluster.asked == ["3", "9"]
    assert told[:3] == [("kept", "1"), ("changed", "2"), ("lost", "3")]
    assert sorted(told[3:]) == [("added", "9"), ("changed", "8"), ("lost", "gone")]


def test_a_stream_that_broke_is_resumed_after_its_last_event() -> None:
    broken = ScriptedWatch(WatchEvent("MODIFIED", obj("web", 5)), Unavailable("reset"))
    cluster = ScriptedCluster([Listing([obj("web", 1)], "1")], [broken])
    assert told_by(cluster, 2) == [("web", "1"), ("web", "5")]
    assert cluster.asked == ["1", "5"]


def test_a_bookmark_moves_the_place_and_is_no_change() -> None:
    quiet = ScriptedWatch(WatchEvent("BOOKMARK", {"metadata": {"resourceVersion": "70"}}))
    cluster = ScriptedCluster([Listing([], "1")], [quiet])
    assert told_by(cluster, 2) == []
    assert cluster.asked == ["1", "70"]


def test_a_server_that_was_away_is_asked_again() -> None:
    cluster = ScriptedCluster([Unavailable("away"), Listing([obj("web", 4)], "4")], [])
    assert told_by(cluster, 1) == [("web", "4")]
