"""A Release stays a small object, however long it takes and however much is said about it."""

from __future__ import annotations

import json

from delivery.decision.phases import record
from delivery.decision.shifting import DECISIONS_KEPT, _remember
from delivery.intents.ask import LONGEST_REASON, TAKEN_AT_MOST
from delivery.resources.release import (
    AnalysisRecord,
    Evidence,
    EvidencePoint,
    Intent,
    Phase,
    release_object,
)
from tests.decision.given import NOW, release

LIMIT = 100_000
ETERNITY = 500
LONG_SENTENCE = "undecided after 900 s (maxStepDuration): " + "canary fails 1.234 % of requests, stable 1.234 %; " * 4
QUERY = "sum by (instance, destination_workload) (istio_requests_total{destination_workload=~'web|web-canary'}) " * 4


def look(number: int) -> Evidence:
    """With everything that the mesh's own metrics and two custom ones put into it."""
    interval = {f"a_{field}_of_the_details": -0.123456789012345 for field in range(12)}
    quantiles = {f"p{n}": {"stable_ms": [10, 25], "canary_ms": [10, 50], "difference_ms": [-15, 40]} for n in range(3)}
    metrics = {"errors": interval, "latency": {**interval, "quantiles": quantiles}, "one": interval, "two": interval}
    return Evidence(
        at=NOW + number,
        step=number % 5,
        weight=50.0,
        verdict="Undecided",
        reason=LONG_SENTENCE,
        log_evidence_rollback=-0.123456789012345,
        log_evidence_advance=-0.123456789012345,
        stable_requests=123456789.0,
        stable_errors=123456.0,
        canary_requests=123456789.0,
        canary_errors=123456.0,
        metrics=metrics,
    )


def test_a_release_that_goes_on_for_ever_is_under_100_kilobytes() -> None:
    status = release(Phase.SHIFTING).status
    for number in range(ETERNITY):
        status = record(status.model_copy(update={"evidence": look(number)}), "Inconclusive", LONG_SENTENCE, NOW)
        status = _remember(status)
    assert len(status.decisions) == DECISIONS_KEPT
    points = tuple(EvidencePoint(at=NOW + n, rollback=-0.123456789012345, advance=1.23456789012345) for n in range(64))
    analysis = AnalysisRecord(course=points, queries=(QUERY, QUERY, QUERY), state={"bins": [0.123456789012345] * 400})
    said = Intent(verb="pause", by="system:serviceaccount:" + "n" * 63, reason="r" * LONGEST_REASON, at=NOW)
    made = release(Phase.SHIFTING, intents=[said] * TAKEN_AT_MOST)
    whole = made.model_copy(update={"status": status.model_copy(update={"analysis": analysis})})
    size = len(json.dumps(release_object(whole)))
    assert size < LIMIT, size
    assert size > 50_000  # what is measured is there
