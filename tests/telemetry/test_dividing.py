"""What is too heavy harms itself only: a policy's own query, a release, or names that many namespaces have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from delivery.telemetry.collector import Collector
from delivery.telemetry.expressions import Expression
from delivery.telemetry.memory import MemoryPrometheus
from delivery.telemetry.needs import Need
from delivery.telemetry.prometheus import Point
from delivery.telemetry.reasons import MetricsUnavailable, Reason
from delivery.telemetry.samples import Reading
from tests.telemetry.collected import collected
from tests.telemetry.istio_counters import need, requests

RELEASES = 16
OF_THE_QUESTION = [Reason.TOO_MANY_SERIES, Reason.TOO_LARGE, Reason.SLOW, Reason.PARTIAL, Reason.SERVER_ERROR]


@dataclass(slots=True)
class Guarded(MemoryPrometheus):
    """Refuses what `refuses` says of a query and the number of series that would answer it."""

    refuses: Callable[[str, int], Reason | None] = lambda _promql, _series: None
    most: int = 0
    refused: list[str] = field(default_factory=list)

    def query(self, promql: str, at: float, *, within_s: float | None = None) -> list[Point]:
        found = MemoryPrometheus.query(self, promql, at, within_s=within_s)
        self.most = max(self.most, len(found))
        reason = self.refuses(promql, len(found))
        if reason is not None:
            self.refused.append(promql)
            raise MetricsUnavailable(reason, f"refused: {reason}")
        return found


def scraped(source: MemoryPrometheus, names: Sequence[str]) -> None:
    for at in range(99, 400, 10):
        for name in names:
            source.scrape(at, name, {requests(name): 10 * at, requests(f"{name}-canary"): at})


def own(name: str, metric: str = "jobs") -> Expression:
    return Expression(metric, "value", "stable", f'sum by (instance) ({metric}_length{{deployment="{name}"}})')


def asking(through: float) -> list[Need]:
    names = [f"web{number}" for number in range(RELEASES)]
    return [replace(need(through, name), expressions=(own(name),)) for name in names]


def answered(readings: dict[str, Reading]) -> int:
    return sum(1 for reading in readings.values() if reading.samples)


@pytest.mark.parametrize("reason", OF_THE_QUESTION)
def test_a_policys_heavy_query_costs_its_metric_and_nothing_else(reason: Reason) -> None:
    heavy = 'jobs_length{deployment="web7"}'
    source = Guarded(refuses=lambda promql, _series: reason if heavy in promql else None)
    scraped(source, [f"web{number}" for number in range(RELEASES)])
    collector = Collector(source, settle=1)
    readings = collected(collector, asking(100), 111)
    assert answered(readings) == RELEASES
    assert readings["shop/web7"].custom["jobs"].problem == f"refused: {reason}"
    assert readings["shop/web8"].custom["jobs"].problem == "no series of stable and canary yet"
    asked = len(source.asked)
    assert answered(collected(collector, asking(110), 121)) == RELEASES
    assert len(source.asked) - asked == 2  # the mesh's requests, and everything that is not too heavy


def test_what_is_not_found_at_one_instant_is_found_at_the_next_ones() -> None:
    """Half of all queries are too heavy: more than may be asked for at once."""
    source = Guarded(refuses=lambda promql, _series: Reason.TOO_LARGE if "heavy_length" in promql else None)
    names = [f"web{number}" for number in range(40)]
    scraped(source, names)
    collector = Collector(source, settle=1)
    told: dict[str, Reading] = {}
    for through in range(100, 250, 10):
        needs = [
            replace(need(float(through), name), expressions=(own(name, "heavy" if number % 2 else "light"),))
            for number, name in enumerate(names)
        ]
        before = len(source.asked)
        told = collected(collector, needs, through + 11)
        assert answered(told) == len(names)
        assert len(source.asked) - before <= 3 + 2 + 2 * 12 + 3  # baselines, the mesh's, what is divided
    silent = {key for key, reading in told.items() if "light" in reading.custom}
    assert all(told[key].custom["light"].problem == "no series of stable and canary yet" for key in silent)


@pytest.mark.parametrize("reason", OF_THE_QUESTION)
def test_a_release_that_is_too_heavy_costs_itself_its_numbers(reason: Reason) -> None:
    source = Guarded(refuses=lambda promql, _series: reason if "web7" in promql else None)
    scraped(source, [f"web{number}" for number in range(RELEASES)])
    collector = Collector(source, settle=1)
    needs = [need(100, f"web{number}") for number in range(RELEASES)]
    readings = collected(collector, needs, 111)
    assert answered(readings) == RELEASES - 1
    assert (readings["shop/web7"].reason, readings["shop/web7"].data_through) == (reason, 100)
    # From then on it is asked for apart.
    source.refused.clear()
    again = [replace(each, data_through=readings[each.release].data_through) for each in needs]
    assert answered(collected(collector, again, 121)) == RELEASES - 1
    assert all("web8" not in promql for promql in source.refused)


def test_a_server_that_answers_nobody_is_not_asked_more_and_more() -> None:
    source = Guarded(refuses=lambda _promql, _series: Reason.SERVER_ERROR)
    readings = collected(Collector(source, settle=1), [need(100, f"web{n}") for n in range(RELEASES)], 111)
    assert {reading.reason for reading in readings.values()} == {Reason.SERVER_ERROR}
    assert len(source.asked) == 3


def tenants(count: int) -> tuple[Guarded, list[Need]]:
    """Namespaces that all have the same services, each of which has a release in one of them."""
    source = Guarded()
    for at in range(99, 130, 10):
        shown = {}
        for tenant in range(count):
            for service in range(count):
                arms = (f"svc{service}", f"svc{service}-canary") if tenant == service else (f"svc{service}",)
                for arm in arms:
                    for code in ("200", "404", "503"):
                        shown[requests(arm, code, namespace=f"t{tenant}")] = float(at)
        source.scrape(at, "proxy", shown)
    needs = [
        replace(need(100, f"svc{n}"), namespace=f"t{n}", release=f"t{n}/svc{n}", data_through=100.0)
        for n in range(count)
    ]
    return source, needs


def test_names_that_many_namespaces_have_are_asked_for_namespace_by_namespace() -> None:
    source, needs = tenants(30)
    source.refuses = lambda _promql, series: Reason.TOO_MANY_SERIES if series > 400 else None
    collector = Collector(source, settle=1)
    readings = collected(collector, needs, 111)
    assert answered(readings) == 30
    assert readings["t3/svc3"].samples[0].stable.requests == 30
    source.most = 0
    again = [replace(each, data_through=110) for each in needs]
    assert answered(collected(collector, again, 121)) == 30
    assert source.most == 30 * 2 * 3  # what is needed, and no more


def test_an_answer_that_is_mostly_about_others_is_asked_for_more_exactly_the_next_time() -> None:
    source, needs = tenants(30)
    collector = Collector(source, settle=1)
    assert answered(collected(collector, needs, 111)) == 30
    source.most = 0
    assert answered(collected(collector, [replace(each, data_through=110) for each in needs], 121)) == 30
    assert source.most == 30 * 2 * 3
