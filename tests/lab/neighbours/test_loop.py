"""A loop survives failing passes, reads again after a lost race, and asks the server only when there is something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import SERVICE
from delivery.errors import AlreadyExists, Unavailable
from delivery.lab.apiserver.server import EmbeddedApiServer
from delivery.lab.neighbours.loop import Loop, Name
from delivery.lab.neighbours.plan import Create, Plan
from tests.conditions import eventually

KEY = ("default", "web")


@contextmanager
def running(cluster: Cluster, glance: Callable[[Name], Plan], decide: Callable[[Name], Plan]) -> Iterator[Loop]:
    loop = Loop("test", cluster, glance, decide)
    loop.start()
    yield loop
    loop.stop()


def creation(name: str) -> Plan:
    spec = {"ports": [{"port": 80}]}
    return Plan((Create(SERVICE, {"metadata": {"name": name, "namespace": "default"}, "spec": spec}, "wanted"),))


def scripted(*answers: Plan | Exception) -> tuple[Callable[[Name], Plan], list[Name]]:
    """A planner that answers in turn, then that nothing is needed."""
    asked: list[Name] = []
    waiting = list(answers)

    def plan(key: Name) -> Plan:
        asked.append(key)
        answer = waiting.pop(0) if waiting else Plan()
        if isinstance(answer, Exception):
            raise answer
        return answer

    return plan, asked


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with EmbeddedApiServer() as server:
        yield Cluster.connect(server.write_kubeconfig(tmp_path / "kubeconfig"))


def test_it_goes_on_after_any_failure(cluster: Cluster) -> None:
    failures = (KeyError("spec"), Unavailable("away"), AlreadyExists("raced"), ValueError("odd"))
    glance, asked = scripted(*failures, Plan(wake_after_s=0.01))
    with running(cluster, glance, glance) as loop:
        loop.wake(KEY)
        eventually(lambda: len(asked) >= 6)
    assert set(asked) == {KEY}


def test_what_memory_says_is_checked_with_the_server_before_it_is_done(cluster: Cluster) -> None:
    glance, _ = scripted(creation("stale"))
    decide, decided = scripted(creation("web"))
    with running(cluster, glance, decide) as loop:
        loop.wake(KEY)
        eventually(lambda: cluster.find(SERVICE, "web", "default"))
    assert decided == [KEY]
    assert cluster.find(SERVICE, "stale", "default") is None
