"""Queries: what is asked for is asked for literally, whatever a name contains."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from delivery.telemetry import promql
from delivery.telemetry.custom import CustomTable
from delivery.telemetry.expressions import Expression
from delivery.telemetry.limits import QUERY_LIMIT, SERIES_LIMIT
from delivery.telemetry.memory import Counter, MemoryPrometheus
from delivery.telemetry.needs import Need
from delivery.telemetry.progress import Known
from delivery.telemetry.promql import Asking, chunks, guessed, requests_query
from delivery.telemetry.tables import Table
from mesh_adapters.gateway.series import ENVOY
from mesh_adapters.istio.series import ISTIO
from mesh_adapters.linkerd.series import LINKERD
from tests.telemetry.istio_counters import need

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


def named(namespace: str, workload: str) -> Need:
    return Need("r", namespace, workload, f"{workload}-canary", 10.0, 100.0)


def counter(namespace: str, workload: str) -> Counter:
    labels = {"destination_workload": workload, "destination_workload_namespace": namespace}
    return Counter.of("istio_requests_total", reporter="destination", response_code="200", **labels)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(names, names, names)
@example('a"} or vector(1) #', "web", "x")
@example("a\\", "web|.*", "web")
@example("shop\n", ".*", "web")
def test_a_name_finds_itself_and_nothing_else(namespace: str, workload: str, other: str) -> None:
    """Read back by a parser of PromQL's strings, with the regular expressions anchored as Prometheus does it."""
    source = MemoryPrometheus()
    asked = {workload, f"{workload}-canary"}
    for number, name in enumerate(sorted({*asked, other, f"{workload}x", "web"})):
        source.scrape(99, f"i{number}", {counter(namespace, name): 1.0, counter(f"{namespace}x", name): 1.0})
    points = source.query(requests_query(ISTIO, [named(namespace, workload)]), 100)
    found = {(p.labels["destination_workload_namespace"], p.labels["destination_workload"]) for p in points}
    assert found == {(namespace, name) for name in asked}


@settings(derandomize=True, max_examples=300, deadline=None)
@given(names, names)
def test_the_shape_of_a_query_is_the_same_for_every_name(namespace: str, workload: str) -> None:
    strings = re.compile(r'"(?:[^"\\\n]|\\.)*"')
    usual, strange = (requests_query(ISTIO, [named(*each)]) for each in (("shop", "web"), (namespace, workload)))
    assert strings.sub("S", strange) == strings.sub("S", usual)


def test_a_query_stays_under_the_limit_and_has_one_meshs_series() -> None:
    needs = [need(100, f"a-rather-long-name-{n}") for n in range(300)]
    needs += [replace(each, release=f"l/{each.release}", series=LINKERD) for each in needs]
    runs = list(chunks(needs, {}))
    assert sorted(each.release for run in runs for each in run) == sorted(each.release for each in needs)
    assert all(len({each.series for each in run}) == 1 for run in runs)
    assert all(len(requests_query(run[0].series, run)) <= QUERY_LIMIT for run in runs)


NAMES = st.text('abcxyz-.+|\\"', min_size=1, max_size=60)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=40, unique=True), st.booleans(), st.integers(2000, 9000))
def test_no_query_is_longer_than_the_limit_whatever_the_names(
    found: list[tuple[str, str]], exact: bool, limit: int
) -> None:
    """Where a run has more than one release, for a single one cannot be cut."""
    needs = [
        replace(named(namespace, name), release=f"{namespace}/{name}", series=series)
        for namespace, name in found
        for series in (ISTIO, LINKERD, ENVOY)
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(promql, "QUERY_LIMIT", limit)
        runs = list(chunks(needs, {}, exact={each.series.name for each in needs} if exact else ()))
    assert sum(len(run) for run in runs) == len(needs)
    for run in (run for run in runs if len(run) > 1):
        asking = Asking(run[0].series, exact)
        for last_known in (False, True):
            assert len(asking.requests(run, last_known=last_known)) <= limit
            assert len(asking.latency(run, last_known=last_known)) <= limit


def test_no_answer_is_expected_to_have_more_series_than_the_limit() -> None:
    needs = [need(100, f"web{number}", latency=number % 2 == 0) for number in range(700)]
    expected = {each.release: 90 for each in needs[:300]}
    for run in chunks(needs, expected):
        assert sum(expected.get(each.release, guessed(each)) for each in run) <= SERIES_LIMIT


def test_a_releases_own_metrics_are_expected_too() -> None:
    own = tuple(Expression("jobs", part, "stable", part) for part in ("total", "errors"))
    assert guessed(replace(need(100), expressions=own)) > guessed(need(100))
    known = Known(100.0, Table(), CustomTable({("p", "stable", ("jobs", "total", None)): 1.0}), False, own)
    assert known.size == 1


def test_releases_that_were_not_answered_are_asked_for_apart_and_halved() -> None:
    needs = [need(100, f"web{number}") for number in range(10)]
    apart = {f"shop/web{number}" for number in (2, 3, 4)}
    runs = [{each.release for each in run} for run in chunks(needs, {}, apart=apart)]
    assert [len(run) for run in runs] == [7, 2, 1]
    assert runs[1] | runs[2] == apart


@given(st.lists(st.tuples(names, names), min_size=1, max_size=8, unique=True), st.tuples(names, names))
@settings(derandomize=True, max_examples=200, deadline=None)
def test_what_is_asked_for_exactly_finds_those_and_no_others(
    found: list[tuple[str, str]], other: tuple[str, str]
) -> None:
    source = MemoryPrometheus()
    namespaces, workloads = ({name[part] for name in [*found, other]} for part in (0, 1))
    every = [(namespace, f"{name}{end}") for namespace in namespaces for name in workloads for end in ("", "-canary")]
    source.scrape(99, "i", {counter(*each): 1.0 for each in every})
    points = source.query(Asking(ISTIO, exact=True).requests([named(*each) for each in found]), 100)
    told = {(p.labels["destination_workload_namespace"], p.labels["destination_workload"]) for p in points}
    assert told == {name for each in found for name in named(*each).names}
