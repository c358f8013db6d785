"""SMI's TrafficSplits become weighted clusters."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.lab.mesh.traffic_splits import milli_weight
from delivery.lab.mesh.translate import routes, upstreams
from tests.lab.mesh.objects import (
    APEX,
    CANARY,
    SERVICES,
    STABLE,
    Json,
    of_apex,
    require_accepted,
    shares,
    traffic_split,
)


def translated(*splits: Json) -> list[Json]:
    return of_apex(routes(upstreams(SERVICES), [], None, splits))


@pytest.mark.parametrize(
    ("weight", "milli"),
    [("900m", 900), ("1", 1000), (1, 1000), (0.5, 500), ("1.5", 1500), ("0.1m", 1), (0, 0), ("often", 0), ("NaN", 0)],
)
def test_weights_are_numbers_or_quantities(weight: object, milli: int) -> None:
    assert milli_weight(weight) == milli


def test_the_apex_is_split_over_its_backends_and_may_be_one_of_them() -> None:
    [found] = translated(traffic_split({"web-stable": "667m", "web-canary": "333m", "web": 0}))
    assert shares(found) == {STABLE: 667, CANARY: 333}
    [found] = translated(traffic_split({"web": 95, "web-canary": 5}))
    assert shares(found) == {APEX: 95_000, CANARY: 5_000}


def test_a_backend_without_a_service_keeps_its_share() -> None:
    [found] = translated(traffic_split({"web": 1, "web-green": 1}))
    assert shares(found) == {APEX: 1000, "outbound|80||web-green.shop.svc.cluster.local": 1000}


def test_nothing_has_a_weight() -> None:
    [found] = translated(traffic_split({"web": 0}))
    assert found["direct_response"] == {"status": 503}


def test_the_oldest_split_of_a_service_counts() -> None:
    young, old = traffic_split({"web-canary": 1}, name="a"), traffic_split({"web-stable": 1}, name="b")
    young["metadata"]["creationTimestamp"], old["metadata"]["creationTimestamp"] = "2026-02-02", "2026-01-01"
    [found] = translated(young, old, traffic_split({"web": 1}, service="other"))
    assert shares(found) == {STABLE: 1000}


def test_envoy_itself_accepts_what_is_translated(tmp_path: Path) -> None:
    split = traffic_split({"web": "4294m", "web-canary": 3, "nowhere": 1})
    require_accepted(routes(upstreams(SERVICES), [], None, [split]), SERVICES, tmp_path)
