"""The live view of a Release on a terminal."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from delivery.api.board import summary_of
from delivery.cli.live_view import live_view
from delivery.resources.release import Phase, Release
from tests.decision.given import NOW
from tests.report.records import rolled_back


def seen(summary: dict[str, Any] | None) -> str:
    console = Console(file=io.StringIO(), record=True, width=100, force_terminal=False)
    console.print(live_view(summary, "shop/web", NOW + 30))
    return console.export_text()


def shifting() -> Release:
    return rolled_back(Phase.SHIFTING, finished_at=None, message="looking")


def test_both_arms_with_their_intervals_and_the_evidence() -> None:
    shown = seen(summary_of(shifting()))
    for part in (
        "Shifting  looking",
        "stable errors",
        "1.00%  (0.54% to 1.83%, 10 of 1000)",
        "10.00%  (5.52% to 17.44%, 10 of 100)",
        "4.7 of 4.6",
        "-2.0 of 3.0",
    ):
        assert part in shown, shown
    lines = {" ".join(line.strip("│ ").split()) for line in shown.splitlines()}
    assert {"stable p50 1 to 10 ms", "canary p50 1 to 25 ms", "canary p99 more than 25 ms"} <= lines


def test_before_anything_was_judged_and_before_there_is_a_release() -> None:
    assert "errors" not in seen(summary_of(rolled_back(Phase.SHIFTING, evidence=None, decisions=())))
    assert "shop/web: no such release yet" in seen(None)


def test_a_question_is_shown() -> None:
    paused = rolled_back(Phase.PAUSED, reason="AwaitingApproval", finished_at=None)
    assert "approve it, or abort it" in seen(summary_of(paused))
