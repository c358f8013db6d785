"""The informer on a real stream: current, told once of each change, through re-lists and broken watches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from delivery.cluster.client import Cluster, Object
from delivery.cluster.informer import Informer, Name
from delivery.cluster.kinds import NAMESPACE, SERVICE
from delivery.errors import Unavailable
from delivery.lab.apiserver.server import EmbeddedApiServer

BOUND_S = 15.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[EmbeddedApiServer, Cluster]]:
    with EmbeddedApiServer() as running:
        cluster = Cluster.connect(running.write_kubeconfig(tmp_path / "kubeconfig"))
        cluster.create(NAMESPACE, {"metadata": {"name": "shop"}})
        yield running, cluster


def service(name: str, **labels: str) -> Object:
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "protocol": "TCP"}]}
    return {"metadata": {"name": name, "namespace": "shop", "labels": labels}, "spec": spec}


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + BOUND_S
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)


class Told:
    """Every call of on_change, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[Name, Object | None]] = []
        self._lock = threading.Lock()

    def __call__(self, name: Name, obj: Object | None) -> None:
        with self._lock:
            self.calls.append((name, obj))

    def names(self) -> list[tuple[str, bool]]:
        with self._lock:
            return [(name[1], obj is not None) for name, obj in self.calls]


def test_it_lists_then_follows_every_change(server: tuple[EmbeddedApiServer, Cluster]) -> None:
    _, cluster = server
    cluster.create(SERVICE, service("first"))
    told = Told()
    informer = Informer(cluster, SERVICE, "shop", on_change=told)
    informer.start()
    informer.wait_synced(BOUND_S)
    assert told.names() == [("first", True)]
    cluster.create(SERVICE, service("second"))
    cluster.patch(SERVICE, "second", "shop", {"metadata": {"labels": {"a": "b"}}})
    cluster.delete(SERVICE, "first", "shop")
    until(lambda: len(told.calls) == 4)
    assert told.names()[1:] == [("second", True), ("second", True), ("first", False)]
    assert [found["metadata"]["labels"] for found in informer.list("shop")] == [{"a": "b"}]
    assert informer.get("first", "shop") is None
    assert informer.get("second", "shop") is not None
    informer.stop()


def test_an_object_that_leaves_the_selector_is_gone(server: tuple[EmbeddedApiServer, Cluster]) -> None:
    _, cluster = server
    cluster.create(SERVICE, service("web", track="canary"))
    told = Told()
    informer = Informer(cluster, SERVICE, labels={"track": "canary"}, on_change=told)
    informer.start()
    informer.wait_synced(BOUND_S)
    cluster.patch(SERVICE, "web", "shop", {"metadata": {"labels": {"track": "stable"}}})
    until(lambda: len(told.calls) == 2)
    assert told.names() == [("web", True), ("web", False)]
    informer.stop()


def test_stopping_is_prompt_with_an_open_watch(server: tuple[EmbeddedApiServer, Cluster]) -> None:
    _, cluster = server
    informer = Informer(cluster, SERVICE)
    informer.start()
    informer.wait_synced(BOUND_S)
    informer.stop()
    assert not informer._thread.is_alive()


def test_no_server_is_unavailable_not_empty(tmp_path: Path) -> None:
    with EmbeddedApiServer() as gone:
        cluster = Cluster.connect(gone.write_kubeconfig(tmp_path / "kubeconfig"))
    informer = Informer(cluster, SERVICE)
    informer.start()
    until(lambda: informer._problem is not None)
    with pytest.raises(Unavailable, match=r"list of Service: not had after 0 s from .*: .* cannot be reached"):
        informer.wait_synced(0.1)
    informer.stop()
