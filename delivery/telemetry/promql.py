"""The queries: one a metric for all releases, cut only where it grows too long for a request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from delivery.telemetry.needs import Need
from mesh_adapters.adapter import LabelMatch, Series

QUERY_LIMIT = 6000  # characters; proxies commonly refuse request lines of 8 KiB
LOOK_BACK = "10m"
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def chunks(needs: Sequence[Need]) -> Iterator[list[Need]]:
    """The needs in runs of one mesh's series each, whose query stays under the limit."""
    run: list[Need] = []
    length = 0
    for need in sorted(needs, key=lambda need: (need.series.requests, need.release)):
        size = len(need.stable_workload) + len(need.canary_workload) + len(need.namespace) + 3
        if run and (length + size > QUERY_LIMIT or need.series != run[0].series):
            yield run
            run, length = [], 0
        run.append(need)
        length += size
    if run:
        yield run


def requests_query(series: Series, needs: Sequence[Need], *, last_known: bool = False) -> str:
    """Cumulative requests by instance, workload and what tells a failure."""
    return _query(series, series.requests, needs, series.classified_by, last_known)


def latency_query(series: Series, needs: Sequence[Need], *, last_known: bool = False) -> str:
    """Cumulative latency buckets by instance and workload."""
    return _query(series, series.latency_bucket, needs, ("le",), last_known)


def _query(series: Series, metric: str, needs: Sequence[Need], by: Iterable[str], last_known: bool) -> str:
    workloads = sorted({name for need in needs for name in (need.stable_workload, need.canary_workload)})
    matches = [
        *(_matcher(match) for match in series.scope),
        _any_of(series.namespace, sorted({need.namespace for need in needs})),
        _any_of(series.workload, workloads),
    ]
    selector = f"{metric}{{{', '.join(matches)}}}"
    # A baseline must know a counter whose target just missed a scrape: what it shows later is no birth.
    selector = f"last_over_time({selector}[{LOOK_BACK}])" if last_known else selector
    labels = ", ".join((series.instance, series.workload, series.namespace, *by))
    return f"sum by ({labels}) ({selector})"


def _matcher(match: LabelMatch) -> str:
    return f"{match.label}{match.operator}{_quoted(match.value)}"


def _any_of(label: str, names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"{label}={_quoted(names[0])}"
    return f"{label}=~{_quoted('|'.join(_literally(name) for name in names))}"


def _literally(name: str) -> str:
    """A regular expression (RE2) that only this name matches."""
    return _SPECIAL.sub(r"\\\g<0>", name)


def _quoted(text: str) -> str:
    """PromQL's string for a text, whatever is in it."""
    return f'"{text.translate(_ESCAPED)}"'
