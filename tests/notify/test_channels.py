"""Channels against an API server of dictionaries: what is sent, once, by whom, and what it must never hold up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tenacity import Future, RetryCallState, Retrying

from delivery.cluster.kinds import RELEASE
from delivery.errors import Unavailable
from delivery.notify.backlog import Backlog, Owed
from delivery.notify.channel import NOT_DELIVERED, Patience
from delivery.notify.news import NewsKind
from delivery.notify.notifier import UNKNOWN_CHANNEL
from delivery.notify.sending import NotAccepted, NotDelivered
from delivery.resources.notified import notified_annotation
from delivery.resources.release import Phase, Release
from tests.conditions import eventually
from tests.notify.given import NOW, QUICK, STORY, Outbox, World, lines, release
from tests.reconcile.memory_cluster import StillClock

HISTORY = lines(*STORY)
ENDED = [(Phase.PREPARING, "Started"), (Phase.ROLLING_BACK, "Aborted"), (Phase.ROLLED_BACK, "Aborted")]
DOWN = NotDelivered("the other end is down")


@pytest.fixture
def clock() -> StillClock:
    return StillClock(NOW)


@pytest.fixture
def world(clock: StillClock) -> Iterator[World]:
    made = World(clock)
    yield made
    made.stop()


def until(lines_told: int) -> Release:
    """The Release after so many lines of the story."""
    return release(HISTORY[:lines_told])


def test_each_step_is_told_once_and_marked(world: World) -> None:
    outbox = Outbox()
    world.replica({"chat": outbox})
    for told in range(1, len(HISTORY) + 1):
        world.becomes(until(told))
        world.heard(until(told).name)
    world.marked("chat", HISTORY[-1].at)
    world.heard(until(1).name)  # with the mark on it
    world.becomes(release(HISTORY, name="web-other"))
    world.marked("chat", HISTORY[-1].at, "web-other")
    assert outbox.kinds == ["started", "paused", "promoted"] * 2
    assert len({message.id for message in outbox.taken}) == 6


def test_what_is_heard_again_before_the_mark_is_heard_is_not_told_again(world: World) -> None:
    outbox = Outbox()
    replica = world.replica({"chat": outbox})
    world.becomes(until(3))
    world.marked("chat", HISTORY[2].at)
    stale = until(3)  # without the mark
    assert stale.notified == {}
    replica.told((stale.namespace, stale.name), stale)
    world.becomes(until(6))
    world.marked("chat", HISTORY[5].at)
    assert outbox.kinds == ["started", "paused", "promoted"]


def test_down_then_up_is_delivered_once_and_in_order(world: World) -> None:
    outbox = Outbox(problem=DOWN)
    replica = world.replica({"chat": outbox})
    for told in range(1, len(HISTORY) + 1):
        world.becomes(until(told))
    eventually(lambda: len(outbox.tried) > 3)
    assert set(outbox.tried) == {outbox.tried[0]}  # the later ones wait for their turn
    outbox.problem = None
    world.marked("chat", HISTORY[-1].at)
    assert outbox.kinds == ["started", "paused", "promoted"]
    assert replica.counts["chat", "delivered"] == 3
    assert replica.counts["chat", "retried"] == len(outbox.tried) - 3
    assert ("chat", "failed") not in replica.counts


def test_one_channel_that_is_stuck_holds_up_no_other_and_nobody_who_tells(world: World) -> None:
    stuck, sound = Outbox(), Outbox()
    stuck.open.clear()
    world.replica({"stuck": stuck, "sound": sound})
    for number in range(50):
        world.becomes(release(HISTORY[:1], name=f"web-{number}"))  # returns: an informer's thread would wait here
    eventually(lambda: len(sound.taken) == 50)
    assert (len(stuck.tried), len(stuck.taken)) == (1, 0)
    stuck.open.set()
    eventually(lambda: len(stuck.taken) == 50)


@pytest.mark.parametrize(
    ("problem", "give_up_s", "said"),
    [
        (DOWN, 0.05, "channel chat was not told that the release is started within 50ms: the other end is down"),
        (NotAccepted("no more"), 60, "channel chat was not told that the release is started: no more"),
    ],
)
def test_what_is_given_up_is_said_on_the_release_and_the_next_is_told(
    world: World, problem: Exception, give_up_s: float, said: str
) -> None:
    world.patience = Patience(first_s=0.01, longest_s=0.02, give_up_s=give_up_s, again_s=0.01)
    outbox = Outbox(problem=problem)
    replica = world.replica({"chat": outbox})
    world.becomes(until(1))
    world.marked("chat", HISTORY[0].at)
    assert world.warnings == [(until(1).name, NOT_DELIVERED, said)]
    assert replica.counts["chat", "failed"] == 1
    outbox.problem = None
    world.becomes(until(3))
    world.marked("chat", HISTORY[2].at)
    assert outbox.kinds == ["paused"]


def test_a_restart_tells_nothing_twice_and_what_was_not_told(world: World) -> None:
    first, second = Outbox(), Outbox()
    before = world.replica({"chat": first})
    world.becomes(until(1))
    world.marked("chat", HISTORY[0].at)
    before.stop()
    world.becomes(until(3), heard=False)
    world.replica({"chat": second})
    world.marked("chat", HISTORY[2].at)
    assert (first.kinds, second.kinds) == (["started"], ["paused"])


def test_a_stop_amid_retries_leaves_the_message_to_whoever_comes(world: World) -> None:
    first, second = Outbox(problem=DOWN), Outbox()
    before = world.replica({"chat": first})
    world.becomes(until(1))
    eventually(lambda: first.tried)
    before.stop()
    assert world.mark("chat") is None
    assert world.warnings == []
    world.replica({"chat": second})
    world.marked("chat", HISTORY[0].at)
    assert [message.id for message in second.taken] == first.tried[:1]


def test_another_leader_takes_over_without_loss_or_repetition(world: World) -> None:
    leader = ["one"]
    outboxes = {name: Outbox() for name in ("one", "other")}
    replicas = {
        name: world.replica({"chat": outbox}, lambda *_, name=name: leader == [name])
        for name, outbox in outboxes.items()
    }
    world.becomes(until(1))
    world.marked("chat", HISTORY[0].at)
    leader.clear()  # it died
    world.becomes(until(3))
    leader.append("other")
    replicas["other"].gained()
    world.marked("chat", HISTORY[2].at)
    world.becomes(until(6))
    world.marked("chat", HISTORY[5].at)
    assert outboxes["one"].kinds == ["started"]
    assert outboxes["other"].kinds == ["paused", "promoted"]


def test_a_new_leader_believes_the_api_server_not_what_it_heard(world: World) -> None:
    leading: list[str] = []
    outbox = Outbox()
    replica = world.replica({"chat": outbox}, lambda *_: bool(leading))
    world.becomes(until(3))
    name = until(3).name
    mark = {"metadata": {"annotations": notified_annotation("chat", HISTORY[0].at)}}
    world.cluster.patch(RELEASE, name, "shop", mark)  # by the last leader, and not heard of here yet
    leading.append("yes")
    replica.gained()
    world.marked("chat", HISTORY[2].at)
    assert outbox.kinds == ["paused"]


def test_a_leader_that_was_deposed_while_it_sent_does_not_mark(world: World) -> None:
    leading = ["yes"]
    outbox = Outbox()
    outbox.open.clear()
    replica = world.replica({"chat": outbox}, lambda *_: bool(leading))
    world.becomes(until(1))
    eventually(lambda: outbox.tried)
    leading.clear()
    outbox.open.set()
    eventually(lambda: replica.counts.get(("chat", "delivered")))
    replica.stop()
    assert world.mark("chat") is None  # at least once: the next leader tells it again, with the same id


def test_whoever_does_not_lead_sends_nothing_and_asks_nothing(world: World) -> None:
    idle, leader = Outbox(), Outbox()
    asked: list[str] = []

    def leads(_namespace: str, deployment: str) -> bool:
        asked.append(deployment)
        return False

    replica = world.replica({"chat": idle}, leads)
    world.becomes(until(3))
    eventually(lambda: len(asked) > 1)  # asked, and asked again before it was put aside
    replica.stop()
    assert (idle.tried, world.cluster.reads, world.mark("chat")) == ([], 0, None)
    world.replica({"chat": leader})
    world.marked("chat", HISTORY[2].at)


def test_a_mark_that_cannot_be_written_repeats_nothing_in_this_process(world: World) -> None:
    outbox = Outbox()
    world.replica({"chat": outbox})
    world.cluster.broken = Unavailable("down")
    world.becomes(until(1))
    eventually(lambda: outbox.kinds == ["started"])
    world.cluster.broken = None
    world.becomes(until(3))
    world.marked("chat", HISTORY[2].at)
    assert outbox.kinds == ["started", "paused"]


def test_a_first_installation_does_not_flood(world: World, clock: StillClock) -> None:
    outbox = Outbox()
    world.becomes(release(lines(*STORY, at=NOW - 9000), name="web-old"), heard=False)
    world.becomes(release(lines(*STORY, at=NOW - 3602), name="web-recent"), heard=False)
    world.replica({"chat": outbox})
    world.marked("chat", NOW - 3597, "web-recent")
    assert outbox.kinds == ["paused", "promoted"]
    assert world.mark("chat", "web-old") is None


def test_what_waited_for_long_is_told_all_the_same(world: World, clock: StillClock) -> None:
    outbox = Outbox(problem=DOWN)
    world.replica({"chat": outbox})
    world.becomes(release(HISTORY[:1], name="web-first"))
    eventually(lambda: outbox.tried)
    world.becomes(release(HISTORY[:1], name="web-second"))
    clock.time += 7200
    outbox.problem = None
    world.marked("chat", HISTORY[0].at, "web-second")


def test_a_release_that_is_deleted_as_it_ends_is_told_of_from_memory(world: World) -> None:
    outbox = Outbox()
    outbox.open.clear()
    world.replica({"chat": outbox})
    world.becomes(until(1))
    eventually(lambda: outbox.tried)  # the channel is busy meanwhile
    ended = release(lines(*ENDED), name="web-gone").model_copy(update={"deleting": True})
    world.becomes(ended)
    world.gone("web-gone")
    world.becomes(release(HISTORY[:1], name="web-also-gone"))
    world.gone("web-also-gone")
    outbox.open.set()
    eventually(lambda: outbox.kinds == ["started", "started", "rolledBack"])
    assert [message.release.name for message in outbox.taken] == [until(1).name, "web-gone", "web-gone"]


def test_a_channel_gets_the_kinds_and_namespaces_it_asked_for(world: World) -> None:
    kinds, elsewhere = Outbox(), Outbox()
    world.replica({"kinds": kinds}, kinds=frozenset({NewsKind.PROMOTED}))
    world.replica({"elsewhere": elsewhere}, namespaces=frozenset({"payments"}))
    world.becomes(until(6))
    world.marked("kinds", HISTORY[-1].at)
    assert (kinds.kinds, elsewhere.tried) == (["promoted"], [])


@pytest.mark.parametrize(
    ("named", "told"),
    [(None, {"chat", "ci"}), (["ci"], {"ci"}), ([], set())],
)
def test_a_policy_chooses_among_the_channels(world: World, named: list[str] | None, told: set[str]) -> None:
    outboxes = {"chat": Outbox(), "ci": Outbox()}
    replica = world.replica(outboxes)
    world.becomes(release(HISTORY[:1], channels=named))
    world.becomes(release(HISTORY[:1], name="web-other"))  # for all: each channel has had its turn by then
    for channel in outboxes:
        world.marked(channel, HISTORY[0].at, "web-other")
    replica.stop()
    releases = {name: [each.release.name for each in outbox.taken] for name, outbox in outboxes.items()}
    assert {name for name, found in releases.items() if release(HISTORY).name in found} == told
    assert world.warnings == []


def test_a_policy_that_names_no_channel_of_ours_is_said_once_and_the_others_are_told(world: World) -> None:
    outbox = Outbox()
    replica = world.replica({"chat": outbox, "ci": Outbox()})
    world.becomes(release(HISTORY[:1], channels=["chta", "chat"]))
    world.marked("chat", HISTORY[0].at)
    world.marked(UNKNOWN_CHANNEL, HISTORY[0].at)
    replica.stop()
    world.replica({"chat": outbox, "ci": Outbox()})
    world.becomes(release(HISTORY[:3], channels=["chta", "chat"]))
    world.marked("chat", HISTORY[2].at)
    said = (
        "policy standard: spec.notifications.channels names chta, which the controller's --notifications file does not "
        "have; it has chat, ci; correct the name or add the channel"
    )
    assert world.warnings == [(release(HISTORY).name, UNKNOWN_CHANNEL, said)]
    assert outbox.kinds == ["started", "paused"]


def test_a_defect_in_one_message_does_not_end_the_channel(world: World) -> None:
    outbox = Outbox(problem=ZeroDivisionError())
    world.replica({"chat": outbox})
    world.becomes(release(HISTORY[:1], name="web-odd"))
    eventually(lambda: outbox.tried)
    outbox.problem = None
    world.becomes(release(HISTORY[:1], name="web-sound"))
    world.marked("chat", HISTORY[0].at, "web-sound")


def test_a_backlog_is_bounded_and_the_oldest_goes_first() -> None:
    backlog = Backlog("chat", limit=3)
    for number in range(10_000):
        backlog.add(("shop", f"web-{number}"), Owed("web", NOW))
        backlog.add(("shop", f"web-{number}"), Owed("web", NOW + 1))
    assert len(backlog) == 3
    taken = [backlog.take() for _ in range(3)]
    assert taken == [(("shop", f"web-{number}"), Owed("web", NOW)) for number in (9997, 9998, 9999)]


def test_what_comes_while_it_is_told_stays_owed_and_what_is_put_aside_waits() -> None:
    backlog, key = Backlog("chat"), ("shop", "web")
    backlog.add(key, Owed("web", NOW))
    assert backlog.take() == (key, Owed("web", NOW))
    backlog.add(key, Owed("web", NOW + 5))
    backlog.put_aside(key, Owed("web", NOW))
    assert backlog.take() == (key, Owed("web", NOW))  # ready, and since the earlier time
    backlog.put_aside(key, Owed("web", NOW))
    backlog.add(("shop", "other"), Owed("other", NOW))
    assert backlog.take() == (("shop", "other"), Owed("other", NOW))
    backlog.again()
    assert backlog.take() == (key, Owed("web", NOW))
    backlog.close()
    assert backlog.take() is None


def test_the_waits_between_attempts_grow_and_the_receiver_may_ask_for_longer_ones() -> None:
    def after(attempt: int, problem: Exception, patience: Patience = QUICK) -> float:
        state = RetryCallState(Retrying(), None, (), {})
        state.attempt_number = attempt
        state.outcome = Future(attempt)
        state.outcome.set_exception(problem)
        return patience.between(state)

    patience = Patience(first_s=1, longest_s=60)
    for attempt, least in ((1, 1), (4, 8), (7, 60), (30, 60)):
        assert least <= after(attempt, DOWN, patience) <= min(least + 1, 60), attempt
    assert after(1, NotDelivered("busy", after=30), patience) == 30
    assert after(1, NotDelivered("busy", after=9000), patience) == 60
    assert after(1, NotDelivered("busy", after=0), patience) == 1
