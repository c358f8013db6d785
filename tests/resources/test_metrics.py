"""Which metrics a policy may have, and what is said of those it may not."""

from __future__ import annotations

import re
from typing import Any

import pytest

from delivery.errors import InvalidSpec
from delivery.resources.policy import DeliveryPolicySpec, parse_policy

JOBS = 'sum by (instance) (jobs_total{deployment="{{ workload }}"})'
FAILED = 'sum by (instance) (jobs_failed_total{deployment="{{ workload }}"})'
MESH: dict[str, Any] = {"kind": "errorRate"}


def policy(*metrics: dict[str, Any]) -> DeliveryPolicySpec:
    return parse_policy({"analysis": {"metrics": list(metrics)}}, "DeliveryPolicy shop/web")


def test_every_kind_of_metric_of_ones_own() -> None:
    found = policy(
        MESH,
        {"name": "jobs", "kind": "errorRate", "query": {"total": JOBS, "errors": FAILED}},
        {"name": "database", "kind": "latency", "query": {"buckets": JOBS, "unit": "ms"}},
        {"name": "retries", "kind": "counterRatio", "query": {"numerator": FAILED, "denominator": JOBS}},
        {"name": "queue", "kind": "gaugeMean", "query": {"value": JOBS}, "worse": "lower"},
    ).analysis
    assert [metric.name for metric in found.custom] == ["jobs", "database", "retries", "queue"]
    assert found.mesh_errors.name == "errors"
    assert found.mesh_latency is None


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        (
            [{"name": "jobs", "kind": "errorRate", "query": {"total": JOBS, "errors": FAILED}}],
            "name exactly one metric",
        ),
        ([MESH, {"kind": "errorRate"}], "name exactly one metric of kind errorRate"),
        (
            [MESH, {"kind": "errorRate", "query": {"total": JOBS, "errors": FAILED}}],
            "two metrics are called 'errors': give each a name of its own",
        ),
        ([MESH, {"name": "x", "kind": "gaugeMean", "query": {"value": "up"}}], "asks the same of both versions"),
        (
            [
                MESH,
                {"name": "x", "kind": "counterRatio", "query": {"numerator": f"rate({JOBS}[1m])", "denominator": JOBS}},
            ],
            "spec.analysis.metrics[1].query.numerator: give the counter itself, without rate()",
        ),
        ([MESH, {"name": "x", "kind": "counterRatio"}], "spec.analysis.metrics[1].query"),
        (
            [MESH, *({"name": f"q{n}", "kind": "gaugeMean", "query": {"value": JOBS}} for n in range(8))],
            "9 metrics are more than 8",
        ),
        ([MESH, {"name": "q" * 64, "kind": "gaugeMean", "query": {"value": JOBS}}], "has more than 63 characters"),
        (
            [MESH, *({"name": f"q{n}", "kind": "gaugeMean", "query": {"value": JOBS + " " * 1500}} for n in range(3))],
            "characters of queries are more than 4000 together; record rules",
        ),
        (
            [MESH, {"name": "x", "kind": "gaugeMean", "query": {"value": f"{JOBS}) or (y"}}],
            "spec.analysis.metrics[1].query.value: a bracket or a quote of the query is not closed",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(metrics: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(InvalidSpec, match=re.escape(told)):
        policy(*metrics)
