"""One look for all releases; readings wait until they are counted, and what nobody judges is forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from threading import Event

import pytest

from delivery.errors import HeadgateError
from delivery.reconcile.checkpoints import SAVED_UP_S, WRITES_S
from delivery.reconcile.observation import HISTORY_AGAIN_S, Observation
from delivery.reconcile.watched_release import Newest, is_judged, need_of
from delivery.resources.release import Phase, Release, Stage
from delivery.telemetry.collector import Collector
from delivery.telemetry.memory import MemoryPrometheus
from delivery.telemetry.needs import Need
from delivery.telemetry.prometheus import Point
from delivery.telemetry.samples import StableHistory
from tests.conditions import eventually
from tests.decision.given import NOW, POLICY, release
from tests.reconcile.memory_cluster import StillClock
from tests.telemetry.istio_counters import requests

PATIENCE_S = 30.0


class Watched(Collector):
    """Remembers what it was asked, and fails once when told to."""

    def __init__(self, source: MemoryPrometheus) -> None:
        super().__init__(source, settle=0.5)
        self.asked: list[list[str]] = []
        self.mistake: Exception | None = None
        self.histories_asked: list[str] = []

    def histories(self, needs: Sequence[Need]) -> Mapping[str, StableHistory | HeadgateError]:
        self.histories_asked += [need.release for need in needs]
        return super().histories(needs)

    def ask(self, needs: Sequence[Need], now: float) -> None:
        self.asked.append(sorted(need.release for need in needs))
        if self.mistake:
            mistake, self.mistake = self.mistake, None
            raise mistake
        super().ask(needs, now)


class World:
    """Two releases, a Prometheus, and an Observation that runs."""

    def __init__(self, prometheus: MemoryPrometheus | None = None) -> None:
        self.clock = StillClock(NOW)
        self.prometheus = prometheus or MemoryPrometheus()
        self.collector = Watched(self.prometheus)
        self.active = [self.judged("web"), self.judged("api")]
        self.woken: list[str] = []
        self.observation = Observation(
            self.collector,
            self.clock,
            lambda: list(self.active),
            lambda release: self.woken.append(release.name),
            0.5,
        )

    def judged(self, name: str, through: float = NOW) -> Release:
        begun = release(Phase.SHIFTING, name=name)
        record = begun.status.analysis.model_copy(update={"started_at": NOW, "data_through": through})
        spec = begun.spec.model_copy(update={"deployment": name})
        return begun.model_copy(update={"spec": spec, "status": begun.status.model_copy(update={"analysis": record})})

    def let_go(self) -> None:
        assert isinstance(self.prometheus, Held)
        self.prometheus.let_go.set()

    def known(self, release: Release) -> Newest:
        known = self.observation.known(release)
        assert known is not None
        return known

    def woken_at_least(self, count: int) -> bool:
        return len(self.woken) >= count

    def serve(self, at: float, count: float) -> None:
        names = [each.spec.deployment for each in self.active]
        shown = {requests(w): count for name in names for w in (name, f"{name}-canary")}
        self.prometheus.scrape(at, "envoy", shown)

    def pass_to(self, at: float, count: float) -> None:
        self.serve(at, count)
        self.clock.time = at + 0.6


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    made.serve(NOW - 1, 10)
    made.observation.start()
    yield made
    made.observation.stop()


def test_all_releases_are_asked_for_at_once_and_their_passes_woken(world: World) -> None:
    world.pass_to(NOW + 2, 20)
    eventually(lambda: len(world.woken) == 2)
    assert world.collector.asked == [["shop/api", "shop/web"]]
    assert sorted(world.woken) == ["api", "web"]
    known = world.known(world.active[0])
    record, look = known.record, known.look
    assert record.data_through == NOW + 2
    assert look is not None
    assert (look.canary_requests, look.at) == (10, NOW + 2.6)
    assert known.due, "a few releases are recorded at every look"


def test_it_is_the_turn_of_a_record_until_the_release_is_heard_of_with_it(world: World) -> None:
    world.pass_to(NOW + 2, 20)
    eventually(partial(world.woken_at_least, 2))
    first = world.active[0]
    recorded = first.status.model_copy(update={"analysis": world.known(first).record})
    world.active[0] = first.model_copy(update={"status": recorded, "resource_version": "2"})
    eventually(lambda: not world.known(world.active[0]).due)


def test_records_of_many_are_written_in_turns_between_the_looks() -> None:
    world = World()
    world.active = [known_noise(world.judged(f"web-{number:02}")) for number in range(40)]
    world.serve(NOW - 1, 10)
    world.observation.start()
    try:
        world.pass_to(NOW + 2, 20)
        eventually(lambda: len(world.woken) == WRITES_S * SAVED_UP_S)
        world.clock.time += 1.0
        eventually(lambda: len(world.woken) == WRITES_S * (SAVED_UP_S + 1.0))
        assert len(world.collector.asked) == 1
        assert len(set(world.woken)) == len(world.woken)
    finally:
        world.observation.stop()


def test_the_history_is_asked_for_once_and_what_it_taught_is_in_the_record(world: World) -> None:
    for number in (1, 2, 3):
        world.pass_to(NOW + 2 * number, 10 + 10 * number)
        eventually(partial(world.woken_at_least, 2 * number))
    assert sorted(world.collector.histories_asked) == ["shop/api", "shop/web"]
    assert world.known(world.active[0]).record.dispersion is not None


def test_a_history_that_could_not_be_had_is_asked_for_again_a_minute_later(world: World) -> None:
    world.prometheus.down = "refused"
    world.pass_to(NOW + 2, 20)
    eventually(partial(world.woken_at_least, 2))
    world.prometheus.down = None
    world.pass_to(NOW + 4, 30)
    eventually(partial(world.woken_at_least, 4))
    assert len(world.collector.histories_asked) == 2
    assert world.known(world.active[0]).record.dispersion is None
    world.pass_to(NOW + 4 + HISTORY_AGAIN_S, 40)
    eventually(partial(world.woken_at_least, 6))
    assert len(world.collector.histories_asked) == 4
    assert world.known(world.active[0]).record.dispersion is not None


def test_what_is_known_goes_on_beyond_the_record(world: World) -> None:
    for number in (1, 2, 3):
        world.pass_to(NOW + 2 * number, 10 + 10 * number)
        eventually(partial(world.woken_at_least, 2 * number))
    known = world.known(world.active[0])
    record, look = known.record, known.look
    assert record.data_through == NOW + 6
    assert look is not None
    assert look.canary_requests == 30


def test_a_record_that_goes_further_is_the_newest(world: World) -> None:
    world.pass_to(NOW + 2, 20)
    eventually(partial(world.woken_at_least, 2))
    assert world.observation.known(world.judged("web", NOW + 4)) is None


def test_what_is_recorded_already_is_nothing_new(world: World) -> None:
    world.pass_to(NOW + 2, 20)
    eventually(partial(world.woken_at_least, 2))
    stored = world.judged("web", NOW + 2 + 4e-7)  # instants are stored to the microsecond
    record = stored.status.analysis.model_copy(update={"silent": world.known(world.active[0]).record.silent})
    stored = stored.model_copy(update={"status": stored.status.model_copy(update={"analysis": record})})
    assert world.known(stored).record is stored.status.analysis


def test_a_record_that_was_read_back_is_the_same_that_was_written(world: World) -> None:
    world.pass_to(NOW + 2, 20)
    eventually(partial(world.woken_at_least, 2))
    stored = world.judged("web")
    rounded = stored.status.analysis.model_copy(update={"started_at": NOW + 4e-7})
    read_back = stored.model_copy(update={"status": stored.status.model_copy(update={"analysis": rounded})})
    assert world.known(read_back).record.data_through == NOW + 2


def test_a_look_at_another_step_is_none(world: World) -> None:
    world.pass_to(NOW + 2, 20)
    eventually(partial(world.woken_at_least, 2))
    advanced = world.active[0].model_copy(update={"status": world.active[0].status.model_copy(update={"step": 1})})
    known = world.known(advanced)
    record, look = known.record, known.look
    assert record.data_through == NOW + 2
    assert look is None


def test_a_look_of_long_ago_is_none_while_there_are_no_answers(world: World) -> None:
    world.pass_to(NOW + 2, 20)
    eventually(partial(world.woken_at_least, 2))
    world.prometheus.down = "refused"
    world.clock.time = NOW + 60
    eventually(lambda: len(world.collector.asked) == 2)
    eventually(lambda: world.known(world.active[0]).look is None)
    assert world.known(world.active[0]).record.data_through == NOW + 2


def test_an_instant_is_asked_for_once_also_when_it_brought_nothing(world: World) -> None:
    world.prometheus.down = "refused"
    world.pass_to(NOW + 2, 20)
    eventually(lambda: len(world.woken) == 2)
    assert [world.known(each).record.problem for each in world.active] == ["refused"] * 2
    world.prometheus.down = None
    world.pass_to(NOW + 4, 30)
    eventually(lambda: len(world.woken) == 4)
    known = world.known(world.active[0])
    record, look = known.record, known.look
    assert record.problem is None
    assert look is not None
    assert look.canary_requests == 20  # nothing of the outage is lost
    assert len(world.collector.asked) == 2


def test_a_release_that_ended_is_forgotten(world: World) -> None:
    ended = world.active[0]
    world.pass_to(NOW + 2, 20)
    eventually(lambda: world.observation.known(ended))
    world.active = world.active[1:]
    eventually(lambda: world.observation.known(ended) is None)
    assert world.known(world.active[0])


def test_a_look_that_fails_by_a_defect_is_not_the_last(world: World) -> None:
    world.collector.mistake = ZeroDivisionError("a defect")
    world.pass_to(NOW + 2, 20)
    eventually(lambda: len(world.collector.asked) == 1)
    world.pass_to(NOW + 4, 30)
    eventually(lambda: len(world.woken) == 2)


def test_nothing_to_judge_asks_nothing_until_it_is_stirred() -> None:
    world = World()
    waiting, world.active = world.active, []
    world.observation.start()
    try:
        world.pass_to(NOW + 2, 20)
        assert world.collector.asked == []
        world.active = waiting
        world.observation.stir()
        eventually(lambda: world.collector.asked)
    finally:
        world.observation.stop()


class Held(MemoryPrometheus):
    """Whose answers about one workload, or histories if told so, are not there before they are let go."""

    def __init__(self, histories: bool = False) -> None:
        super().__init__()
        self.let_go = Event()
        self.histories = histories

    def query(self, promql: str, at: float, *, within_s: float | None = None) -> list[Point]:
        if not self.histories and ('"api' in promql or "|api" in promql):
            self.let_go.wait(PATIENCE_S)
        return super().query(promql, at, within_s=within_s)

    def query_range(self, promql: str, start: float, end: float, step: float) -> list[tuple[float, list[Point]]]:
        if self.histories and end - start > 60:
            self.let_go.wait(PATIENCE_S)
        return super().query_range(promql, start, end, step)


@pytest.fixture
def held() -> Iterator[World]:
    """`api` is looked at every 10 s, `web` every 2 s."""
    made = World(Held())
    api = made.active[1]
    policy = {**POLICY, "analysis": {**POLICY["analysis"], "interval": "10s"}}
    made.active[1] = api.model_copy(update={"spec": api.spec.model_copy(update={"policy": policy})})
    made.active = [known_noise(release) for release in made.active]
    made.serve(NOW - 1, 10)
    made.observation.start()
    yield made
    made.let_go()
    made.observation.stop()


def known_noise(release: Release) -> Release:
    record = release.status.analysis.model_copy(update={"dispersion": 1.0})
    return release.model_copy(update={"status": release.status.model_copy(update={"analysis": record})})


def through(world: World, number: int) -> float | None:
    known = world.observation.known(world.active[number])
    return known.record.data_through if known else None


def has_come(world: World, to: float) -> bool:
    return through(world, 0) == to


def test_an_answer_that_is_slow_to_come_holds_up_no_others_next_look(held: World) -> None:
    for number in range(1, 8):
        held.pass_to(NOW + 2 * number, 10 + 10 * number)
        eventually(partial(has_come, held, NOW + 2 * number))
    assert through(held, 1) is None
    assert [asked.count("shop/api") for asked in held.collector.asked] == [0, 0, 0, 0, 1, 0, 0], "one at a time"
    held.let_go()
    eventually(lambda: through(held, 1) == NOW + 10)
    held.pass_to(NOW + 20, 300)
    eventually(lambda: through(held, 1) == NOW + 20)


def test_an_answer_to_what_somebody_else_has_counted_meanwhile_is_not_counted(held: World) -> None:
    held.pass_to(NOW + 10, 60)
    eventually(lambda: through(held, 0) == NOW + 10)
    ahead = held.judged("api", NOW + 10)
    spec = held.active[1].spec
    held.active[1] = known_noise(ahead.model_copy(update={"spec": spec}))
    held.pass_to(NOW + 12, 60)
    eventually(lambda: through(held, 0) == NOW + 12)  # by then it was heard of
    held.let_go()
    held.pass_to(NOW + 20, 100)
    eventually(lambda: through(held, 1) == NOW + 20)
    look = held.known(held.active[1]).look
    assert look is not None
    assert look.canary_requests == 40


def test_a_history_that_is_slow_to_come_holds_up_its_release_for_an_interval_only() -> None:
    world = World(Held(histories=True))
    world.serve(NOW - 1, 10)
    world.observation.start()
    try:
        world.pass_to(NOW + 2, 20)
        eventually(lambda: world.collector.histories_asked)
        assert world.collector.asked == []
        world.pass_to(NOW + 5, 30)
        eventually(lambda: through(world, 0) == NOW + 4)
        world.let_go()
        world.pass_to(NOW + 7, 40)
        eventually(lambda: world.known(world.active[0]).record.dispersion is not None)
    finally:
        world.let_go()
        world.observation.stop()


@pytest.mark.parametrize(
    ("phase", "stage", "judged"),
    [
        (Phase.PREPARING, Stage.CANARY, False),
        (Phase.SHIFTING, Stage.NONE, True),
        (Phase.PAUSED, Stage.NONE, True),
        (Phase.PROMOTING, Stage.SHIFT_ALL, True),
        (Phase.PROMOTING, Stage.ROLL_OUT, False),
        (Phase.STALLED, Stage.NONE, False),
        (Phase.ROLLING_BACK, Stage.WITHDRAW, False),
        (Phase.SUCCEEDED, Stage.NONE, False),
    ],
)
def test_what_is_judged(phase: Phase, stage: Stage, judged: bool) -> None:
    begun = World().judged("web")
    status = begun.status.model_copy(update={"phase": phase, "stage": stage})
    assert is_judged(begun.model_copy(update={"status": status})) is judged
    early = status.model_copy(update={"analysis": status.analysis.model_copy(update={"started_at": None})})
    assert not is_judged(begun.model_copy(update={"status": early}))


def test_a_need_is_by_the_releases_own_policy() -> None:
    need = need_of(World().judged("web", NOW + 4))
    assert (need.release, need.namespace) == ("shop/web", "shop")
    assert (need.stable_name, need.canary_name) == ("web", "web-canary")
    assert (need.interval, need.data_through, need.latency) == (2.0, NOW + 4, True)
    assert POLICY["analysis"]["interval"] == "2s"
