"""One release's way through a collect, and what is remembered of it until the next."""

from __future__ import annotations

from dataclasses import dataclass, field

from delivery.errors import HeadgateError
from delivery.telemetry.needs import Need
from delivery.telemetry.promql import latency_query, requests_query
from delivery.telemetry.reasons import Reason, reason_of
from delivery.telemetry.samples import SAME_INSTANT_S, Reading, Sample
from delivery.telemetry.tables import Table


@dataclass(slots=True)
class Known:
    """The last value ever seen of each of a release's counters, those of vanished instances included."""

    through: float
    table: Table
    latency: bool

    def serves(self, need: Need) -> bool:
        return abs(self.through - need.data_through) <= SAME_INSTANT_S and self.latency == need.latency


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

    def fail(self, problem: HeadgateError) -> None:
        """Nothing more is asked for it in this collect."""
        self.problem, self.reason, self.failed = str(problem), reason_of(problem), True

    def take(self, current: Table, instant: float) -> None:
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
        self.samples.append(Sample(self.through, instant, stable, canary, restarted, shadow))
        self.through, self.problem, self.reason = instant, None, None
        self.known = Known(instant, known.followed_by(current), self.need.latency)

    def reading(self) -> Reading:
        queries = requests_query(self.need.series, [self.need]), latency_query(self.need.series, [self.need])
        told = queries if self.need.latency else queries[:1]
        return Reading(tuple(self.samples), self.through, self.problem, self.reason, told)


def _absence(need: Need, current: Table) -> tuple[str, Reason]:
    series = need.series
    both = f"{need.stable_workload}|{need.canary_workload}"
    workload = f'{series.workload}=~"{both}"' if current.empty else f'{series.workload}="{need.stable_workload}"'
    selector = f'{series.requests}{{{series.namespace}="{need.namespace}", {workload}}}'
    if current.not_numbers:
        told = f"Prometheus answered NaN for {selector}: a counter that is no number counts nothing"
        return told, Reason.NOT_A_NUMBER
    told = f"Prometheus answered, but no series matched {selector}: is the workload in the mesh and scraped?"
    return told, Reason.NO_SERIES
