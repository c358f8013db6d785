"""Server-sent events: every change of one Release, and gathered changes of all."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx

from delivery.cluster.kinds import RELEASE
from delivery.resources.release import Phase
from tests.served import Served


def events(answer: httpx.Response) -> Iterator[tuple[str, dict[str, object]]]:
    """Name and data of each event."""
    name = ""
    for line in answer.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def test_a_release_is_followed_to_its_end(served: Served) -> None:
    made = served.release()
    with served.client() as client, client.stream("GET", served.path(rest="/events")) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = events(answer)
        assert next(told)[1]["phase"] == "Shifting"
        for phase in (Phase.PAUSED, Phase.ROLLING_BACK, Phase.ROLLED_BACK):
            made = served.becomes(made.model_copy(update={"status": made.status.model_copy(update={"phase": phase})}))
            name, data = next(told)
            assert (name, data["phase"]) == ("release", phase.value)
        assert list(told) == []


def test_all_are_followed_with_what_came_and_what_went(own_served: Served) -> None:
    with (
        own_served.client() as client,
        client.stream("GET", "/api/v1/events", params={"namespace": own_served.namespace}) as answer,
    ):
        told = events(answer)
        assert next(told)[0] == "ready"
        own_served.release(name="one")
        name, data = next(told)
        assert name == "releases"
        assert [one["name"] for one in data["items"]] == ["one"]  # type: ignore[attr-defined]
        own_served.cluster.delete(RELEASE, "one", own_served.namespace)
        assert next(told)[1] == {"items": [], "gone": [f"{own_served.namespace}/one"]}


def test_one_that_is_deleted_ends_its_stream(own_served: Served) -> None:
    own_served.release()
    with own_served.client() as client, client.stream("GET", own_served.path(rest="/events")) as answer:
        told = events(answer)
        next(told)
        own_served.cluster.delete(RELEASE, "web-bbbbbbbbbb", own_served.namespace)
        assert [name for name, _ in told] == ["gone"]


def test_one_that_is_not_there_has_no_stream(own_served: Served) -> None:
    with own_served.client() as client:
        assert client.get(own_served.path("nothing", "/events")).status_code == 404
