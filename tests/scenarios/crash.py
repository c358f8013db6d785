"""`python -m tests.scenarios.crash`: every crash point, every kind of API fault, every late write of a deposed leader.

The embedded API server, virtual time, all on as many processes as there are cores. Ends with one line of figures, and
with exit code 1 where anything did not end as it must.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from delivery.reconcile.term import Term
from tests.scenarios.control_planes import every_death
from tests.scenarios.effects import Death
from tests.scenarios.faults import FaultyPool
from tests.scenarios.in_process import connected
from tests.scenarios.leaders import DrivenTerm, Stopped, StoppingPool
from tests.scenarios.process import Process, Watched
from tests.scenarios.stories import GOOD, STORIES, Story
from tests.scenarios.telling import Told, check, live, prepared, tell
from tests.scenarios.universe import POLICY_SPEC, Universe

FAULT_RATE = 0.2
WHOLE = ("a good version,", "a bad version,")
PATIENT = {
    "strategy": {"canary": {**POLICY_SPEC["strategy"]["canary"], "readyDeadline": "10m", "maxStepDuration": "15m"}},
    "analysis": {**POLICY_SPEC["analysis"], "noData": {"deadline": "5m"}},
}
"""The default deadlines: a fifth of all calls failing is slow, and no reason to give a version up."""


@dataclass(frozen=True, slots=True)
class Result:
    """How one run ended. `figure` is the number of extra writes, of faults, or the answer to a late write."""

    what: str
    problem: str = ""
    figure: int = 0


# -- crash points --


def points(story: Story) -> list[Death]:
    """Every effect of a story, before and after."""
    count = len(tell(story).lives[0].told)
    return [Death(effect, after) for effect in range(count) for after in (False, True)]


def survive(story: Story, death: Death, clean: int) -> Result:
    """One death; `clean` is the number of writes without it."""
    told = tell(story, death)
    return _result(f"{story.name}, {death}", story, told, len(told.writes) - clean)


# -- API faults --


def muddle_through(story: Story, seed: int) -> Result:
    """A story with a fifth of all calls failing, lists and watches too, and everybody acting in random order."""
    universe, invariants = prepared(story, random.Random(seed), PATIENT)
    pool = FaultyPool(universe.pool, universe.clock, FAULT_RATE, random.Random(seed))
    watched = FaultyPool(universe.pool, universe.clock, FAULT_RATE, random.Random(-seed - 1), watching=True)
    process = Process(universe, connected(pool), hearing=Watched(universe, connected(watched)))

    def turn() -> None:
        if universe.clock.now() >= pool.blocked_until:
            process.turn()

    universe.parties.append(turn)
    told = Told(universe, invariants)
    live(story, universe, invariants, 3000)
    pool.rate = watched.rate = 0.0
    universe.until(lambda: not any(release.held for release in universe.releases() if not release.active))
    universe.pool.close()
    return _result(f"{story.name}, seed {seed}", story, told, pool.counted.total() + watched.counted.total())


# -- two leaders --


def overtake(story: Story, at: int, rounds: int) -> Result | None:
    """A leader is stopped with its write of number `at` on the way, a second one takes over, and after so many rounds
    the first one's write arrives. None where there was no such write."""
    universe, invariants = prepared(story)
    pool = StoppingPool(universe.pool, at)
    leader = Leader(universe, pool, rounds)
    universe.parties.append(leader.turn)
    live(story, universe, invariants)
    if leader.stopped_for is None:
        return None
    leader.resume()
    for _ in range(20):
        universe.round()
    return _result(f"{story.name}, write {at} after {rounds} rounds", story, Told(universe, invariants), leader.answer)


class Leader:
    """Whoever leads: the first one until it is stopped, then the second; the first one resumes later."""

    def __init__(self, universe: Universe, pool: StoppingPool, rounds: int) -> None:
        self._universe = universe
        self._pool = pool
        self._rounds = rounds
        self._first = DrivenTerm("first/1")
        self._resumed: Process | None = None
        self._present = self._process(pool, self._first)
        self._stopped = self._present
        self.stopped_for: int | None = None
        self.answer = 0

    def turn(self) -> None:
        if self.stopped_for is not None:
            self.stopped_for += 1
            if self.stopped_for == self._rounds:
                self.resume()
        try:
            self._present.turn()
        except Stopped:
            self._first.over, self.stopped_for = True, 0
            self._present = self._process(self._universe.pool, DrivenTerm("second/2"))
        if self._resumed is not None:
            self._resumed.turn()

    def resume(self) -> None:
        """What was on the way arrives, and the first leader goes on, not knowing that it was deposed."""
        if self._resumed is None:
            self.answer = self._pool.arrive()
            self._resumed = self._stopped

    def _process(self, pool: StoppingPool | object, term: Term) -> Process:
        return Process(self._universe, connected(pool), term=term)


def _result(what: str, story: Story, told: Told, figure: int) -> Result:
    try:
        check(story, told)
    except AssertionError as broken:
        return Result(what, str(broken) or "left behind", figure)
    return Result(what, figure=figure)


# -- running it --

Task = tuple[str, int, int, int]


def run(task: Task) -> Result | None:
    """One run in a process of its own."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    kind, story, number, more = task
    try:
        if kind == "crash":
            return survive(STORIES[story], Death(number // 2, bool(number % 2)), more)
        if kind == "faults":
            return muddle_through(STORIES[story], number)
        return overtake(STORIES[story], number, more)
    except AssertionError as stuck:
        return Result(f"{STORIES[story].name} {task}", str(stuck))


def crash_tasks(every: int) -> list[Task]:
    """All points of a release and of a rollback, and every so manieth of the other stories."""
    tasks: list[Task] = []
    for number, story in enumerate(STORIES):
        told = tell(story)
        step = 1 if number < 3 else every
        effects = range(number % step, 2 * len(told.lives[0].told), step)
        tasks += [("crash", number, effect, len(told.writes)) for effect in effects]
    return tasks


def fault_tasks(runs: int) -> list[Task]:
    return [("faults", seed % len(STORIES), seed, 0) for seed in range(runs)]


def overtaking_tasks(every: int) -> list[Task]:
    """Every write of a release and of a rollback, arriving soon, later, and after the end."""
    tasks: list[Task] = []
    for number, story in enumerate(STORIES):
        writes = sum(not effect.startswith("QUERY") for effect in tell(story).lives[0].told)
        step = 1 if number < 2 else every
        tasks += [("late", number, at, rounds) for at in range(0, writes, step) for rounds in (1, 4, 1000)]
    return tasks


def _together(tasks: Iterable[Task], processes: int) -> list[Result]:
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        return [result for result in pool.imap_unordered(run, tasks, chunksize=4) if result is not None]


@dataclass(frozen=True, slots=True)
class Part:
    """One part's outcome: whether all ended as it must, and its figures in words."""

    well: bool
    figures: str


def _part(title: str, results: list[Result], figures: str) -> Part:
    failed = [result for result in results if result.problem]
    for result in failed[:10]:
        print(f"FAILED {result.what}: {result.problem}")
    return Part(not failed, f"{title} {len(results) - len(failed)}/{len(results)} ({figures})")


def crash_points(processes: int, every: int) -> Part:
    """Virtual time, the embedded server: each death alone."""
    results = _together(crash_tasks(every), processes)
    whole = [result.figure for result in results if result.what.startswith(WHOLE)]
    return _part(
        "crash points", results, f"{len(whole)} of a release and a rollback, at most {max(whole)} extra writes"
    )


def api_faults(processes: int, runs: int) -> Part:
    """Seeded runs with a fifth of all calls failing."""
    results = _together(fault_tasks(runs), processes)
    return _part("API faults", results, f"{sum(result.figure for result in results)} failed calls")


def late_writes(processes: int, every: int) -> Part:
    """A deposed leader's writes that arrive late."""
    results = _together(overtaking_tasks(every), processes)
    refused = sum(result.figure >= 400 for result in results)
    return _part("late writes", results, f"{refused} refused, the others harmless")


def on_control_plane(assets: Path | None) -> Part:
    """The deaths on a control plane that runs."""
    figures = every_death(assets)
    for problem in figures.problems:
        print(f"FAILED {problem}")
    title = "real kube-apiserver" if assets else "embedded over HTTP"
    told = f"{title} {figures.survived}/{figures.points} (at most {figures.extra:.2f} extra writes a death)"
    return Part(not figures.problems and figures.extra <= 1, told)


def _timed(part: Callable[[], Part]) -> Part:
    began = time.monotonic()
    done = part()
    print(f"{done.figures}, {time.monotonic() - began:.0f} s", flush=True)
    return done


def main() -> int:
    """Runs all parts; the last line has all figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.scenarios.crash", description=__doc__)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--faults", type=int, default=300, help="seeded runs with API faults")
    parser.add_argument("--every", type=int, default=9, help="of the other stories, each so manieth point; 1 for all")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    tell(GOOD)  # what is imported and built once is shared by all
    named = os.environ.get("KUBEBUILDER_ASSETS")
    parts = [
        partial(crash_points, chosen.processes, chosen.every),
        partial(api_faults, chosen.processes, chosen.faults),
        partial(late_writes, chosen.processes, chosen.every),
        *(partial(on_control_plane, assets) for assets in (None, *([Path(named)] if named else []))),
    ]
    done = [_timed(part) for part in parts]
    verdict = "ok" if all(part.well for part in done) else "FAILED"
    print(f"crash: {verdict}: {'; '.join(part.figures for part in done)}")
    return 0 if verdict == "ok" else 1


if __name__ == "__main__":
    sys.exit(main())
