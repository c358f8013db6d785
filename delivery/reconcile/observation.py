"""One look at Prometheus for all active releases at each instant, judged together; the passes take what is theirs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping

import structlog

from delivery.clock import Clock
from delivery.reconcile.checkpoints import Checkpoints, Waiting
from delivery.reconcile.judging import analyse
from delivery.reconcile.watched_release import Newest, WatchedRelease, first_need, is_judged
from delivery.resources.release import Release
from delivery.telemetry.collector import Collector
from delivery.telemetry.samples import Reading, StableHistory

log = structlog.get_logger()
LOOK_EVERY_S = 0.2
HISTORY_AGAIN_S = 60.0
HISTORIES_A_LOOK = 100  # each is an hour of data: many releases that begin together must not wait for all of them


class Observation:
    """A thread that collects and judges for every judged Release, and wakes the passes that have something to do: those
    a look may move, and those whose record it is the turn of. With nothing to judge it sleeps.
    """

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
        self._watched: dict[str, WatchedRelease] = {}
        self._checkpoints = Checkpoints()
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

    def known(self, release: Release) -> Newest | None:
        """The newest analysis of the Release; None where its own record is the newest. Safe to call from any thread."""
        watched = self._watched.get(release.key)
        return watched.knows_of(release, self._clock.now()) if watched else None

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
        """Collects and judges what is due for every judged Release, and wakes passes; False where nothing is judged."""
        self._follow([release for release in self._active() if is_judged(release)])
        if not self._watched:
            return False
        now = self._clock.now()
        watched = self._watched.values()
        needs = [need for each in watched if (need := each.due(now, self._settle_s)) is not None]
        if needs:
            self._learn([each for need in needs if (each := self._watched[need.release]).lacks_history(now)], now)
            for readings in self._collector.collect(needs, now):
                self._judge(readings)
        return True

    def _follow(self, judged: Iterable[Release]) -> None:
        gone = set(self._watched)
        for release in judged:
            watched = self._watched.get(release.key)
            if watched is None or watched.release.uid != release.uid:
                self._watched[release.key] = WatchedRelease.of(release)
            elif watched.release is not release:
                watched.follow(release)
            gone.discard(release.key)
        for key in gone:
            del self._watched[key]

    def _learn(self, lacking: list[WatchedRelease], now: float) -> None:
        """Once for each release whose noise is not known; after a failure again a while later."""
        asked = lacking[:HISTORIES_A_LOOK]
        for watched in asked:
            watched.history_due = now + HISTORY_AGAIN_S
        found = self._collector.histories([first_need(watched.release) for watched in asked])
        for watched in asked:
            history = found[watched.release.key]
            if isinstance(history, StableHistory):
                watched.history = history
            else:
                log.warning("no history of stable yet", release=watched.release.key, problem=str(history))

    def _judge(self, readings: Mapping[str, Reading]) -> None:
        """Judges the releases of one answer, and wakes those that have something to do by it."""
        found = [(self._watched[key], reading) for key, reading in readings.items()]
        for watched, reading in found:
            if reading.problem and watched.record.problem != reading.problem:
                log.warning("no data", release=watched.release.key, problem=reading.problem)
        now = self._clock.now()
        analysed = analyse([watched.case(reading) for watched, reading in found], now)
        for (watched, _), known in zip(found, analysed, strict=True):
            watched.take(known)
        moving = {watched.release.key for watched, _ in found if watched.would_move(now)}
        # One that would move may be kept from it, and is recorded all the same.
        chosen = self._checkpoints.chosen([_waiting(watched) for watched, _ in found], now)
        for key in chosen:
            self._watched[key].turn = True
        for key in sorted({*moving, *chosen}):
            self._wake(self._watched[key].release)


def _waiting(watched: WatchedRelease) -> Waiting:
    recorded = watched.release.status.analysis.data_through or 0.0
    return Waiting(watched.release.key, watched.has_news, recorded)
