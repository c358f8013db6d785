"""The queries: one a metric for all releases, cut only where it or its answer grows too large for a request."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from delivery.telemetry.limits import LOOK_BACK, QUERY_LIMIT, SERIES_LIMIT
from delivery.telemetry.needs import Need
from mesh_adapters.series import Series
from mesh_adapters.subjects import LabelMatch, Name, any_of, literally

SERIES_GUESSED, BUCKETS_GUESSED, CUSTOM_GUESSED = 20, 80, 10  # of a release, or an expression, not asked about yet
REMEMBERED = 10_000  # releases whose own queries are not written again at every look
AROUND = 1000  # characters of a query beside the names
PAST = "headgate_past"  # the label that tells the two halves of `newest_query` apart
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


@dataclass(frozen=True, slots=True)
class Asking:
    """How one mesh is asked. `exact`: for each namespace's own names; without, for every name in every namespace, which
    is one short condition, and answers more where namespaces have workloads of the same names."""

    series: Series
    exact: bool = False

    def requests(self, needs: Sequence[Need], *, last_known: bool = False) -> str:
        """Cumulative requests by instance, workload and what tells a failure."""
        return self._sum(self.series.requests, needs, self.series.classified_by, last_known)

    def latency(self, needs: Sequence[Need], *, last_known: bool = False) -> str:
        """Cumulative latency buckets by instance and workload."""
        return self._sum(self.series.latency_bucket, needs, ("le",), last_known)

    def seen(self, needs: Sequence[Need], instances: Sequence[str], within: str) -> str:
        """What `instances` counted when they were last seen."""
        chosen = self._selection(self.series.requests, needs, within, (any_of(self.series.instance, instances),))
        return f"sum by ({', '.join(self._labels(self.series.classified_by))}) ({chosen})"

    def members(self, metric: str, needs: Sequence[Need], instances: Sequence[str], within: str | None) -> str:
        """The single series that a sum of one instance is made of."""
        chosen = self._selection(metric, needs, within, (any_of(self.series.instance, instances),))
        return f"sum without () ({chosen})"

    def present(self, needs: Sequence[Need]) -> str:
        """Which workloads show themselves."""
        return f"sum by ({', '.join(self.series.subject.labels)}) ({self._selection(self.series.requests, needs)})"

    def newest(self, needs: Sequence[Need], past_s: float | None) -> str:
        """When the newest sample of each workload was taken; with `past_s` also, by the label PAST, what that was so
        many seconds ago as it is known now."""
        labels = ", ".join(self.series.subject.labels)
        present = f"max by ({labels}) ({self._selection(self.series.requests, needs, taken=True)})"
        if past_s is None:
            return present
        past = self._selection(self.series.requests, needs, taken=True, offset=f"{past_s:.0f}s")
        return f'{present} or label_replace(max by ({labels}) ({past}), "{PAST}", "1", "", "")'

    def _sum(self, metric: str, needs: Sequence[Need], by: Iterable[str], last_known: bool) -> str:
        # A baseline must know a counter whose target just missed a scrape: what it shows later is no birth.
        selection = self._selection(metric, needs, LOOK_BACK if last_known else None)
        return f"sum by ({', '.join(self._labels(by))}) ({selection})"

    def _labels(self, by: Iterable[str]) -> tuple[str, ...]:
        return (self.series.instance, *self.series.subject.labels, *by)

    def _selection(
        self,
        metric: str,
        needs: Sequence[Need],
        within: str | None = None,
        also: Sequence[LabelMatch] = (),
        *,
        taken: bool = False,
        offset: str | None = None,
    ) -> str:
        """The series of `metric`; `within`: their last values in so long a time, `taken`: when their samples were."""
        names = {name for need in needs for name in need.names}
        subject = self.series.subject
        alternatives = subject.exactly(names) if self.exact else (subject.matches(names),)
        found = []
        for matches in alternatives:
            conditions = ", ".join(matcher(match) for match in (*self.series.scope, *matches, *also))
            selector = f"{metric}{{{conditions}}}" + (f" offset {offset}" if offset else "")
            # Of anything but a selector alone `timestamp` would say the time of the question.
            selector = f"timestamp({selector})" if taken else selector
            found.append(f"last_over_time({selector}[{within}])" if within else selector)
        return _either(found)


def chunks(
    needs: Sequence[Need],
    expected: Mapping[str, int],
    *,
    exact: Collection[str] = (),
    apart: Collection[str] = (),
) -> Iterator[list[Need]]:
    """The needs in runs of one mesh's series and one interval each, whose query and answer stay under the limits.

    `expected`: how many series a release had, where that is known. `exact`: the names of the series that are asked for
    namespace by namespace. `apart`: releases that were not answered when others were, which are not to cost those
    theirs; they are halved on the way.
    """
    ordered = sorted(needs, key=lambda need: (need.series.name, need.interval, need.release))
    yield from _runs([need for need in ordered if need.release not in apart], expected, exact)
    for run in _runs([need for need in ordered if need.release in apart], expected, exact):
        middle = (len(run) + 1) // 2
        yield from (half for half in (run[:middle], run[middle:]) if half)


def _runs(needs: Iterable[Need], expected: Mapping[str, int], exact: Collection[str]) -> Iterator[list[Need]]:
    run: list[Need] = []
    length = series = 0
    for need in needs:
        size = _length(need, need.series.name in exact and (not run or run[-1].namespace != need.namespace))
        own = expected.get(need.release, guessed(need))
        full = AROUND + length + size > QUERY_LIMIT or series + own > SERIES_LIMIT
        if run and (full or need.series != run[0].series or need.interval != run[0].interval):
            yield run
            run, length, series = [], 0, 0
            size = _length(need, need.series.name in exact)
        run.append(need)
        length, series = length + size, series + own
    if run:
        yield run


def guessed(need: Need) -> int:
    """About how many series a release has that was not asked about yet."""
    return SERIES_GUESSED + (BUCKETS_GUESSED if need.latency else 0) + CUSTOM_GUESSED * len(need.expressions)


def _length(need: Need, begins: bool) -> int:
    """At most so many characters of a query are about this release; `begins` where it is the first of a namespace that
    has an alternative of its own."""
    names = (need.namespace, need.stable_name, need.namespace, need.canary_name)
    own = sum(len(_quoted(literally(name))) for name in names)
    scope = sum(len(matcher(match)) + 2 for match in need.series.scope)
    return own + (len(need.series.latency_bucket) + scope + AROUND // 5 if begins else 0)


def requests_query(series: Series, needs: Sequence[Need], *, last_known: bool = False) -> str:
    """Cumulative requests by instance, workload and what tells a failure."""
    return Asking(series).requests(needs, last_known=last_known)


def latency_query(series: Series, needs: Sequence[Need], *, last_known: bool = False) -> str:
    """Cumulative latency buckets by instance and workload."""
    return Asking(series).latency(needs, last_known=last_known)


@lru_cache(maxsize=REMEMBERED)
def own_queries(series: Series, names: tuple[Name, Name], latency: bool) -> tuple[str, ...]:
    """One release's own queries, as a person would ask them."""
    (namespace, stable), (_, canary) = names
    need = Need("", namespace, stable, canary, interval=1.0, data_through=0.0, series=series)
    own = requests_query(series, [need])
    return (own, latency_query(series, [need])) if latency else (own,)


def matcher(match: LabelMatch) -> str:
    """A condition as PromQL has it."""
    return f"{match.label}{match.operator}{_quoted(match.value)}"


def _either(selections: Sequence[str]) -> str:
    """`or` of all, as a tree: a chain would copy what it has so far once an operand."""
    if len(selections) == 1:
        return selections[0]
    middle = len(selections) // 2
    left, right = (_either(half) for half in (selections[:middle], selections[middle:]))
    return f"({left} or {right})"


def _quoted(text: str) -> str:
    """PromQL's string for a text, whatever is in it."""
    return f'"{text.translate(_ESCAPED)}"'
