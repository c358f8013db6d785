"""The measure itself: what is in the span counts, and a number too far off is said to be."""

from __future__ import annotations

import pytest

from benchmarks.ground_truth import RPS, SCRAPE_S, SHARE, Count, Truth, counts
from delivery.lab.load import CANARY, STABLE
from delivery.resources.release import Evidence, Phase, Release
from tests.decision.given import NOW, release


def truth(answers: int, arm: str = STABLE, every: float = 1.0) -> Truth:
    known = Truth("web-canary", {"1"})
    known.answers = [(NOW + (number + 1) * every, arm, number % 10 == 0, number % 20 == 0) for number in range(answers)]
    return known


def judged(stable: float, errors: float) -> Release:
    begun = release(Phase.SHIFTING)
    evidence = Evidence(
        at=NOW + 100,
        step=0,
        weight=SHARE,
        verdict="Undecided",
        reason="",
        log_evidence_rollback=0.0,
        log_evidence_advance=0.0,
        stable_requests=stable,
        stable_errors=errors,
        canary_requests=0.0,
        canary_errors=0.0,
    )
    analysis = begun.status.analysis.model_copy(update={"started_at": NOW, "data_through": NOW + 100})
    status = begun.status.model_copy(update={"evidence": evidence, "analysis": analysis})
    return begun.model_copy(update={"status": status})


def test_answers_count_after_the_beginning_and_up_to_the_end() -> None:
    found = truth(100).between(NOW + 10, NOW + 20)
    assert (found[STABLE, "requests"], found[STABLE, "errors"], found[STABLE, "by proxy"]) == (10, 1, 0)
    assert found[CANARY, "requests"] == 0


@pytest.mark.parametrize(("counted", "holds"), [(100.0, True), (190.0, True), (100.0 + 3 * RPS, False)])
def test_a_number_may_be_off_by_what_no_scrape_has_shown(counted: float, holds: bool) -> None:
    requests = next(
        one for one in counts(judged(counted, 10.0), truth(100)) if (one.arm, one.what) == (STABLE, "requests")
    )
    assert requests.off == counted - 100
    assert requests.allowed < 3 * RPS * SCRAPE_S * 2
    assert requests.holds is holds


def test_too_few_are_as_wrong_as_too_many() -> None:
    assert not Count(STABLE, "requests", 10.0, 100, 50.0).holds
    assert Count(STABLE, "requests", 60.0, 100, 50.0).holds
