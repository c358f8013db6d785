"""Which lines of a history are news, and which were told of already."""

from __future__ import annotations

import pytest

from delivery.clock import from_rfc3339, to_rfc3339
from delivery.notify.news import news_of
from delivery.resources.notified import notified_annotation, notified_until
from delivery.resources.release import Phase, release_from_object, spec_object, status_object
from tests.notify.given import NOW, STORY, lines, release

ALL = 0.0
PREPARED = (Phase.PREPARING, "Started")
SHIFTED = (Phase.SHIFTING, "CanaryReady")
UNWINDING = (Phase.ROLLING_BACK, "EvidenceAgainstCanary")


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (STORY, ["started", "paused", "promoted"]),
        ([PREPARED, SHIFTED, UNWINDING, (Phase.ROLLED_BACK, "EvidenceAgainstCanary")], ["started", "rolledBack"]),
        ([PREPARED, SHIFTED, UNWINDING, (Phase.SUPERSEDED, "NewTemplate")], ["started", "superseded"]),
        ([PREPARED, SHIFTED, UNWINDING, (Phase.BYPASSED, "Unpaused")], ["started", "bypassed"]),
        ([PREPARED, UNWINDING, (Phase.FAILED, "RouteInvalid")], ["started", "failed"]),
        ([(Phase.FAILED, "NameTaken")], ["failed"]),
        ([PREPARED, SHIFTED, (Phase.SHIFTING, "Advancing")], ["started"]),
        (
            [PREPARED, (Phase.PROMOTING, "Healthy"), (Phase.STALLED, "Stuck"), (Phase.PROMOTING, "Resumed")],
            ["started", "stalled"],
        ),
        ([PREPARED, (Phase.PAUSED, "NoData"), (Phase.PAUSED, "RouteContested")], ["started", "paused", "paused"]),
        ([PREPARED, (Phase.PAUSED, "NoData"), (Phase.PAUSED, "NoData")], ["started", "paused"]),
    ],
)
def test_what_is_news_in_a_history(steps: list[tuple[Phase, str]], told: list[str]) -> None:
    assert [news.kind for news in news_of(release(lines(*steps)), (), ALL)] == told


def test_every_phase_that_a_release_ends_in_is_news() -> None:
    for phase in Phase:
        if phase.final:
            assert len(news_of(release(lines((phase, "Ended"))), (), ALL)) == 1, phase


def test_a_release_with_nothing_to_judge_starts_with_its_promotion() -> None:
    history = lines((Phase.PROMOTING, "Light"), (Phase.STALLED, "Stuck"), (Phase.PROMOTING, "Resumed"))
    assert [news.kind for news in news_of(release(history, light=True), (), ALL)] == ["started", "stalled"]
    assert [news.kind for news in news_of(release(history), (), ALL)] == ["stalled"]


@pytest.mark.parametrize(
    ("reason", "asked", "verbs"),
    [
        ("AwaitingApproval", "approve it, or abort it", ("approve", "abort")),
        ("NoData", "resume it, promote it, or abort it", ("resume", "promote", "abort")),
    ],
)
def test_what_is_asked_of_a_person_is_told_while_it_is(reason: str, asked: str, verbs: tuple[str, ...]) -> None:
    *_, paused = news_of(release(lines(PREPARED, (Phase.PAUSED, reason))), (), ALL)
    assert paused.question is not None
    assert (paused.question.text, paused.question.verbs) == (asked, verbs)
    _, paused = news_of(release(lines(PREPARED, (Phase.PAUSED, reason), (Phase.SHIFTING, "Resumed"))), (), ALL)
    assert paused.question is None


def test_what_was_told_is_not_told_again() -> None:
    history = lines(*STORY)
    for at, line in enumerate(history):
        told = [news.kind for news in news_of(release(history), (line.at,), ALL)]
        assert told == [news.kind for news in news_of(release(history), (), ALL) if news.line.at > line.at], at


def test_of_two_marks_the_later_counts() -> None:
    history = lines(*STORY)
    assert [news.kind for news in news_of(release(history), (history[2].at, history[0].at), ALL)] == ["promoted"]


def test_a_later_line_with_an_earlier_time_is_told_all_the_same() -> None:
    former, *_, last = lines((Phase.PAUSED, "NoData"), SHIFTED, (Phase.ROLLED_BACK, "Aborted"))
    last = last.model_copy(update={"at": former.at - 5})  # another leader, whose clock is behind
    assert [news.kind for news in news_of(release((former, last)), (former.at,), ALL)] == ["rolledBack"]


def test_a_mark_whose_line_was_cut_off_counts_by_its_time() -> None:
    history = lines(*STORY)
    assert [news.kind for news in news_of(release(history[2:]), (history[1].at,), ALL)] == ["paused", "promoted"]


def test_without_a_mark_only_what_is_recent_is_news() -> None:
    history = lines(*STORY, at=NOW - 3602)
    assert [news.kind for news in news_of(release(history), (), NOW - 3600)] == ["paused", "promoted"]
    assert news_of(release(lines(*STORY, at=NOW - 9000)), (), NOW - 3600) == ()
    marked = (lines(*STORY, at=NOW - 9000)[0].at,)
    assert len(news_of(release(lines(*STORY, at=NOW - 9000)), marked, NOW - 3600)) == 2


def test_an_id_is_the_same_before_and_after_it_was_stored() -> None:
    made = release(lines(*STORY, at=NOW + 0.123456789))
    meta = {"name": made.name, "namespace": made.namespace, "uid": made.uid}
    stored = {"metadata": meta, "spec": spec_object(made.spec), "status": status_object(made.status)}
    ids = [news.id for news in news_of(made, (), ALL)]
    assert ids == [news.id for news in news_of(release_from_object(stored), (), ALL)]
    assert len(set(ids)) == 3
    assert not any("." in each for each in ids)  # what is signed of a webhook has its parts between dots


def test_a_mark_is_read_as_it_was_written_and_an_edited_one_is_none() -> None:
    at = from_rfc3339(to_rfc3339(NOW + 0.123456789))
    written = {**notified_annotation("chat", at), **notified_annotation("ci", NOW)}
    assert notified_until({**written, "notified.headgate.dev/edited": "yesterday", "other": "x"}) == {
        "chat": at,
        "ci": NOW,
    }
