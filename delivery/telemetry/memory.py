"""A Prometheus in memory: scrapes go in, the queries this package writes are answered."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

from delivery.errors import InvalidSpec
from delivery.telemetry.prometheus import Point
from delivery.telemetry.reasons import MetricsUnavailable, Reason
from mesh_adapters.subjects import LabelMatch

LOOKBACK_S = 300.0  # Prometheus' own default
_QUERY = re.compile(
    r"sum by \((?P<by>[^)]*)\) "
    r"\((?P<over>last_over_time\()?(?P<metric>\w+)\{(?P<matches>.*)\}(?:\[(?P<minutes>\d+)m\]\))?\)"
)
_PART = re.compile(r'label_replace\(\((?P<asked>.*?)\n\), "headgate_part", "(?P<part>\d+)", "", ""\)', re.DOTALL)
_EARLIER = re.compile(r"last_over_time\(\((?P<asked>.*)\)\[(?P<minutes>\d+)m:\]\)", re.DOTALL)
_MATCH = re.compile(r'(\w+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Counter:
    """One series of one scrape; the metric's name is apart from its labels."""

    metric: str
    labels: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, metric: str, **labels: str) -> Counter:
        return cls(metric, tuple(sorted(labels.items())))


Scrape = Mapping[Counter, float]


@dataclass(slots=True)
class MemoryPrometheus:
    """A MetricsSource. `asked` records (query, instant); while `down` holds a sentence, every query
    raises it as an address at which nobody answers."""

    asked: list[tuple[str, float]] = field(default_factory=list)
    down: str | None = None
    _scrapes: dict[str, list[tuple[float, Scrape]]] = field(default_factory=dict)

    def scrape(self, at: float, instance: str, counters: Scrape) -> None:
        """What `instance` shows at `at`, in order of time. An empty scrape is a failed one: its series go stale."""
        self._scrapes.setdefault(instance, []).append((at, dict(counters)))

    def check(self) -> None:
        if self.down is not None:
            raise MetricsUnavailable(Reason.UNREACHABLE, self.down)

    def query(self, promql: str, at: float, *, within_s: float | None = None) -> list[Point]:
        """Raises Unavailable while down and InvalidSpec for a query of another form than this package's."""
        del within_s  # it answers at once
        self.check()
        self.asked.append((promql, at))
        if "label_replace(" not in promql:
            return self._answer(promql, at)
        return [
            Point({**point.labels, "headgate_part": part["part"]}, point.value)
            for part in _PART.finditer(promql)
            for point in self._answer(part["asked"], at)
        ]

    def _answer(self, promql: str, at: float) -> list[Point]:
        earlier = _EARLIER.fullmatch(promql)
        parsed = _QUERY.fullmatch(earlier["asked"] if earlier else promql)
        if parsed is None:
            raise InvalidSpec(f"the in-memory Prometheus does not know this form of query: {promql}")
        matches = [LabelMatch(label, op, _unquoted(v)) for label, op, v in _MATCH.findall(parsed["matches"])]
        window = float(parsed["minutes"]) * 60 if parsed["over"] else None
        window = float(earlier["minutes"]) * 60 if earlier else window
        sums: dict[tuple[tuple[str, str], ...], float] = {}
        for counter, instance, value in self._shown(at, window):
            labels = {**dict(counter.labels), "instance": instance}
            if counter.metric == parsed["metric"] and all(match.holds(labels) for match in matches):
                # Prometheus leaves a label that is empty out of the answer.
                group = tuple((name, labels[name]) for name in parsed["by"].split(", ") if labels.get(name))
                sums[group] = sums.get(group, 0.0) + value
        return [Point(dict(group), value) for group, value in sums.items()]

    def query_range(self, promql: str, start: float, end: float, step: float) -> list[tuple[float, list[Point]]]:
        """The same at `start`, `start + step`, ... up to `end`."""
        count = math.floor((end - start) / step + 1e-9) + 1
        return [(at, self.query(promql, at)) for at in (start + number * step for number in range(count))]

    def _shown(self, at: float, window: float | None) -> Iterator[tuple[Counter, str, float]]:
        for instance, scrapes in self._scrapes.items():
            reach = LOOKBACK_S if window is None else window
            first, behind = (bisect_right(scrapes, when, key=itemgetter(0)) for when in (at - reach, at))
            past = [counters for _, counters in scrapes[first:behind]]
            for counter, value in _last(past if window is not None else past[-1:]):
                yield counter, instance, value


def _last(scrapes: Iterable[Scrape]) -> Iterable[tuple[Counter, float]]:
    last: dict[Counter, float] = {}
    for counters in scrapes:
        last.update(counters)
    return last.items()


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), text)
