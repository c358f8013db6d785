"""One release's way through a collect, and what is remembered of it until the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from delivery.errors import HeadgateError
from delivery.telemetry.custom import CustomTable
from delivery.telemetry.custom_past import corrected, host_of
from delivery.telemetry.expressions import Expression
from delivery.telemetry.needs import Need
from delivery.telemetry.origins import AS_KNOWN, Origins
from delivery.telemetry.promql import guessed, matcher, own_queries
from delivery.telemetry.reasons import Reason, reason_of
from delivery.telemetry.samples import CANARY, SAME_INSTANT_S, STABLE, CustomReading, Reading, Sample
from delivery.telemetry.tables import Table
from mesh_adapters.subjects import Name


@dataclass(slots=True)
class Known:
    """The last value ever seen of each of a release's counters, those of vanished instances included."""

    through: float
    table: Table
    custom: CustomTable
    latency: bool
    expressions: tuple[Expression, ...]

    @property
    def size(self) -> int:
        """How many series it is about."""
        return self.table.size + len(self.custom.counters) + sum(len(each) for each in self.custom.gauges.values())

    def serves(self, need: Need) -> bool:
        asked_alike = self.latency == need.latency and self.expressions == need.expressions
        return abs(self.through - need.data_through) <= SAME_INSTANT_S and asked_alike


@dataclass(slots=True)
class Progress:
    """What is wanted, and how far it has come. `wrong` are metrics whose query could not be asked, and why; `late` is
    what is to be told of samples that come late."""

    need: Need
    through: float
    known: Known | None
    samples: list[Sample] = field(default_factory=list)
    problem: str | None = None
    reason: Reason | None = None
    failed: bool = False
    wrong: dict[str, str] = field(default_factory=dict)
    late: tuple[str, Reason] | None = None

    @property
    def size(self) -> int:
        """About how many series are to be expected."""
        return self.known.size if self.known else guessed(self.need)

    def fail(self, problem: HeadgateError) -> None:
        """Nothing more is asked for it in this collect."""
        self.problem, self.reason, self.failed = str(problem), reason_of(problem), True

    def recall(self, table: Table, custom: CustomTable, through: float) -> None:
        """What it knew at `through`."""
        self.known = Known(through, table, custom, self.need.latency, self.need.expressions)

    def take(self, current: Table, custom: CustomTable, instant: float, origins: Origins = AS_KNOWN) -> None:
        """Counts what was added up to `instant`. A canary without stable has nothing to be compared with: a later tick
        covers this one."""
        if self.known is None:
            return
        missing = _absence(self.need, current)
        if missing:
            self._tell(missing)
            return
        known = origins.corrected(self.known.table, current)
        own = self._own_metrics(self.known.custom, custom, origins)
        stable, canary = known.added(current)
        restarted, shadow = known.restarted(current), known.shadow_added(current)
        counts, values = own.added(custom)
        self.samples.append(Sample(self.through, instant, stable, canary, restarted, shadow, counts, values))
        self.through = instant
        self._tell(_partly_absent(current))
        self.recall(known.followed_by(current), own.followed_by(custom), instant)

    def _own_metrics(self, known: CustomTable, current: CustomTable, origins: Origins) -> CustomTable:
        hosts = {host_of(instance) for instance, _ in origins.past}
        return corrected(known, current, canary_counted=self.need.canary_counted, past_hosts=hosts)

    def _tell(self, told: tuple[str, Reason] | None) -> None:
        if not self.failed:
            self.problem, self.reason = told or (None, None)

    def reading(self) -> Reading:
        asked = own_queries(self.need.series, self.need.names, self.need.latency)
        problem, reason = self.late if self.late and self.problem is None else (self.problem, self.reason)
        return Reading(tuple(self.samples), self.through, problem, reason, asked, custom=self._custom())

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


def _absence(need: Need, current: Table) -> tuple[str, Reason] | None:
    """Why an instant is not counted; None where it is."""
    subject = need.series.subject
    for arm, names in ((STABLE, need.names[:1]), (CANARY, need.names[1:])):
        if not current.has(arm) and any(key[1] == arm for key in current.not_numbers):
            told = f"Prometheus answered NaN for {_selector(need, names)}: a counter that is no number counts nothing"
            return told, Reason.NOT_A_NUMBER
    if current.has_stable:
        return None
    selector = _selector(need, need.names if current.empty else need.names[:1])
    told = f"Prometheus answered, but no series matched {selector}"
    return f"{told}: is the {subject.counts.value} in the mesh and scraped?", Reason.NO_SERIES


def _partly_absent(current: Table) -> tuple[str, Reason] | None:
    if not current.not_numbers:
        return None
    instances = ", ".join(sorted({instance for instance, _, _ in current.not_numbers})[:3])
    told = f"some counters are NaN at {instances}: they count once they are numbers again, from what they were"
    return told, Reason.NOT_A_NUMBER


def _selector(need: Need, names: Sequence[Name]) -> str:
    matches = need.series.subject.matches(names)
    return f"{need.series.requests}{{{', '.join(matcher(match) for match in matches)}}}"
