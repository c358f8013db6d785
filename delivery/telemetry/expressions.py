"""A policy's own queries, resolved for each version of a release, and many of them asked as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from delivery.resources.metrics import Metric
from delivery.resources.query_template import QueryTemplate
from delivery.telemetry.limits import LOOK_BACK, QUERY_LIMIT

PART = "headgate_part"  # the label that says which expression a series belongs to
PARTS = {
    "errorRate": ("total", "errors"),
    "latency": ("buckets",),
    "counterRatio": ("numerator", "denominator"),
    "gaugeMean": ("value",),
}


@dataclass(frozen=True, slots=True)
class Expression:
    """One query of one metric for one version: `part` is the policy's field, `scale` brings bounds to milliseconds."""

    metric: str
    part: str
    arm: str
    promql: str
    scale: float = 1.0


def expressions_of(metrics: Sequence[Metric], values: Mapping[str, Mapping[str, str]]) -> tuple[Expression, ...]:
    """All of a release; `values` has what goes into the places of the templates, by arm."""
    return tuple(
        Expression(
            metric.name,
            part,
            arm,
            QueryTemplate(getattr(metric.query, part)).resolved(own),
            1000.0 if getattr(metric.query, "unit", "ms") == "s" else 1.0,
        )
        for metric in metrics
        for part in PARTS[metric.kind]
        for arm, own in values.items()
    )


def batches(numbered: Sequence[tuple[int, Expression]]) -> Iterator[list[tuple[int, Expression]]]:
    """Runs of expressions whose common query stays under the limit."""
    run: list[tuple[int, Expression]] = []
    length = 0
    for number, expression in numbered:
        size = len(_labelled(number, expression.promql))
        if run and length + size > QUERY_LIMIT:
            yield run
            run, length = [], 0
        run.append((number, expression))
        length += size
    if run:
        yield run


def common_query(numbered: Sequence[tuple[int, Expression]], *, last_known: bool = False) -> str:
    """One query whose series say by the label PART which expression they answer."""
    return _either([_labelled(number, _asked(each.promql, last_known)) for number, each in numbered])


def _asked(promql: str, last_known: bool) -> str:
    return f"last_over_time(({promql}\n)[{LOOK_BACK}:])" if last_known else promql


def _labelled(number: int, promql: str) -> str:
    return f'label_replace(({promql}\n), "{PART}", "{number}", "", "")'  # the line's end ends a comment


def _either(queries: Sequence[str]) -> str:
    """`or` of all, as a tree: a chain would copy what it has so far once an operand."""
    if len(queries) == 1:
        return queries[0]
    middle = len(queries) // 2
    return f"({_either(queries[:middle])} or {_either(queries[middle:])})"
