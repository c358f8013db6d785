"""Prometheus fails in mid-release: what that may not do, and what is made good once it answers again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from delivery.cluster.kinds import EVENT
from delivery.resources.release import Phase, Release
from tests.scenarios.in_process import connected
from tests.scenarios.process import Process
from tests.scenarios.stories import GOOD
from tests.scenarios.telling import prepared
from tests.scenarios.universe import POLICY_SPEC, SHOP, Universe
from tests.telemetry.istio_counters import requests

DEADLINE_S = 300.0
REFUSED = "Prometheus at http://prometheus:9090 refused the connection"


class Telling:
    """A good version on its way under a controller that may be started anew at any time."""

    def __init__(self, action: str = "rollback", longest_step: str = "5m") -> None:
        analysis = {**POLICY_SPEC["analysis"], "noData": {"deadline": "5m", "action": action}}
        canary = {**POLICY_SPEC["strategy"]["canary"], "maxStepDuration": longest_step}
        spec = {**POLICY_SPEC, "strategy": {"canary": canary}, "analysis": analysis}
        self.universe, self.invariants = prepared(GOOD, policy=spec)
        self.restart()
        self.universe.parties.append(self.turn)
        self.universe.until(self.universe.adopted)
        self.universe.image("web:2")

    def turn(self) -> None:
        self.process.turn()

    def restart(self) -> None:
        """The controller is lost with all it knew; a new one starts."""
        self.process = Process(self.universe, connected(self.universe.pool))

    @property
    def release(self) -> Release:
        return self.universe.releases()[-1]

    def until_judged(self) -> None:
        """Until the first step has begun and has been looked at."""
        self.universe.until(lambda: self.universe.releases() and self.release.status.evidence is not None)

    def fail(self, problem: str | None = REFUSED) -> None:
        self.universe.traffic.prometheus.down = problem

    def wait(self, seconds: float) -> None:
        end = self.universe.clock.now() + seconds
        self.universe.until(lambda: self.universe.clock.now() >= end, seconds + 1)

    def end(self) -> Phase:
        self.universe.until(self.universe.ended)
        return self.release.status.phase


def place(release: Release) -> tuple[Any, ...]:
    return release.status.phase, release.status.step, release.status.traffic.verified_weight


@pytest.mark.parametrize("crashes", [False, True], ids=["one-controller", "another-controller-after-it"])
def test_two_minutes_without_prometheus_neither_roll_back_nor_advance(crashes: bool) -> None:
    telling = Telling()
    telling.until_judged()
    before = place(telling.release)
    assert before[0] is Phase.SHIFTING
    telling.fail()
    for _ in range(12):
        telling.wait(10)
        assert place(telling.release) == before
    assert telling.release.status.analysis.problem_reason == "Unreachable"
    assert REFUSED in (telling.release.status.analysis.problem or "")
    if crashes:
        telling.restart()
    telling.fail(None)
    assert telling.end() is Phase.SUCCEEDED
    telling.invariants.check()
    assert telling.release.status.analysis.problem is None


@pytest.mark.parametrize("crashes", [False, True], ids=["one-controller", "another-controller-after-it"])
def test_what_was_served_meanwhile_is_counted_once(crashes: bool) -> None:
    telling = Telling()
    telling.universe.traffic.rps = 40.0  # too few to decide before all of it is counted
    telling.until_judged()
    telling.fail()
    telling.wait(120)
    if crashes:
        telling.restart()
    telling.fail(None)
    since = telling.universe.clock.now()
    telling.universe.until(lambda: (telling.release.status.analysis.data_through or 0.0) > since + 5)
    evidence, analysis = telling.release.status.evidence, telling.release.status.analysis
    assert evidence is not None
    assert analysis.started_at is not None
    assert analysis.data_through is not None
    assert evidence.canary_requests == served(telling, "web-canary", analysis.started_at, analysis.data_through)
    assert evidence.stable_requests == served(telling, "web", analysis.started_at, analysis.data_through)


def served(telling: Telling, workload: str, since: float, until: float) -> float:
    """What the mesh's own counters grew by, good answers and failures."""
    shown = telling.universe.traffic.shown
    counters = [requests(workload, code) for code in ("200", "503")]
    then, now = (max(at for at, _ in shown if at <= when) for when in (since, until))
    return sum(dict(shown)[now].get(each, 0.0) - dict(shown)[then].get(each, 0.0) for each in counters)


def test_a_step_is_not_undecided_for_want_of_numbers() -> None:
    telling = Telling()
    telling.universe.traffic.rps = 4.0
    telling.until_judged()
    telling.wait(290)  # of the 300 s that a step may take
    telling.fail()
    telling.wait(200)
    assert telling.release.status.phase is Phase.SHIFTING
    telling.fail(None)
    telling.universe.until(lambda: telling.release.status.phase is Phase.PAUSED, 10)
    assert telling.release.status.reason == "Inconclusive"


def test_past_the_deadline_the_release_is_rolled_back_and_told_why() -> None:
    telling = Telling()
    telling.until_judged()
    telling.fail()
    telling.wait(DEADLINE_S - 10)
    assert telling.release.active
    assert telling.end() is Phase.ROLLED_BACK
    assert telling.release.status.reason == "NoData"
    assert told(telling.universe, "NoData", lambda text: REFUSED in text and "no data on the canary" in text)
    assert telling.universe.left_behind() == []


def test_past_the_deadline_the_release_waits_for_a_person_where_the_policy_says_so() -> None:
    telling = Telling(action="pause")
    telling.until_judged()
    telling.fail()
    telling.universe.until(lambda: telling.release.status.phase is Phase.PAUSED, DEADLINE_S + 30)
    assert telling.release.status.reason == "NoData"
    assert told(telling.universe, "NoData", lambda text: REFUSED in text)
    telling.fail(None)
    telling.wait(30)
    assert telling.release.status.phase is Phase.PAUSED
    telling.universe.ask("resume")
    assert telling.end() is Phase.SUCCEEDED


def away(telling: Telling, seconds: float) -> None:
    """Nobody sees to anything for so long; then another controller begins, with passes before its first look."""
    telling.universe.parties.remove(telling.turn)
    telling.wait(seconds)
    telling.restart()
    telling.process.turn(looks=False)
    telling.universe.parties.append(telling.turn)


def test_a_controller_that_was_away_takes_its_own_absence_for_no_silence() -> None:
    telling = Telling(longest_step="1h")
    telling.until_judged()
    away(telling, DEADLINE_S + 10)
    assert telling.release.status.phase is Phase.SHIFTING
    telling.wait(3)
    assert telling.release.status.analysis.problem is None
    assert telling.end() is Phase.SUCCEEDED


def test_prometheus_that_comes_back_later_than_the_controller_has_its_deadline() -> None:
    """Both were lost with their node."""
    telling = Telling(longest_step="1h")
    telling.until_judged()
    telling.fail()
    away(telling, DEADLINE_S + 10)
    telling.wait(DEADLINE_S / 2)
    assert telling.release.status.phase is Phase.SHIFTING
    telling.fail(None)
    assert telling.end() is Phase.SUCCEEDED


def test_an_outage_ends_at_the_deadline_however_often_the_controller_is_started_anew() -> None:
    telling = Telling()
    telling.until_judged()
    telling.fail()
    for _ in range(4):
        telling.wait(DEADLINE_S / 5)
        telling.restart()
    assert telling.release.active
    telling.wait(DEADLINE_S / 5 + 4 * 15 + 10)  # a record may be 15 s behind
    assert telling.release.status.reason == "NoData"


def told(universe: Universe, reason: str, says: Callable[[str], bool]) -> bool:
    """Whether an Event of this reason says so."""
    events = universe.reader.list(EVENT, SHOP)
    return any(event["reason"] == reason and says(event["message"]) for event in events)
