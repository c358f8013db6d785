"""A policy's own queries, tried before any release depends on them."""

from __future__ import annotations

from collections.abc import Sequence

from delivery.errors import InvalidSpec
from delivery.resources.metrics import Metric
from delivery.resources.query_template import PLACES
from delivery.telemetry.expressions import Expression, common_query, expressions_of
from delivery.telemetry.prometheus import MetricsSource
from delivery.telemetry.reasons import clipped

NOBODY = dict.fromkeys(PLACES, "headgate-dry-run")
ARM = "stable"
WITHIN_S = 5.0
TOLD = 400  # characters of what is wrong with one query


def mistakes(source: MetricsSource, metrics: Sequence[Metric], at: float) -> list[str]:
    """What Prometheus refuses of the metrics' queries, each with its field; asked for a workload that does not exist,
    which every sound query has an answer to. Raises Unavailable and Refused where there is no answer.
    """
    found = []
    for place, metric in enumerate(metrics):
        if metric.query is None:
            continue
        for expression in expressions_of([metric], {ARM: NOBODY}):
            problem = _mistake(source, expression, at)
            if problem:
                found.append(f"spec.analysis.metrics[{place}].query.{expression.part}: {clipped(problem, TOLD)}")
    return found


def _mistake(source: MetricsSource, expression: Expression, at: float) -> str | None:
    """In the forms in which it is asked later, which want an instant vector: alone more would pass."""
    for last_known in (False, True):
        try:
            source.query(common_query([(0, expression)], last_known=last_known), at, within_s=WITHIN_S)
        except InvalidSpec as problem:
            return str(problem)
    return None
