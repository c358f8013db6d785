"""Events: told once, told again where they come again, and never the reason why a pass fails."""

from __future__ import annotations

from typing import Any

from delivery.cluster.kinds import DEPLOYMENT, EVENT
from delivery.errors import Refused, Unavailable
from delivery.reconcile.events import MESSAGE_LIMIT, Events
from tests.decision.given import NOW
from tests.reconcile.memory_cluster import MemoryCluster, StillClock

WEB: dict[str, Any] = {"metadata": {"name": "web", "namespace": "shop", "uid": "u-1"}}


def told(cluster: MemoryCluster) -> list[dict[str, Any]]:
    return cluster.list(EVENT, "shop").items


def events_in(cluster: MemoryCluster) -> Events:
    return Events(cluster.client, StillClock(NOW))


def test_standing_news_is_told_once() -> None:
    cluster = MemoryCluster()
    events = events_in(cluster)
    for _ in range(5):
        events.announce(DEPLOYMENT, WEB, "InvalidPolicy", "no policy", warning=True)
    [event] = told(cluster)
    assert event["involvedObject"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "web",
        "namespace": "shop",
        "uid": "u-1",
    }
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "InvalidPolicy", "no policy")
    assert (event["count"], event["firstTimestamp"]) == (1, "2023-11-14T22:13:20Z")
    assert len(cluster.writes) == 1


def test_news_that_comes_again_is_counted() -> None:
    cluster = MemoryCluster()
    events = events_in(cluster)
    for reason in ("Advancing", "Paused", "Advancing"):
        events.announce(DEPLOYMENT, WEB, reason, "5 %")
    assert {event["reason"]: event["count"] for event in told(cluster)} == {"Advancing": 2, "Paused": 1}
    assert {event["type"] for event in told(cluster)} == {"Normal"}


def test_a_new_controller_counts_on() -> None:
    cluster = MemoryCluster()
    for _ in range(3):
        events_in(cluster).announce(DEPLOYMENT, WEB, "InvalidPolicy", "no policy")
    assert [event["count"] for event in told(cluster)] == [3]


def test_an_event_that_cannot_be_written_fails_nothing_and_is_told_later() -> None:
    cluster = MemoryCluster()
    events = events_in(cluster)
    for problem in (Unavailable("refused"), Refused("may not create events")):
        cluster.broken = problem
        events.announce(DEPLOYMENT, WEB, "Adopted", "adopted")
    cluster.broken = None
    events.announce(DEPLOYMENT, WEB, "Adopted", "adopted")
    assert [event["reason"] for event in told(cluster)] == ["Adopted"]


def test_what_is_too_long_for_the_api_is_cut() -> None:
    cluster = MemoryCluster()
    long = {"metadata": {"name": "w" * 253, "namespace": "shop", "uid": "u-2"}}
    events_in(cluster).announce(DEPLOYMENT, long, "Long", "x" * 5000)
    [event] = told(cluster)
    assert len(event["message"]) == MESSAGE_LIMIT
    assert len(event["metadata"]["name"]) <= 253
