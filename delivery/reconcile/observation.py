"""One look at Prometheus for all active releases at each instant; the passes take what is theirs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace

import structlog

from delivery.clock import Clock
from delivery.errors import HeadgateError
from delivery.reconcile.recorded import recorded_policy
from delivery.resources.policy import LatencyMetric
from delivery.resources.release import Phase, Release, Stage
from delivery.telemetry.collector import Collector
from delivery.telemetry.needs import Need
from delivery.telemetry.samples import Reading, StableHistory, counted_before
from mesh_adapters.meshes import series_of

log = structlog.get_logger()
LOOK_EVERY_S = 0.2
HISTORY_AGAIN_S = 60.0
HISTORIES_A_LOOK = 4  # each is a query of an hour: many releases that begin together must not wait for all of them


class Observation:
    """A thread that collects for every judged Release and wakes its pass. With nothing to judge it sleeps."""

    def __init__(
        self,
        collector: Collector,
        clock: Clock,
        active: Callable[[], Iterable[Release]],
        wake: Callable[[Release], None],
        settle_s: float,
    ) -> None:
        self._collector = collector
        self._clock = clock
        self._active = active
        self._wake = wake
        self._settle_s = settle_s
        self._posts: dict[str, Reading] = {}
        self._asked: dict[str, float] = {}
        self._histories: dict[str, StableHistory] = {}
        self._history_due: dict[str, float] = {}
        self._lock = threading.Lock()
        self._stirred = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observation", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._stirred.set()
        self._thread.join(10)

    def stir(self) -> None:
        """A Release changed: there may be something to judge now."""
        self._stirred.set()

    def reading(self, release: Release) -> Reading | None:
        """Everything collected for the Release that its record has not counted yet."""
        through = release.status.analysis.data_through or 0.0
        with self._lock:
            reading = self._posts.get(release.key)
            if reading is None:
                return None
            kept = replace(reading, samples=tuple(s for s in reading.samples if not counted_before(s, through)))
            self._posts[release.key] = kept
            return kept

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                looked = self.look()
            except Exception:  # the next look may go well, and no look at all would end every release
                log.exception("look failed by a defect")
                looked = True
            if looked:
                self._stopped.wait(LOOK_EVERY_S)
            else:
                self._stirred.wait()
                self._stirred.clear()

    def look(self) -> bool:
        """Collects what is due for every judged Release, and wakes their passes; False where nothing is judged."""
        judged = {release.key: release for release in self._active() if is_judged(release)}
        self._forget_others(judged)
        if judged:
            self._collect(judged)
        return bool(judged)

    def _collect(self, judged: dict[str, Release]) -> None:
        now = self._clock.now()
        due = [need for release in judged.values() if (need := self._need(release, now)) is not None]
        if not due:
            return
        lacking = [release for need in due if self._lacks_history(release := judged[need.release], now)]
        for release in lacking[:HISTORIES_A_LOOK]:
            self._ask_history(release, now)
        for key, reading in self._collector.collect(due, now).items():
            self._post(key, reading)
            self._wake(judged[key])

    def _lacks_history(self, release: Release, now: float) -> bool:
        return release.status.analysis.dispersion is None and now >= self._history_due.get(release.key, 0.0)

    def _ask_history(self, release: Release, now: float) -> None:
        """Once for each release whose noise is not known; after a failure again a while later."""
        key = release.key
        self._history_due[key] = now + HISTORY_AGAIN_S
        try:
            self._histories[key] = self._collector.history(first_need(release))
        except HeadgateError as problem:
            log.warning("no history of stable yet", release=key, problem=str(problem))

    def _need(self, release: Release, now: float) -> Need | None:
        """The Release's need where an instant has come that was not asked for yet."""
        need = need_of(release)
        with self._lock:
            posted = self._posts.get(release.key)
            if posted is not None and posted.data_through > need.data_through:
                need = replace(need, data_through=posted.data_through)
            newest = (now - self._settle_s) // need.interval * need.interval
            if newest <= max(need.data_through, self._asked.get(release.key, 0.0)):
                return None
            self._asked[release.key] = newest
        return need

    def _post(self, key: str, reading: Reading) -> None:
        with self._lock:
            earlier = self._posts.get(key)
            samples = (*earlier.samples, *reading.samples) if earlier else reading.samples
            self._posts[key] = replace(reading, samples=samples, history=self._histories.get(key))
        if reading.problem and (earlier is None or earlier.problem != reading.problem):
            log.warning("no data", release=key, problem=reading.problem)

    def _forget_others(self, judged: dict[str, Release]) -> None:
        with self._lock:
            for key in set(self._posts) - set(judged):
                del self._posts[key]
            for kept in (self._asked, self._histories, self._history_due):
                for key in set(kept) - set(judged):
                    del kept[key]


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
    return Need(
        release=release.key,
        namespace=release.namespace,
        stable_workload=release.spec.deployment,
        canary_workload=release.canary_name,
        interval=policy.analysis.interval,
        data_through=analysis.data_through or analysis.started_at or 0.0,
        latency=any(isinstance(metric, LatencyMetric) for metric in policy.analysis.metrics),
        series=series_of(policy.mesh.metrics, release.status.mesh),
    )
