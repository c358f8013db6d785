"""The policies' own queries, asked as few: one that is at fault or too heavy costs its metric and nobody else's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from delivery.errors import HeadgateError, InvalidSpec
from delivery.telemetry.custom import CustomTable, decoded
from delivery.telemetry.custom_past import untied, without
from delivery.telemetry.expressions import PART, Expression, batches, common_query
from delivery.telemetry.progress import Progress
from delivery.telemetry.prometheus import Point
from delivery.telemetry.reasons import Reason, reason_of

ASKED_AGAIN_S, LONGEST_WAIT_S = 60.0, 960.0  # for one that is refused again and again twice as long each time
FORGOTTEN_S = 3600.0
MOST_ALONE = 4  # in one run of a chunk
QUESTIONS = 12  # beyond one a batch, in one run of a chunk
TO_BE_DIVIDED = {
    Reason.TOO_MANY_SERIES,
    Reason.TOO_LARGE,
    Reason.SLOW,
    Reason.PARTIAL,
    Reason.SERVER_ERROR,
    Reason.QUERY_TOO_LONG,
}
UNTIED = "series without a label instance or pod: sum by (instance) (...), or what one process counted cannot be told"
NO_BUCKETS = "neither buckets by le nor a native histogram: sum by (instance, le) (...), or a newer Prometheus"
Numbered = Sequence[tuple[int, Expression]]
Vectors = list[tuple[float, list[Point]]]
Ask = Callable[[str, Sequence[float]], Vectors]


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Until when a query is not asked again, why, and how often in a row it was refused."""

    until: float
    why: str
    times: int


@dataclass(slots=True)
class WrongQueries:
    """Queries that cannot be asked together with others, and why: they would spoil every common query they are part of.
    `suspects` were part of a batch that failed, and are kept apart from those that did not until one is found. For
    chunks that run side by side."""

    _refused: dict[str, _Refusal] = field(default_factory=dict)
    suspects: frozenset[str] = frozenset()
    _changes: threading.Lock = field(default_factory=threading.Lock)

    def refused(self, promql: str, why: str, at: float) -> None:
        with self._changes:
            kept = {known: told for known, told in self._refused.items() if at - told.until < FORGOTTEN_S}
            times = kept[promql].times + 1 if promql in kept else 1
            wait = min(LONGEST_WAIT_S, ASKED_AGAIN_S * 2 ** (times - 1))
            self._refused = {**kept, promql: _Refusal(at + wait, why, times)}
            self.suspects -= {promql}

    def why(self, promql: str, at: float) -> str | None:
        """What was said of it lately; None once it is worth asking again."""
        told = self._refused.get(promql)
        return told.why if told and at < told.until else None

    def last(self, promql: str) -> str:
        """What was said of it last."""
        told = self._refused.get(promql)
        return told.why if told else ""

    def is_alone(self, promql: str) -> bool:
        """Whether it was refused by itself, and not answered since."""
        return promql in self._refused

    def cleared(self, numbered: Numbered) -> None:
        """They were answered."""
        if not self.suspects and not self._refused:
            return
        answered = {expression.promql for _, expression in numbered}
        with self._changes:
            self.suspects -= answered
            self._refused = {known: told for known, told in self._refused.items() if known not in answered}

    def suspected(self, numbered: Numbered) -> None:
        """One of them is at fault."""
        with self._changes:
            self.suspects |= {expression.promql for _, expression in numbered}


def is_of_the_question(problem: HeadgateError) -> bool:
    """Whether a part of what was asked may be answered though the whole was not."""
    return isinstance(problem, InvalidSpec) or reason_of(problem) in TO_BE_DIVIDED


class CustomAsking:
    """The queries of some releases in one run of their chunk. `deadline` by the monotonic clock."""

    def __init__(self, wrong: WrongQueries, ask: Ask, deadline: float) -> None:
        self._wrong = wrong
        self._ask = ask
        self._deadline = deadline
        self._left = QUESTIONS
        self._unanswered: dict[str, str] = {}

    def tables(
        self, asked: Sequence[Progress], instants: Sequence[float], *, last_known: bool = False
    ) -> dict[float, Mapping[str, CustomTable]]:
        """What the queries showed at each instant, by release; where one could not be had its release says why."""
        owners: dict[str, tuple[str, Expression]] = {}
        numbered: list[tuple[int, Expression]] = []
        for each in asked:
            for expression in each.need.expressions:
                if self._wrong.why(expression.promql, instants[-1]) is None:
                    owners[str(len(numbered))] = (each.need.release, expression)
                    numbered.append((len(numbered), expression))
        points = self._points(numbered, instants, last_known)
        self._tell_lost(points, owners)
        found = {at: decoded(points.get(at, ()), owners) for at in instants}
        for each in asked:
            self._tell(each, [tables.get(each.need.release, CustomTable()) for tables in found.values()], instants[-1])
        wrong = {each.need.release: each.wrong.keys() for each in asked}
        # What one part of a metric counted says nothing without the other.
        return {
            at: {release: without(table, wrong[release]) for release, table in tables.items()}
            for at, tables in found.items()
        }

    def _tell_lost(self, points: Mapping[float, Iterable[Point]], owners: Mapping[str, tuple[str, Expression]]) -> None:
        """A Prometheus whose `label_replace` knows no native histograms gives a number without bounds for one."""
        for point in (each for vector in points.values() for each in vector):
            owner = owners.get(point.labels.get(PART, ""))
            if owner and owner[1].part == "buckets" and "le" not in point.labels and not point.buckets:
                self._unanswered[owner[1].promql] = NO_BUCKETS

    def _tell(self, release: Progress, tables: Iterable[CustomTable], at: float) -> None:
        for expression in release.need.expressions:
            why = self._wrong.why(expression.promql, at) or self._unanswered.get(expression.promql)
            if why is not None:
                release.wrong[expression.metric] = why
        for table in tables:
            release.wrong.update(dict.fromkeys(untied(table) - release.wrong.keys(), UNTIED))

    def _points(self, numbered: Numbered, instants: Sequence[float], last_known: bool) -> dict[float, list[Point]]:
        points: dict[float, list[Point]] = {}
        alone, apart, together = self._sorted(numbered)
        middle = (len(apart) + 1) // 2
        single = [[each] for each in alone[:MOST_ALONE]]
        self._unanswered.update({each.promql: self._wrong.last(each.promql) for _, each in alone[MOST_ALONE:]})
        for batch in (*batches(together), *batches(apart[:middle]), *batches(apart[middle:]), *single):
            for at, found in self._answers(batch, instants, last_known):
                points.setdefault(at, []).extend(found)
        return points

    def _sorted(self, numbered: Numbered) -> tuple[list[tuple[int, Expression]], ...]:
        """Those that were refused by themselves before, those that were among others of which one is at fault, and all
        others."""
        kinds: tuple[list[tuple[int, Expression]], ...] = [], [], []
        for each in numbered:
            promql = each[1].promql
            kind = 0 if self._wrong.is_alone(promql) else 1 if promql in self._wrong.suspects else 2
            kinds[kind].append(each)
        return kinds

    def _answers(self, batch: Numbered, instants: Sequence[float], last_known: bool) -> Vectors:
        """The batch's points. Where they cannot be had, by halves until the one that is at fault stands alone, as far
        as there is time for it; the rest is found at the next instants."""
        try:
            found = self._ask(common_query(batch, last_known=last_known), instants)
        except HeadgateError as problem:
            return self._divided(batch, instants, last_known, problem)
        self._wrong.cleared(batch)
        return found

    def _divided(self, batch: Numbered, instants: Sequence[float], last_known: bool, problem: HeadgateError) -> Vectors:
        if len(batch) == 1 and is_of_the_question(problem):
            self._wrong.refused(batch[0][1].promql, str(problem), instants[-1])
            return []
        if not is_of_the_question(problem) or self._left < 2 or time.monotonic() >= self._deadline:
            if is_of_the_question(problem):
                self._wrong.suspected(batch)
            self._unanswered.update({expression.promql: str(problem) for _, expression in batch})
            return []
        self._left -= 2
        middle = len(batch) // 2
        halves = batch[:middle], batch[middle:]
        return [vector for half in halves for vector in self._answers(half, instants, last_known)]
