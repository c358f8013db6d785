"""A policy's own queries, tried before any release depends on them."""

from __future__ import annotations

from collections.abc import Sequence

from delivery.errors import InvalidSpec
from delivery.resources.metrics import Metric
from delivery.resources.query_template import PLACES, QueryTemplate
from delivery.telemetry.expressions import PARTS
from delivery.telemetry.prometheus import MetricsSource

NOBODY = dict.fromkeys(PLACES, "headgate-dry-run")
WITHIN_S = 5.0


def mistakes(source: MetricsSource, metrics: Sequence[Metric], at: float) -> list[str]:
    """What Prometheus refuses of the metrics' queries, each with its field; asked for a workload that does not exist,
    which every sound query has an answer to. Raises Unavailable and Refused where there is no answer.
    """
    found = []
    for place, metric in enumerate(metrics):
        if metric.query is None:
            continue
        for part in PARTS[metric.kind]:
            promql = QueryTemplate(getattr(metric.query, part)).resolved(NOBODY)
            try:
                source.query(promql, at, within_s=WITHIN_S)
            except InvalidSpec as problem:
                found.append(f"spec.analysis.metrics[{place}].query.{part}: {problem}")
    return found
