"""Work in lanes: what is slow in one holds up none in another, and what it raises is raised where it is asked for."""

from __future__ import annotations

from functools import partial
from threading import Event

import pytest

from delivery.telemetry.lanes import InlineLanes, Lanes, ThreadLanes

PATIENCE_S = 30.0


@pytest.mark.parametrize("lanes", [ThreadLanes(), InlineLanes()], ids=["threads", "inline"])
def test_what_work_finds_or_raises_is_there(lanes: Lanes) -> None:
    assert lanes.submit("a", lambda: 7).result(PATIENCE_S) == 7
    with pytest.raises(ZeroDivisionError):
        lanes.submit("a", lambda: 1 / 0).result(PATIENCE_S)


def test_a_lane_that_is_full_holds_up_no_other() -> None:
    lanes, let_go = ThreadLanes(), Event()
    slow = [lanes.submit("slow", lambda: let_go.wait(PATIENCE_S)) for _ in range(9)]
    assert lanes.submit("quick", lambda: "done").result(PATIENCE_S) == "done"
    let_go.set()
    assert all(each.result(PATIENCE_S) for each in slow)


def test_one_at_once_runs_in_order() -> None:
    lanes, seen = ThreadLanes(), list[int]()
    for each in [lanes.submit("a", partial(seen.append, number), 1) for number in range(50)]:
        each.result(PATIENCE_S)
    assert seen == [*range(50)]


def test_more_kinds_than_there_are_lanes_share_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delivery.telemetry.lanes.LANES", 2)
    lanes = ThreadLanes()
    assert [lanes.submit(kind, lambda: 1).result(PATIENCE_S) for kind in range(6)] == [1] * 6
