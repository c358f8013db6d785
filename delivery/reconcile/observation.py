"""One look at Prometheus for all active releases at each instant, judged together; the passes take what is theirs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future

import structlog

from delivery.clock import Clock
from delivery.reconcile.checkpoints import Checkpoints, Waiting
from delivery.reconcile.judging import analyse
from delivery.reconcile.watched_release import Newest, WatchedRelease, first_need, is_judged
from delivery.resources.release import Release
from delivery.telemetry.collector import Collector, Histories
from delivery.telemetry.needs import Need
from delivery.telemetry.samples import Reading, StableHistory

log = structlog.get_logger()
LOOK_EVERY_S = 0.2
LOOK_OF_EACH_S = 0.0002  # for each release as much longer
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
        self._asked: dict[str, tuple[WatchedRelease, Need]] = {}
        self._histories: list[tuple[list[Need], Future[Histories]]] = []
        self._checkpoints = Checkpoints()
        self._unrecorded: dict[str, Waiting] = {}
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
            if self._safely(self.look):
                self._heed(LOOK_EVERY_S + LOOK_OF_EACH_S * len(self._watched))
            else:
                self._stirred.wait()
                self._stirred.clear()

    def _heed(self, seconds: float) -> None:
        """Judges answers as they come until the next look is due: to find what is due of many takes its time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._stopped.wait(min(LOOK_EVERY_S, left)):
            self._safely(self._judge_answers)

    def _safely(self, work: Callable[[], bool | None]) -> bool:
        """What it says; after a defect True: the next look may go well, and no look at all would end every release."""
        try:
            return work() is not False
        except Exception:
            log.exception("look failed by a defect")
            return True

    def look(self) -> bool:
        """Asks for what is due of every judged Release, judges what was answered since, and wakes passes; False where
        nothing is judged. Nothing is waited for: what is slow to come is judged when it is there.
        """
        self._follow([release for release in self._active() if is_judged(release)])
        if not self._watched:
            return False
        now = self._clock.now()
        self._take_histories()
        self._judge_answers()
        self._wake_all(self._in_turn(self._clock.now()))
        under_way = self._collector.under_way
        idle = [each for each in self._watched.values() if each.release.key not in under_way]
        self._learn([each for each in idle if each.is_due(now, self._settle_s) and each.lacks_history(now)], now)
        needs = [need for each in idle if (need := each.due(now, self._settle_s)) is not None]
        self._asked.update({need.release: (self._watched[need.release], need) for need in needs})
        if needs:
            self._collector.ask(needs, now)
            self._judge_answers()
        return True

    def _judge_answers(self) -> None:
        for readings in self._collector.answers():
            wanted = {key: reading for key, reading in readings.items() if self._is_wanted(key)}
            if wanted:
                self._judge(wanted)

    def _is_wanted(self, key: str) -> bool:
        """Whether it was for this Release as it is known now that was asked: it may have ended meanwhile, or another
        process may have recorded more, which would be counted twice."""
        watched, need = self._asked.pop(key)
        return self._watched.get(key) is watched and watched.stands_at(need.data_through)

    def _follow(self, judged: Iterable[Release]) -> None:
        gone = set(self._watched)
        for release in judged:
            watched = self._watched.get(release.key)
            if watched is None or watched.release.uid != release.uid:
                self._watched[release.key] = WatchedRelease.of(release)
                self._unrecorded.pop(release.key, None)
            elif watched.release is not release:
                watched.follow(release)
                self._note(watched)
            gone.discard(release.key)
        for key in gone:
            del self._watched[key]
            self._unrecorded.pop(key, None)

    def _learn(self, lacking: list[WatchedRelease], now: float) -> None:
        """Once for each release whose noise is not known; after a failure again a while later. The first look of a
        release waits for it for a while, for what stable was like is learned before anything is judged."""
        asked = lacking[:HISTORIES_A_LOOK]
        for watched in asked:
            watched.awaits_history(now)
        self._histories += self._collector.ask_histories([first_need(watched.release) for watched in asked])
        self._take_histories()

    def _take_histories(self) -> None:
        still = []
        for needs, asked in self._histories:
            if not asked.done():
                still.append((needs, asked))
                continue
            found = asked.result()
            for watched in (each for need in needs if (each := self._watched.get(need.release))):
                history = found[watched.release.key]
                again_at = self._clock.now() + HISTORY_AGAIN_S
                watched.learn(history if isinstance(history, StableHistory) else None, again_at)
                if not isinstance(history, StableHistory):
                    log.warning("no history of stable yet", release=watched.release.key, problem=str(history))
        self._histories = still

    def _judge(self, readings: Mapping[str, Reading]) -> None:
        """Judges the releases of one answer, and wakes those that have something to do by it."""
        found = [(self._watched[key], reading) for key, reading in readings.items()]
        for watched, reading in found:
            if reading.problem and watched.record.problem != reading.problem:
                log.warning("no data", release=watched.release.key, problem=reading.problem)
        now = self._clock.now()
        analysed = analyse([watched.case(reading) for watched, reading in found], now)
        for (watched, _), known in zip(found, analysed, strict=True):
            watched.take(known, now)
            self._note(watched)
        moving = {watched.release.key for watched, _ in found if watched.would_move(now)}
        # One that would move may be kept from it, and is recorded all the same.
        self._wake_all({*moving, *self._in_turn(now)})

    def _note(self, watched: WatchedRelease) -> None:
        """Whether its record is to be written."""
        if watched.worth_recording:
            self._unrecorded[watched.release.key] = _waiting(watched)
        else:
            self._unrecorded.pop(watched.release.key, None)

    def _in_turn(self, now: float) -> list[str]:
        """Whose record is written next."""
        chosen = self._checkpoints.chosen(self._unrecorded.values(), now)
        for key in chosen:
            del self._unrecorded[key]
            self._watched[key].turn = True
        return chosen

    def _wake_all(self, keys: Iterable[str]) -> None:
        for key in sorted(keys):
            self._wake(self._watched[key].release)


def _waiting(watched: WatchedRelease) -> Waiting:
    recorded = watched.release.status.analysis.data_through or 0.0
    return Waiting(watched.release.key, watched.has_news, recorded, again=watched.turn)
