"""One release's way through a collect, and what is remembered of it until the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from delivery.errors import HeadgateError
from delivery.telemetry.custom import CustomTable
from delivery.telemetry.expressions import Expression
from delivery.telemetry.needs import Need
from delivery.telemetry.promql import latency_query, matcher, requests_query
from delivery.telemetry.reasons import Reason, reason_of
from delivery.telemetry.samples import CANARY, SAME_INSTANT_S, STABLE, CustomReading, Reading, Sample
from delivery.telemetry.tables import Table


@dataclass(slots=True)
class Known:
    """The last value ever seen of each of a release's counters, those of vanished instances included."""

    through: float
    table: Table
    custom: CustomTable
    latency: bool
    expressions: tuple[Expression, ...]

    def serves(self, need: Need) -> bool:
        asked_alike = self.latency == need.latency and self.expressions == need.expressions
        return abs(self.through - need.data_through) <= SAME_INSTANT_S and asked_alike


@dataclass(slots=True)
class Progress:
    """What is wanted, and how far it has come."""

    need: Need
    through: float
    known: Known | None
    samples: list[Sample] = field(default_factory=list)
    problem: str | None = None
    reason: Reason | None = None
    failed: bool = False
    wrong: dict[str, str] = field(default_factory=dict)  # metrics whose query is at fault, and why

    def fail(self, problem: HeadgateError) -> None:
        """Nothing more is asked for it in this collect."""
        self.problem, self.reason, self.failed = str(problem), reason_of(problem), True

    def recall(self, table: Table, custom: CustomTable, through: float) -> None:
        """What it knew at `through`."""
        self.known = Known(through, table, custom, self.need.latency, self.need.expressions)

    def take(self, current: Table, custom: CustomTable, instant: float) -> None:
        """Counts what was added up to `instant`. A canary without stable has nothing to be compared with: a later tick
        covers this one."""
        if self.known is None:
            return
        if not current.has_stable:
            self.problem, self.reason = _absence(self.need, current)
            return
        known = self.known.table
        if not known.has_stable:
            # Stable is older than its release: what it shows first is its past, not what this tick added.
            known = known.with_stable_of(current)
        stable, canary = known.added(current)
        restarted, shadow = known.restarted(current), known.shadow_added(current)
        counts, values = self.known.custom.added(custom)
        self.samples.append(Sample(self.through, instant, stable, canary, restarted, shadow, counts, values))
        self.through, self.problem, self.reason = instant, None, None
        self.recall(known.followed_by(current), self.known.custom.followed_by(custom), instant)

    def reading(self) -> Reading:
        queries = requests_query(self.need.series, [self.need]), latency_query(self.need.series, [self.need])
        told = queries if self.need.latency else queries[:1]
        return Reading(tuple(self.samples), self.through, self.problem, self.reason, told, custom=self._custom())

    def _custom(self) -> dict[str, CustomReading]:
        queries: dict[str, dict[str, str]] = {}
        for each in self.need.expressions:
            queries.setdefault(each.metric, {})[f"{each.arm}.{each.part}"] = each.promql
        answers = self.known.custom.totals() if self.known else {}
        return {
            metric: CustomReading(asked, answers.get(metric, {}), self._problem_of(metric, answers))
            for metric, asked in queries.items()
        }

    def _problem_of(self, metric: str, answers: Mapping[str, Mapping[str, float]]) -> str | None:
        if metric in self.wrong:
            return self.wrong[metric]
        arms = {name.partition(".")[0] for name in answers.get(metric, ())}
        silent = [arm for arm in (STABLE, CANARY) if arm not in arms]
        return f"no series of {' and '.join(silent)} yet" if silent else None


def _absence(need: Need, current: Table) -> tuple[str, Reason]:
    subject, missing = need.series.subject, need.names if current.empty else need.names[:1]
    selector = f"{need.series.requests}{{{', '.join(matcher(match) for match in subject.matches(missing))}}}"
    if current.not_numbers:
        told = f"Prometheus answered NaN for {selector}: a counter that is no number counts nothing"
        return told, Reason.NOT_A_NUMBER
    told = f"Prometheus answered, but no series matched {selector}"
    return f"{told}: is the {subject.counts.value} in the mesh and scraped?", Reason.NO_SERIES
