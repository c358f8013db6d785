"""One judged Release between looks: what is asked for it, and what is known of it beyond its record."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from delivery.decision.recorded import recorded_policy
from delivery.decision.snapshot import Look
from delivery.decision.waking import moves
from delivery.reconcile.judging import Analysed, Case
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import AnalysisRecord, Phase, Release, Stage
from delivery.telemetry.expressions import Expression, expressions_of
from delivery.telemetry.needs import Need
from delivery.telemetry.samples import CANARY, SAME_INSTANT_S, STABLE, Reading, StableHistory
from mesh_adapters.meshes import series_of
from mesh_adapters.subjects import Counted

LATE_INTERVALS = 2.0  # a look older than that says how the versions did, not how they do
LATE_S = 5.0
SILENCE_S = 15.0  # by so much a record's silence may lag behind: an outage is no reason for a write at every look


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest analysis of a Release, the look where it may still be acted on, whether it is the turn of the record
    to be written though nothing else is to do, and when the analysis was made."""

    record: AnalysisRecord
    look: Look | None
    due: bool
    looked_at: float


@dataclass(slots=True)
class WatchedRelease:
    """`record`: the newest analysis, which another process may have brought further than this one knows; `through`:
    up to where everything was counted in it. `asked`: the newest instant asked for, had or not. The record may be
    behind `analysed`: what is lost with this process is asked for again. `looked_at`: when that was.
    `patient_until`: so long the first look waits for the history. `turn`: it is to be written by the next pass."""

    release: Release
    need: Need
    analysed: Analysed | None = None
    asked: float = 0.0
    looked_at: float | None = None
    history: StableHistory | None = None
    history_due: float = 0.0
    patient_until: float = 0.0
    turn: bool = False
    record: AnalysisRecord = field(init=False)
    through: float = field(init=False)

    def __post_init__(self) -> None:
        self._settle()

    @classmethod
    def of(cls, release: Release) -> WatchedRelease:
        return cls(release, need_of(release))

    def follow(self, release: Release) -> None:
        """The Release has changed, be it by its record."""
        self.need = _need_again(self.need, self.release, release)
        self.release, self.turn = release, False
        self._settle()

    def _settle(self) -> None:
        """Works out what is newest, once for all that will ask: looks are many, and ask of every release."""
        stored, known = self.release.status.analysis, self.analysed
        self.record = known.record if known and _goes_on(known.record, stored) else stored
        self.through = self.record.data_through or self.record.started_at or 0.0

    def stands_at(self, instant: float) -> bool:
        """Whether that is where everything was counted up to."""
        return abs(self.through - instant) <= SAME_INSTANT_S

    def is_due(self, now: float, settle_s: float) -> bool:
        """Whether an instant has come that was not asked for yet."""
        return self._newest(now, settle_s) > max(self.through, self.asked)

    def due(self, now: float, settle_s: float) -> Need | None:
        """What to ask where an instant has come that was not asked for yet, and nothing is waited for."""
        if now < self.patient_until or not self.is_due(now, settle_s):
            return None
        self.asked = self._newest(now, settle_s)
        counted = self.record.last_data_at is not None
        return replace(self.need, data_through=self.through, canary_counted=counted)

    def _newest(self, now: float, settle_s: float) -> float:
        return (now - settle_s) // self.need.interval * self.need.interval

    def awaits_history(self, now: float) -> None:
        """It is being asked for."""
        self.history_due, self.patient_until = math.inf, now + self.need.interval

    def learn(self, history: StableHistory | None, again_at: float) -> None:
        """What stable was like before the release; None where that could not be had, to be asked for again then."""
        self.history, self.history_due, self.patient_until = history, again_at, 0.0

    def take(self, analysed: Analysed, now: float) -> None:
        """The newest analysis. Once all was learned from the history it is let go: it is an hour of every pod."""
        self.analysed, self.looked_at = analysed, now
        self._settle()
        if analysed.record.state and analysed.record.dispersion is not None:
            self.history = None

    def case(self, reading: Reading) -> Case:
        return Case(self.release, self.record, replace(reading, history=self.history), self.looked_at)

    def lacks_history(self, now: float) -> bool:
        return self.history is None and self.record.dispersion is None and now >= self.history_due

    def knows_of(self, release: Release, now: float) -> Newest | None:
        """What a pass may use of it for this version of the Release: a look only where it is one at the same step, and
        of the present."""
        analysed = self.analysed
        if analysed is None or self.looked_at is None or release.uid != self.release.uid:
            return None
        stored = release.status.analysis
        if not _goes_on(analysed.record, stored):
            return None
        # What was written and read back is the same to the microsecond only: nothing new is nothing to write.
        record = stored if _same(analysed.record, stored) else analysed.record
        look = analysed.look
        late = self.need.interval * LATE_INTERVALS + LATE_S
        usable = look is not None and analysed.step == release.status.step and now - look.at <= late
        return Newest(record, look if usable else None, self.turn, self.looked_at)

    def would_move(self, now: float) -> bool:
        """Whether a pass would bring the Release further by the newest look."""
        look = self.analysed.look if self.analysed else None
        return look is not None and moves(self.release.status, look.verdict, recorded_policy(self.release), now)

    @property
    def worth_recording(self) -> bool:
        """Whether the record lacks something that the next process would miss."""
        stored = self.release.status.analysis
        if self.analysed is None:
            return False
        known = self.analysed.record
        return not _stands(known, stored) or abs(known.silent - stored.silent) >= SILENCE_S

    @property
    def has_news(self) -> bool:
        """Whether the record lacks something that a person would want to know now."""
        if self.analysed is None:
            return False
        status, known = self.release.status, self.analysed
        first_look = status.evidence is None and known.look is not None
        turned = known.look is not None and known.look.verdict != status.verdict
        return first_look or turned or status.analysis.problem != known.record.problem


def _goes_on(known: AnalysisRecord, stored: AnalysisRecord) -> bool:
    """Whether what is known includes everything that is stored."""
    # To the microsecond, as it is stored: one may be what was written, the other what was read back.
    if abs((known.started_at or 0.0) - (stored.started_at or 0.0)) > SAME_INSTANT_S:
        return False
    return (known.data_through or 0.0) >= (stored.data_through or 0.0) - SAME_INSTANT_S


def _same(known: AnalysisRecord, stored: AnalysisRecord) -> bool:
    return _stands(known, stored) and abs(known.silent - stored.silent) <= SAME_INSTANT_S


def _stands(known: AnalysisRecord, stored: AnalysisRecord) -> bool:
    """Whether nothing was counted since, and nothing else stands in the way."""
    through = (known.data_through or 0.0) - (stored.data_through or 0.0)
    return abs(through) <= SAME_INSTANT_S and known.problem == stored.problem


def is_judged(release: Release) -> bool:
    """Whether telemetry of this Release can still change anything."""
    status = release.status
    if status.analysis.started_at is None:
        return False
    if status.phase is Phase.PROMOTING:
        return status.stage is Stage.SHIFT_ALL
    return status.phase in {Phase.SHIFTING, Phase.PAUSED}


def first_need(release: Release) -> Need:
    """What it needed to know when it began to be judged."""
    return replace(need_of(release), data_through=release.status.analysis.started_at or 0.0)


def need_of(release: Release) -> Need:
    """What a judged Release needs to know, by its own policy."""
    policy = recorded_policy(release)
    analysis = release.status.analysis
    series = series_of(policy.mesh.metrics, release.status.mesh)
    by_service = series.subject.counts is Counted.SERVICE
    return Need(
        release=release.key,
        namespace=release.namespace,
        stable_name=release.stable_name if by_service else release.spec.deployment,
        canary_name=release.canary_name,
        interval=policy.analysis.interval,
        data_through=analysis.data_through or analysis.started_at or 0.0,
        latency=policy.analysis.mesh_latency is not None,
        series=series,
        expressions=_expressions(release, policy),
    )


def _need_again(known: Need, before: Release, release: Release) -> Need:
    """`need_of` a Release that has changed: nearly always in its record alone, which leaves what it needs as it was."""
    if release.spec is not before.spec or release.status.mesh != before.status.mesh:
        return need_of(release)
    analysis = release.status.analysis
    return replace(known, data_through=analysis.data_through or analysis.started_at or 0.0)


def _expressions(release: Release, policy: DeliveryPolicySpec) -> tuple[Expression, ...]:
    if not policy.analysis.custom:
        return ()
    arms = {STABLE: (release.spec.deployment, release.stable_name), CANARY: (release.canary_name, release.canary_name)}
    values = {
        arm: {"workload": workload, "service": service, "namespace": release.namespace, "arm": arm}
        for arm, (workload, service) in arms.items()
    }
    return expressions_of(policy.analysis.custom, values)
