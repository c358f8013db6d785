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
_QUERY = re.compile(r"(?P<over>sum|max) (?P<kept>by|without) \((?P<labels>[^)]*)\) \((?P<selection>.*)\)", re.DOTALL)
_SELECTOR = re.compile(
    r"(?P<over>last_over_time\(|(?P<timed>timestamp\())?"
    r"(?P<metric>\w+)\{(?P<matches>(?:[^\"{}]|\"(?:[^\"\\]|\\.)*\")*)\}"
    r"(?:\[(?P<window>\d+)(?P<unit>[md])\]\))?(?: offset (?P<offset>\d+)s)?(?(timed)\))",
    re.DOTALL,
)
_SELECTORS = re.compile(r"[(]*S[)]*(?: or [(]*S[)]*)*")
_TWICE = re.compile(r'(?P<now>.*) or label_replace\((?P<past>max by .*), "headgate_past", "1", "", ""\)', re.DOTALL)
_PART = re.compile(r'label_replace\(\((?P<asked>.*?)\n\), "headgate_part", "(?P<part>\d+)", "", ""\)', re.DOTALL)
_EARLIER = re.compile(r"last_over_time\(\((?P<asked>.*)\n\)\[(?P<minutes>\d+)m:\]\)", re.DOTALL)
_UNIT_S = {"m": 60.0, "d": 86_400.0}
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
        return self._points(promql, at)

    def query_range(self, promql: str, start: float, end: float, step: float) -> list[tuple[float, list[Point]]]:
        """The same at `start`, `start + step`, ... up to `end`."""
        self.check()
        self.asked.append((promql, end))
        count = math.floor((end - start) / step + 1e-9) + 1
        return [(at, self._points(promql, at)) for at in (start + number * step for number in range(count))]

    def _points(self, promql: str, at: float) -> list[Point]:
        twice = _TWICE.fullmatch(promql)
        if twice:
            past = self._answer(twice["past"], at)
            told = [Point({**point.labels, "headgate_past": "1"}, point.value) for point in past]
            return [*self._answer(twice["now"], at), *told]
        if "label_replace(" not in promql:
            return self._answer(promql, at)
        return [
            Point({**point.labels, "headgate_part": part["part"]}, point.value, point.buckets)
            for part in _PART.finditer(promql)
            for point in self._answer(part["asked"], at)
        ]

    def _answer(self, promql: str, at: float) -> list[Point]:
        earlier = _EARLIER.fullmatch(promql)
        parsed = _QUERY.fullmatch(earlier["asked"] if earlier else promql)
        selection = parsed["selection"] if parsed else ""
        if parsed is None or not _SELECTORS.fullmatch(_SELECTOR.sub("S", selection)):
            raise InvalidSpec(f"the in-memory Prometheus does not know this form of query: {promql}")
        found: dict[tuple[tuple[str, str], ...], float] = {}
        for labels, shown in self._selected(selection, at, float(earlier["minutes"]) * 60 if earlier else None):
            # Prometheus leaves a label that is empty out of the answer.
            kept = labels if parsed["kept"] == "without" else parsed["labels"].split(", ")
            group = tuple((name, labels[name]) for name in kept if labels.get(name))
            known = found.get(group)
            summed = parsed["over"] == "sum"
            found[group] = shown if known is None else known + shown if summed else max(known, shown)
        return [Point(dict(group), value) for group, value in found.items()]

    def _selected(self, selection: str, at: float, window: float | None) -> Iterator[tuple[dict[str, str], float]]:
        """The series of all selectors: labels, and the value or when it was scraped."""
        for selector in _SELECTOR.finditer(selection):
            own = float(selector["window"]) * _UNIT_S[selector["unit"]] if selector["window"] else window
            matches = [LabelMatch(label, op, _unquoted(v)) for label, op, v in _MATCH.findall(selector["matches"])]
            for counter, instance, value, when in self._shown(at - float(selector["offset"] or 0), own):
                labels = {**dict(counter.labels), "instance": instance}
                if counter.metric == selector["metric"] and all(match.holds(labels) for match in matches):
                    yield labels, when if selector["timed"] else value

    def _shown(self, at: float, window: float | None) -> Iterator[tuple[Counter, str, float, float]]:
        for instance, scrapes in self._scrapes.items():
            reach = LOOKBACK_S if window is None else window
            first, behind = (bisect_right(scrapes, when, key=itemgetter(0)) for when in (at - reach, at))
            past = scrapes[first:behind]
            for counter, (value, when) in _last(past if window is not None else past[-1:]):
                yield counter, instance, value, when


def _last(scrapes: Iterable[tuple[float, Scrape]]) -> Iterable[tuple[Counter, tuple[float, float]]]:
    last: dict[Counter, tuple[float, float]] = {}
    for at, counters in scrapes:
        last.update({counter: (value, at) for counter, value in counters.items()})
    return last.items()


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), text)
