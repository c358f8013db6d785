"""Releases that the mesh finds healthy and a metric of the user's own does not."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import lognorm

from delivery.resources.release import Phase, Release
from delivery.telemetry.memory import Counter
from tests.scenarios.in_process import connected
from tests.scenarios.process import Process
from tests.scenarios.stories import GOOD
from tests.scenarios.telling import prepared
from tests.scenarios.universe import POLICY_SPEC, Universe

MATCHED = '{namespace="{{ namespace }}", deployment="{{ workload }}"}'
ORDERS = {
    "name": "orders",
    "kind": "errorRate",
    "query": {
        "total": f"sum by (instance) (orders_total{MATCHED})",
        "errors": f"sum by (instance) (orders_failed_total{MATCHED})",
    },
}
QUEUE = {"name": "queue", "kind": "gaugeMean", "query": {"value": f"sum by (instance) (queue_length{MATCHED})"}}
SEARCH = {
    "name": "search",
    "kind": "latency",
    "query": {"buckets": f"sum by (instance, le) (search_seconds_bucket{MATCHED})", "unit": "s"},
}
RETRIES = {
    "name": "retries",
    "kind": "counterRatio",
    "query": {
        "numerator": f"sum by (instance) (retries_total{MATCHED})",
        "denominator": f"sum by (instance) (orders_total{MATCHED})",
    },
}
ARMS = {"web": "10.0.1.1:8080", "web-canary": "10.0.1.2:8080"}
Shows = Callable[[str, int], dict[str, float]]


def orders(failures: dict[str, float]) -> Shows:
    """A hundred orders a turn for each version."""
    return lambda workload, turn: {
        "orders_total": 100.0 * turn,
        "orders_failed_total": float(int(100 * turn * failures[workload])),
    }


def queue(lengths: dict[str, float]) -> Shows:
    noise = random.Random(1)
    return lambda workload, _turn: {"queue_length": max(0.0, noise.gauss(lengths[workload], 3.0))}


def search(median_s: dict[str, float]) -> Shows:
    """A hundred searches a turn, with a log-normal spread, in a client library's default buckets."""
    bounds = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, math.inf)

    def shown(workload: str, turn: int) -> dict[str, float]:
        within = lognorm(0.7, scale=median_s[workload]).cdf(np.array(bounds))
        shown_as = ["+Inf" if bound == math.inf else f"{bound:g}" for bound in bounds]
        return {
            f'search_seconds_bucket le="{le}"': float(int(100 * turn * part))
            for le, part in zip(shown_as, within, strict=True)
        }

    return shown


def retries(each: dict[str, float]) -> Shows:
    """More retries than orders, where it is bad."""
    noise = random.Random(2)
    totals = dict.fromkeys(each, 0.0)

    def shown(workload: str, turn: int) -> dict[str, float]:
        totals[workload] += max(0.0, noise.gauss(400 * each[workload], 20))
        return {"orders_total": 100.0 * turn, "retries_total": totals[workload]}

    return shown


class Applications:
    """Their own metrics, scraped beside the mesh's; the canary's from when it runs."""

    def __init__(self, universe: Universe, shows: Shows) -> None:
        self._universe = universe
        self._shows = shows
        self._turns = 0

    def turn(self) -> None:
        self._turns += 1
        if self._turns % 4:  # scraped once a second
            return
        running = ["web", "web-canary"] if self._universe.traffic.share() else ["web"]
        for workload in running:
            shown = {}
            for metric, value in self._shows(workload, self._turns).items():
                name, _, le = metric.partition(" le=")
                labels = {"le": le.strip('"')} if le else {}
                shown[Counter.of(name, deployment=workload, namespace="shop", **labels)] = value
            self._universe.traffic.prometheus.scrape(self._universe.clock.now(), ARMS[workload], shown)


def told(metric: dict[str, Any], shows: Shows) -> Release:
    """How a release ends that is judged by the mesh and by one metric of the user's own."""
    analysis = {**POLICY_SPEC["analysis"], "metrics": [{"kind": "errorRate"}, metric]}
    canary = {**POLICY_SPEC["strategy"]["canary"], "steps": [50], "maxStepDuration": "30m"}
    universe, invariants = prepared(GOOD, policy={"strategy": {"canary": canary}, "analysis": analysis})
    process = Process(universe, connected(universe.pool))
    universe.parties += [Applications(universe, shows).turn, process.turn]
    universe.until(universe.adopted)
    universe.image("web:2")
    universe.until(universe.ended, 1800.0)
    invariants.check()
    [release] = universe.releases()
    return release


@pytest.mark.parametrize(
    ("metric", "shows"),
    [
        (ORDERS, orders({"web": 0.01, "web-canary": 0.3})),
        (QUEUE, queue({"web": 20.0, "web-canary": 80.0})),
        (SEARCH, search({"web": 0.04, "web-canary": 0.12})),
        (RETRIES, retries({"web": 0.5, "web-canary": 2.5})),
    ],
    ids=["orders-fail", "the-queue-grows", "searches-are-slow", "it-retries"],
)
def test_a_version_that_only_the_users_own_metric_condemns_is_rolled_back(metric: dict[str, Any], shows: Shows) -> None:
    release = told(metric, shows)
    assert release.status.phase is Phase.ROLLED_BACK
    assert metric["name"] in release.status.message
    assert 'deployment="web-canary"' in str(release.status.analysis.custom[metric["name"]].queries)


@pytest.mark.parametrize(
    ("metric", "shows"),
    [
        (ORDERS, orders({"web": 0.01, "web-canary": 0.01})),
        (QUEUE, queue({"web": 20.0, "web-canary": 20.0})),
        (SEARCH, search({"web": 0.04, "web-canary": 0.04})),
        (RETRIES, retries({"web": 0.5, "web-canary": 0.5})),
    ],
    ids=["orders", "queue", "search", "retries"],
)
def test_a_version_that_the_users_own_metric_finds_no_worse_is_promoted(metric: dict[str, Any], shows: Shows) -> None:
    assert told(metric, shows).status.phase is Phase.SUCCEEDED


def test_a_metric_that_shows_nothing_decides_nothing() -> None:
    release = told_until_undecided()
    assert release.status.phase is Phase.SHIFTING
    assert release.status.analysis.custom["orders"].problem == "no series of stable and canary yet"


def told_until_undecided() -> Release:
    analysis = {**POLICY_SPEC["analysis"], "metrics": [{"kind": "errorRate"}, ORDERS]}
    universe, _ = prepared(GOOD, policy={**POLICY_SPEC, "analysis": analysis})
    process = Process(universe, connected(universe.pool))
    universe.parties.append(process.turn)
    universe.until(universe.adopted)
    universe.image("web:2")
    end = universe.clock.now() + 60
    universe.until(lambda: universe.clock.now() > end)
    [release] = universe.releases()
    return release
