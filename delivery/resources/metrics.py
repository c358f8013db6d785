"""What a release is judged by: the mesh's error rate and latency, and metrics of the user's own."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from delivery.errors import InvalidSpec
from delivery.resources.query_template import QueryTemplate
from delivery.resources.spec import Spec

QUANTILES = (0.5, 0.95, 0.99)
MOST_METRICS = 8
LONGEST_NAME = 63  # characters; it is told with everything that is told of a metric
LONGEST_TOGETHER = 4000  # characters of all queries of a policy: every Release keeps them
_DIFFERENCED = re.compile(r"\b(rate|irate|increase|delta|idelta)\s*\(")


def _template(text: str) -> str:
    try:
        QueryTemplate(text)
    except InvalidSpec as problem:
        raise ValueError(str(problem)) from problem
    return text


def _counter(text: str) -> str:
    found = _DIFFERENCED.search(text)
    if found:
        raise ValueError(f"give the counter itself, without {found[1]}(): every request is counted once, here")
    return _template(text)


Counter = Annotated[str, AfterValidator(_counter)]
Gauge = Annotated[str, AfterValidator(_template)]


class ToleranceSpec(Spec):
    """What is still harmless: canary <= (1 + relative) x stable + absolute."""

    absolute: float = Field(default=0.002, ge=0, lt=1)
    relative: float = Field(default=0.25, ge=0)


class LatencyTolerance(Spec):
    relative: float = Field(default=0.2, ge=0)


class ValueTolerance(Spec):
    """The same for a value that may be any number; `absolute` is in its own unit."""

    absolute: float = Field(default=0.0, ge=0)
    relative: float = Field(default=0.25, ge=0)


class ErrorRateQuery(Spec):
    """Two counters of one version, series by series (as by instance); a label that both have ties them together."""

    total: Counter = Field(description="PromQL of everything that was tried")
    errors: Counter = Field(description="PromQL of what of it failed")


class LatencyQuery(Spec):
    """Cumulative buckets of one version with their label `le`, or a native histogram."""

    buckets: Counter = Field(description="PromQL of a classic histogram's buckets, or of a native histogram")
    unit: Literal["s", "ms"] = "s"


class RatioQuery(Spec):
    numerator: Counter
    denominator: Counter


class GaugeQuery(Spec):
    value: Gauge = Field(description="PromQL; the mean of its series is the version's value")


class ErrorRateMetric(Spec):
    name: str = "errors"
    kind: Literal["errorRate"] = "errorRate"
    tolerance: ToleranceSpec = ToleranceSpec()
    query: ErrorRateQuery | None = Field(default=None, description="without it the mesh's requests")


def _told(quantiles: tuple[float, ...]) -> tuple[float, ...]:
    unknown = [f"{quantile:g}" for quantile in quantiles if quantile not in QUANTILES]
    if unknown:
        known = ", ".join(f"{quantile:g}" for quantile in QUANTILES)
        raise ValueError(f"no such quantile: {', '.join(unknown)}; choose from {known}")
    return quantiles


class LatencyMetric(Spec):
    """The whole distribution is judged, whichever quantiles are told."""

    name: str = "latency"
    kind: Literal["latency"] = "latency"
    quantiles: Annotated[tuple[float, ...], AfterValidator(_told)] = Field(
        default=QUANTILES, description="which of 0.5, 0.95 and 0.99 the evidence tells of both arms"
    )
    tolerance: LatencyTolerance = LatencyTolerance()
    query: LatencyQuery | None = Field(default=None, description="without it the mesh's requests")


class CounterRatioMetric(Spec):
    """One counter over another, which it may exceed: retries a request, bytes a call."""

    name: str = Field(min_length=1)
    kind: Literal["counterRatio"] = "counterRatio"
    query: RatioQuery
    tolerance: ValueTolerance = ValueTolerance()
    worse: Literal["higher", "lower"] = "higher"


class GaugeMeanMetric(Spec):
    """A value that goes up and down, as the mean of a version's series: a queue's length, memory."""

    name: str = Field(min_length=1)
    kind: Literal["gaugeMean"] = "gaugeMean"
    query: GaugeQuery
    tolerance: ValueTolerance = ValueTolerance()
    worse: Literal["higher", "lower"] = "higher"


Metric = Annotated[ErrorRateMetric | LatencyMetric | CounterRatioMetric | GaugeMeanMetric, Field(discriminator="kind")]


def judgeable(metrics: tuple[Metric, ...]) -> tuple[Metric, ...]:
    """Raises ValueError where a release could not be judged by these."""
    own = [metric.kind for metric in metrics if metric.query is None]
    if own.count("errorRate") != 1 or own.count("latency") > 1:
        raise ValueError(
            "name exactly one metric of kind errorRate and at most one of kind latency without a query of its own"
        )
    if len(metrics) > MOST_METRICS:
        raise ValueError(f"{len(metrics)} metrics are more than {MOST_METRICS}: each shares the risk with the others")
    _require_distinct([metric.name for metric in metrics])
    length = sum(len(text) for metric in metrics for text in _queries(metric))
    if length > LONGEST_TOGETHER:
        raise ValueError(f"{length} characters of queries are more than {LONGEST_TOGETHER} together; record rules")
    return metrics


def _require_distinct(names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ValueError(f"two metrics are called {twice!r}: give each a name of its own")
    long = next((name for name in names if len(name) > LONGEST_NAME), None)
    if long:
        raise ValueError(f"the name {long[:20]!r}... has more than {LONGEST_NAME} characters")


def _queries(metric: Metric) -> list[str]:
    """PromQL only: a histogram's unit is no query."""
    written = metric.query.model_dump(exclude={"unit"}) if metric.query else {}
    return list(written.values())
