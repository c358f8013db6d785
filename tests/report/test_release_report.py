"""The report of a Release: what an SRE reads after the fact."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.report.release_report import summary, to_text
from delivery.resources.release import AnalysisRecord, Evidence, Phase, Release, Traffic, Transition
from tests.decision.given import NOW, release


def evidence(**changes: Any) -> Evidence:
    known: dict[str, Any] = {
        "at": NOW,
        "step": 0,
        "weight": 5.0,
        "verdict": "RollBack",
        "reason": "the canary fails 40 % of requests, stable 0.1 %",
        "log_evidence_rollback": 6.907755,
        "log_evidence_advance": -2.302585,
        "stable_requests": 1000.0,
        "stable_errors": 1.0,
        "canary_requests": 50.0,
        "canary_errors": 20.0,
    }
    return Evidence(**{**known, **changes})


def rolled_back(**status: Any) -> Release:
    lines = [
        (0.0, Phase.PREPARING, "Started", "preparing the canary", 0.0),
        (2.5, Phase.SHIFTING, "CanaryReady", "canary ready (1 pod)", 0.0),
        (12.5, Phase.ROLLING_BACK, "EvidenceAgainstCanary", "the canary fails 40 %", 5.0),
        (14.0, Phase.ROLLED_BACK, "EvidenceAgainstCanary", "the canary fails 40 %", 0.0),
    ]
    known: dict[str, Any] = {
        "reason": "EvidenceAgainstCanary",
        "message": "the canary fails 40 %",
        "traffic": Traffic(max_weight=5, first_weight_at=NOW + 3, zero_weight_at=NOW + 13),
        "analysis": AnalysisRecord(
            started_at=NOW + 3,
            queries=('sum by (instance) (istio_requests_total{reporter="destination"})',),
            quality=("SplitDiffers: the mesh gave 8 %, told 5 %",),
        ),
        "decisions": (evidence(),),
        "history": tuple(
            Transition(at=NOW + at, phase=phase, reason=reason, message=message, weight=weight)
            for at, phase, reason, message, weight in lines
        ),
    }
    return release(Phase.ROLLED_BACK, weight=0.0, **{**known, **status})


def test_a_finished_release_tells_what_came_what_was_seen_and_what_was_done() -> None:
    told = to_text(rolled_back())
    for fact in (
        "Release shop/web-bbbbbbbbbb",
        "RolledBack: the canary fails 40 %",
        "shop/web (Service web)",
        "web:1  [template aaaaaaaaaa]",
        "web:2  [template bbbbbbbbbb]",
        "standard",
        "largest canary share    5 %",
        "canary had traffic for  10.0 s",
        "1 of 1000 (0.10%)",
        "20 of 50 (40.00%)",
        "e = 10^+3.0",
        "e = 10^-1.0",
        "step 1: the canary fails 40 % of requests, stable 0.1 %",
        "data quality: SplitDiffers",
        'sum by (instance) (istio_requests_total{reporter="destination"})',
        "2.5 s",
        "14.0 s",
        "CanaryReady: canary ready (1 pod)",
    ):
        assert fact in told, f"{fact!r} is not in\n{told}"


@pytest.mark.parametrize("width", [60, 80, 110, 200])
def test_no_line_is_wider_than_asked(width: int) -> None:
    lines = to_text(rolled_back(), width).splitlines()
    assert max(len(line) for line in lines) <= width


def test_words_in_brackets_are_told_as_they_are() -> None:
    odd = "spec.http[primary] [/close] [bold]loud[/bold]"
    history = (Transition(at=NOW, phase=Phase.FAILED, reason="RouteInvalid", message=odd),)
    told = to_text(rolled_back(message=odd, history=history, decisions=(evidence(reason=odd),)), 200)
    assert told.count(odd) == 3


def test_plain_text_has_no_control_characters() -> None:
    assert all(char == "\n" or char.isprintable() for char in to_text(rolled_back()))


@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_can_be_told_even_with_an_empty_record(phase: Phase) -> None:
    told = to_text(release(phase, weight=None, routes=()))
    assert phase.value in told
    assert "No traffic was judged." in told
    assert "Prometheus was asked" not in told


def test_a_look_that_decided_nothing_yet_is_told_from_the_newest_evidence() -> None:
    told = to_text(release(evidence=evidence(verdict="Undecided", canary_requests=0.0, canary_errors=0.0)))
    assert "Undecided" in told
    assert "no requests" in told


def test_the_summary_is_one_line() -> None:
    assert summary(None) == "nothing judged yet"
    told = summary(evidence())
    assert "canary 20 of 50 (40.00%), stable 1 of 1000 (0.10%)" in told
    assert "\n" not in told
