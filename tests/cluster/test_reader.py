"""Reading from memory: what was heard, and what this process wrote since."""

from __future__ import annotations

from typing import Any, cast

from delivery.cluster.informer import Informer
from delivery.cluster.kinds import EVENT, SERVICE
from delivery.cluster.reader import NO_LABELS, Memory, Once, Reader


class Heard:
    """An informer's answers."""

    synced = True

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.objects = list(objects)

    def get(self, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        return next((each for each in self.list(namespace) if each["metadata"]["name"] == name), None)

    def list(self, namespace: str | None = None) -> list[dict[str, Any]]:
        return [each for each in self.objects if namespace in (None, each["metadata"]["namespace"])]


def service(version: int, uid: str = "u", **labels: str) -> dict[str, Any]:
    meta = {"name": "web", "namespace": "shop", "uid": uid, "resourceVersion": str(version), "labels": labels}
    return {"metadata": meta}


def memory(*heard: dict[str, Any]) -> tuple[Memory, Heard]:
    informer = Heard(*heard)
    return Memory([(SERVICE, cast("Informer", informer))]), informer


def test_what_was_written_counts_until_it_was_heard_of() -> None:
    known, informer = memory(service(5))
    known.wrote(SERVICE, service(7))
    assert known.find(SERVICE, "web", "shop") == service(7)
    assert known.list(SERVICE, "shop") == [service(7)]
    informer.objects = [service(9)]
    assert known.find(SERVICE, "web", "shop") == service(9)


def test_an_object_made_anew_is_not_mistaken_for_the_one_that_was_written() -> None:
    known, _ = memory(service(5, "other"))
    known.wrote(SERVICE, service(7))
    assert known.find(SERVICE, "web", "shop") == service(5, "other")


def test_what_is_gone_stays_gone() -> None:
    known, informer = memory()
    known.wrote(SERVICE, service(7))
    assert known.find(SERVICE, "web", "shop") is None
    assert informer.objects == []


def test_labels_choose() -> None:
    known, _ = memory(service(5, app="web"))
    assert known.list(SERVICE, "shop", labels={"app": "web"}) == [service(5, app="web")]
    assert known.list(SERVICE, "shop", labels={"app": "api"}) == []


def test_kinds_that_nobody_watches_are_not_kept() -> None:
    known, _ = memory()
    known.wrote(EVENT, service(7))
    assert not known._written


class Counting:
    """A reader that counts; there is one Service, `web`."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def find(self, kind: Any, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        self.asked.append((kind, name, namespace))
        return service(len(self.asked)) if name == "web" else None

    def list(self, kind: Any, namespace: str | None = None, *, labels: Any = NO_LABELS) -> list[dict[str, Any]]:
        self.asked.append((kind, namespace, dict(labels)))
        return [service(len(self.asked))]


def test_a_pass_asks_for_each_thing_once() -> None:
    counting = Counting()
    reading = Once(cast("Reader", counting))
    for _ in range(3):
        assert reading.find(SERVICE, "web", "shop") == service(1)
        assert reading.find(SERVICE, "web-canary", "shop") is None
        assert reading.list(SERVICE, "shop") == [service(3)]
        assert reading.list(SERVICE, "shop", labels={"app": "web"}) == [service(4)]
    assert len(counting.asked) == 4
