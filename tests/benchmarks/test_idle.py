"""A controller at rest and its reactions, measured on a handful of Deployments."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks.idle import Rest, Series, adopted, page, react, rest
from benchmarks.idle_cluster import CANARY, STAGES
from benchmarks.idle_traffic import Calls, called


@pytest.mark.parametrize(
    ("method", "target", "said"),
    [
        ("GET", "/api/v1/pods?limit=500", "LIST pods"),
        ("GET", "/api/v1/pods?watch=true&resourceVersion=7", "WATCH pods"),
        ("GET", "/api/v1/namespaces/shop/services/web", "GET services"),
        ("GET", "/api/v1/namespaces/shop", "GET namespaces"),
        ("POST", "/apis/apps/v1/namespaces/shop/deployments", "POST deployments"),
        ("PATCH", "/apis/headgate.dev/v1alpha1/namespaces/shop/releases/web-1/status", "PATCH releases/status"),
        ("GET", "/apis/headgate.dev/v1alpha1/clusterdeliverypolicies/all", "GET clusterdeliverypolicies"),
        ("GET", "/apis/headgate.dev/v1alpha1", "GET /apis/headgate.dev/v1alpha1"),
        ("GET", "/version", "GET /version"),
    ],
)
def test_a_call_is_told_without_whose_it_is(method: str, target: str, said: str) -> None:
    assert called(method, target) == said


def test_only_the_calls_of_the_span_count() -> None:
    calls = Calls()
    calls.add("LIST pods")
    middle = time.monotonic()
    calls.add("PUT leases")
    assert calls.between(middle, time.monotonic() + 1) == {"PUT leases": 1}


def test_a_few_deployments_are_adopted_left_alone_and_changed(tmp_path: Path) -> None:
    with adopted(tmp_path, 3, None) as setting:
        idle = rest(setting, 1.0)
        series = react(setting, setting.found[:2], "2 at once", at_once=True)
        process = setting.process
    assert not process.running
    assert idle.memory_mb <= idle.peak_mb
    # The kinds of meshes that are not there are asked for now and then: their groups, and of a group that is there
    # (VirtualServices' own) the kind itself.
    unserved = {"LIST destinationrules", *(what for what in idle.calls if what.startswith("GET /apis/"))}
    assert not [what for what in idle.calls if "leases" not in what and what not in unserved]
    assert list(series.stages) == list(STAGES)
    assert all(0 < seconds < 60 for seconds in series.stages[CANARY])
    text = page("the command", "embedded", 3, idle, [series])
    assert f"| 2 at once | {CANARY} | 2 of 2 |" in text


def test_what_never_came_is_shown_as_such() -> None:
    never = Series("1 at once", {CANARY: [float("nan")]})
    text = page("the command", "real", 1, Rest(10.0, 0.1, 50.0, 60.0, Calls().between(0, 0)), [never])
    assert f"| 1 at once | {CANARY} | 0 of 1 | - | - | - | - |" in text
    assert "| 1.00 | 50 | 60 |" in text
