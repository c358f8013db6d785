"""The queries: one a metric for all releases, cut only where it or its answer grows too large for a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from delivery.telemetry.limits import LOOK_BACK, QUERY_LIMIT, SERIES_LIMIT
from delivery.telemetry.needs import Need
from mesh_adapters.series import Series
from mesh_adapters.subjects import LabelMatch

SERIES_GUESSED, BUCKETS_GUESSED = 20, 80  # of a release that was not asked about yet
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def chunks(needs: Sequence[Need], expected: Mapping[str, int]) -> Iterator[list[Need]]:
    """The needs in runs of one mesh's series and one interval each, whose query and answer stay under the limits.

    `expected`: how many series a release had, where that is known.
    """
    run: list[Need] = []
    length = series = 0
    for need in sorted(needs, key=lambda need: (need.series.name, need.interval, need.release)):
        size = len(need.stable_name) + len(need.canary_name) + len(need.namespace) + 3
        guessed = SERIES_GUESSED + (BUCKETS_GUESSED if need.latency else 0)
        own = expected.get(need.release, guessed)
        full = length + size > QUERY_LIMIT or series + own > SERIES_LIMIT
        if run and (full or need.series != run[0].series or need.interval != run[0].interval):
            yield run
            run, length, series = [], 0, 0
        run.append(need)
        length, series = length + size, series + own
    if run:
        yield run


def requests_query(series: Series, needs: Sequence[Need], *, last_known: bool = False) -> str:
    """Cumulative requests by instance, workload and what tells a failure."""
    return _query(series, series.requests, needs, series.classified_by, last_known)


def latency_query(series: Series, needs: Sequence[Need], *, last_known: bool = False) -> str:
    """Cumulative latency buckets by instance and workload."""
    return _query(series, series.latency_bucket, needs, ("le",), last_known)


def _query(series: Series, metric: str, needs: Sequence[Need], by: Iterable[str], last_known: bool) -> str:
    names = {name for need in needs for name in need.names}
    matches = (*series.scope, *series.subject.matches(names))
    selector = f"{metric}{{{', '.join(matcher(match) for match in matches)}}}"
    # A baseline must know a counter whose target just missed a scrape: what it shows later is no birth.
    selector = f"last_over_time({selector}[{LOOK_BACK}])" if last_known else selector
    labels = ", ".join((series.instance, *series.subject.labels, *by))
    return f"sum by ({labels}) ({selector})"


def matcher(match: LabelMatch) -> str:
    """A condition as PromQL has it."""
    return f"{match.label}{match.operator}{_quoted(match.value)}"


def _quoted(text: str) -> str:
    """PromQL's string for a text, whatever is in it."""
    return f'"{text.translate(_ESCAPED)}"'
