"""The numbers under the verdict: what was seen, what it cost, who had a say."""

from __future__ import annotations

from delivery.report.key_figures import FigureView, key_figures
from delivery.report.view import view
from delivery.resources.release import Release
from tests.decision.given import NOW
from tests.report.fifteen_minutes import fifteen_minutes
from tests.report.records import look, promoted_by_ann, rolled_back, unusual


def figures(made: Release) -> dict[str, FigureView]:
    return {figure.name: figure for figure in key_figures(view(made, NOW + 60))}


def test_both_arms_the_evidence_and_the_cost_come_first() -> None:
    told = figures(rolled_back())
    assert told["Canary's error rate"].value == "10 %"
    assert told["Canary's error rate"].note == "3 % to 30 %; stable 1 % (0.5 % to 2 %)"
    assert (told["Canary's latency, p99"].value, told["Canary's latency, p99"].note) == (
        "more than 25 ms",
        "stable 10 to 25 ms",
    )
    assert (told["Evidence for rollback"].note, told["Evidence for rollback"].tone) == (
        "threshold 4.61: reached",
        "bad",
    )
    assert told["Evidence to advance"].tone == ""
    assert told["Cost"].note == "in 100 requests to the canary, 9 more than at stable's rate"
    assert told["Quality of the data"] == FigureView("Quality of the data", "1 note", "gaps")


def test_a_canary_better_than_stable_cost_less_than_nothing() -> None:
    told = figures(rolled_back(evidence=look(stable_errors=200.0, canary_errors=3.0)))
    assert told["Cost"].note.endswith(", 17 fewer than at stable's rate")


def test_who_approved_last_is_named_with_the_reason_and_who_set_it_off() -> None:
    assert figures(promoted_by_ann())["Promoted by"] == FigureView("Promoted by", "ann", "hurry; set off by ci")
    told = figures(fifteen_minutes())
    assert told["Approved by"] == FigureView("Approved by", "dana", "dashboards are calm; set off by ci")
    assert figures(fifteen_minutes(40))["Resumed by"].value == "dana"
    assert figures(rolled_back())["Approved by"].value == "nobody"


def test_what_the_record_does_not_know_is_left_out_and_not_made_up() -> None:
    told = figures(unusual()["without status"])
    assert set(told) == {"Share of the traffic", "Takes so far", "Approved by", "Quality of the data"}
    assert told["Share of the traffic"].value == "none"
    unread = figures(unusual()["unreadable policy"])
    assert "Evidence for rollback" not in unread
