"""Queries: what is asked for is asked for literally, whatever a name contains."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from delivery.telemetry.limits import QUERY_LIMIT
from delivery.telemetry.memory import Counter, MemoryPrometheus
from delivery.telemetry.needs import Need
from delivery.telemetry.promql import chunks, requests_query
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
    assert all(len(requests_query(run[0].series, run)) < 2 * QUERY_LIMIT for run in runs)
