"""A policy's queries are tried in the form in which they are asked later, and what cannot be asked so is named."""

from __future__ import annotations

import pytest

from delivery.errors import InvalidSpec, Unavailable
from delivery.resources.metrics import Metric
from delivery.resources.policy import parse_policy
from delivery.telemetry.dry_run import TOLD, mistakes
from delivery.telemetry.memory import MemoryPrometheus
from delivery.telemetry.prometheus import Point, Prometheus
from tests.telemetry.conftest import Answering

MATCHED = '{deployment="{{ workload }}"}'
JOBS = {"total": f"sum by (instance) (jobs_total{MATCHED})", "errors": f"sum by (instance) (bad_total{MATCHED})"}


def metrics(*queries: str) -> tuple[Metric, ...]:
    gauges = [
        {"name": f"q{number}", "kind": "gaugeMean", "query": {"value": query}} for number, query in enumerate(queries)
    ]
    jobs = {"name": "jobs", "kind": "errorRate", "query": JOBS}
    return parse_policy({"analysis": {"metrics": [{"kind": "errorRate"}, *gauges, jobs]}}, "p").analysis.metrics


def test_what_is_tried_is_what_is_asked_later() -> None:
    source = MemoryPrometheus()
    assert mistakes(source, metrics(), 100.0) == []
    now, past = (query for query, _ in source.asked if "jobs_total" in query)
    asked = 'sum by (instance) (jobs_total{deployment="headgate-dry-run"})'
    assert now == f'label_replace(({asked}\n), "headgate_part", "0", "", "")'
    assert past == f'label_replace((last_over_time(({asked}\n)[10m:])\n), "headgate_part", "0", "", "")'


class Particular(MemoryPrometheus):
    """Refuses what has one of two words in it, the one of them only over a range."""

    def query(self, promql: str, at: float, *, within_s: float | None = None) -> list[Point]:
        if "wrong" in promql or ("past" in promql and "last_over_time" in promql):
            raise InvalidSpec("x" * 5000)
        return []


def test_each_mistake_has_its_field_and_no_more_words_than_a_person_reads() -> None:
    found = mistakes(Particular(), metrics(f"wrong{MATCHED}", f"fine{MATCHED}", f"past{MATCHED}"), 100.0)
    assert [each.partition(": ")[0] for each in found] == [f"spec.analysis.metrics[{n}].query.value" for n in (1, 3)]
    assert all(len(each) <= TOLD + 60 for each in found)


@pytest.mark.parametrize("kind", ["scalar", "string", "matrix"])
def test_a_query_that_answers_no_instant_vector_is_a_mistake(answer: Answering, kind: str) -> None:
    result = "[]" if kind == "matrix" else '[100,"1"]'
    answer.body = f'{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}'.encode()
    found = mistakes(Prometheus(answer.url), metrics(), 100.0)
    assert len(found) == 2
    assert all("not an instant vector" in each for each in found)


def test_where_nobody_answers_nothing_is_said_of_the_queries() -> None:
    with pytest.raises(Unavailable, match="away"):
        mistakes(MemoryPrometheus(down="away"), metrics(), 100.0)
