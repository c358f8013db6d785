"""In mid-release Prometheus answers what none would: nothing advances, nothing is rolled back, nothing is counted."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from delivery.resources.release import Phase
from delivery.telemetry.access import Access
from delivery.telemetry.prometheus import MetricsSource, Point, Prometheus
from tests.scenarios.in_process import connected
from tests.scenarios.process import Process
from tests.scenarios.test_outages import Telling, place
from tests.telemetry.hostile import HOSTILE, answering
from tests.telemetry.test_access import serving

SIZE, MAX_BYTES, TIMEOUT_S = 3_000_000, 1_000_000, 0.3
REASONS = {
    "malformed": "NotPrometheus",
    "a-page": "NotPrometheus",
    "wrong-types": "NotPrometheus",
    "a-scalar": "BadQuery",
    "an-error": "ServerError",
    "another-instant": "OtherInstant or NotPrometheus",  # as one instant was asked for or several
    "elsewhere": "WrongAddress",
    "blanks": "TooLarge",
    "refusal": "BadQuery",
    "failure": "ServerError",
    "entries": "TooLarge",
    "depth": "TooLarge",
    "drops": "Slow",
}


class Turning:
    """A MetricsSource that is the universe's own until it is told to be another's."""

    def __init__(self, own: MetricsSource) -> None:
        self.asked = self._own = own

    def turn(self, to: MetricsSource | None) -> None:
        self.asked = to or self._own

    def query(self, promql: str, at: float, *, within_s: float | None = None) -> list[Point]:
        del within_s  # real time is short here
        return self.asked.query(promql, at)

    def query_range(self, promql: str, start: float, end: float, step: float) -> list[tuple[float, list[Point]]]:
        return self.asked.query_range(promql, start, end, step)

    def check(self) -> None:
        self.asked.check()


def test_whatever_is_answered_a_healthy_release_waits_and_then_goes_on() -> None:
    telling = Telling()
    source = Turning(telling.universe.traffic.prometheus)
    telling.process = Process(telling.universe, connected(telling.universe.pool), source=source)
    telling.until_judged()
    before, through = place(telling.release), telling.release.status.analysis.data_through
    assert before[0] is Phase.SHIFTING
    with ExitStack() as stack:
        server = stack.enter_context(serving(answering(SIZE)))
        for name, reason in REASONS.items():
            source.turn(Prometheus(Access(f"{server.url}/{name}", timeout_s=TIMEOUT_S, max_bytes=MAX_BYTES)))
            telling.wait(3)
            analysis = telling.release.status.analysis
            assert analysis.problem_reason in reason.split(" or "), (name, analysis.problem)
            assert (place(telling.release), analysis.data_through) == (before, through), name
    source.turn(None)
    assert telling.end() is Phase.SUCCEEDED
    telling.invariants.check()
    assert telling.release.status.analysis.problem is None


@pytest.mark.parametrize("name", sorted({*HOSTILE} - {*REASONS}))
def test_a_new_controller_that_gets_nothing_else_moves_nothing_either(name: str) -> None:
    telling = Telling()
    telling.until_judged()
    before, through = place(telling.release), telling.release.status.analysis.data_through
    with serving(answering(SIZE)) as server:
        source = Prometheus(Access(f"{server.url}/{name}", timeout_s=TIMEOUT_S, max_bytes=MAX_BYTES))
        turning = Turning(source)
        telling.process = Process(telling.universe, connected(telling.universe.pool), source=turning)
        telling.wait(5)
    assert (place(telling.release), telling.release.status.analysis.data_through) == (before, through)
    assert telling.release.status.analysis.problem
