"""What Prometheus is told of Releases, as they come, move and go."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from delivery.api.metrics import Figures, Moves
from delivery.resources.release import Evidence, Phase, Release
from tests.decision import given

OF = {"namespace": "shop", "deployment": "web"}
LOOK = Evidence(
    at=given.NOW,
    step=0,
    weight=5.0,
    verdict="Undecided",
    reason="too little is known",
    log_evidence_rollback=1.5,
    log_evidence_advance=-0.5,
    stable_requests=100.0,
    stable_errors=1.0,
    canary_requests=10.0,
    canary_errors=0.0,
)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def moves(registry: CollectorRegistry) -> Moves:
    made = Moves(registry)
    registry.register(Figures(made, lambda: 3, lambda: {("PATCH", 200): 7}, lambda: {("chat", "delivered"): 2}))
    return made


def shifting(weight: float, **more: object) -> Release:
    made = given.release(Phase.SHIFTING)
    traffic = made.status.traffic.model_copy(update={"verified_weight": weight})
    return made.model_copy(update={"status": made.status.model_copy(update={"traffic": traffic, **more})})


def test_one_in_progress_shows_its_weight_and_evidence_until_it_is_gone(
    registry: CollectorRegistry, moves: Moves
) -> None:
    moves.told("shop", given.RELEASE, shifting(5.0, evidence=LOOK))
    assert registry.get_sample_value("headgate_releases", {"phase": "Shifting"}) == 1
    assert registry.get_sample_value("headgate_canary_weight_percent", OF) == 5.0
    assert registry.get_sample_value("headgate_log_evidence", {**OF, "for": "rollback"}) == 1.5
    assert registry.get_sample_value("headgate_log_evidence", {**OF, "for": "advance"}) == -0.5
    moves.told("shop", given.RELEASE, shifting(20.0))
    assert registry.get_sample_value("headgate_canary_weight_percent", OF) == 20.0
    assert registry.get_sample_value("headgate_log_evidence", {**OF, "for": "rollback"}) is None
    moves.told("shop", given.RELEASE, None)
    assert registry.get_sample_value("headgate_releases", {"phase": "Shifting"}) == 0
    assert registry.get_sample_value("headgate_canary_weight_percent", OF) is None


def test_one_that_ends_is_counted_with_how_long_it_took_and_has_no_weight_any_more(
    registry: CollectorRegistry, moves: Moves
) -> None:
    moves.told("shop", given.RELEASE, shifting(50.0))
    over = {"started_at": given.NOW, "finished_at": given.NOW + 90, "phase": Phase.ROLLED_BACK, "reason": "NoData"}
    ended = given.release(Phase.ROLLED_BACK)
    ended = ended.model_copy(update={"status": ended.status.model_copy(update=over)})
    for _ in range(2):  # told again, it has not moved again
        moves.told("shop", given.RELEASE, ended)
    assert registry.get_sample_value("headgate_releases", {"phase": "RolledBack"}) == 1
    assert registry.get_sample_value("headgate_canary_weight_percent", OF) is None
    moved = {"phase": "RolledBack", "reason": "NoData"}
    assert registry.get_sample_value("headgate_phase_entered_total", moved) == 1
    assert registry.get_sample_value("headgate_release_duration_seconds_sum", {"outcome": "RolledBack"}) == 90.0


def test_what_is_met_for_the_first_time_has_not_moved(registry: CollectorRegistry, moves: Moves) -> None:
    moves.told("shop", given.RELEASE, given.release(Phase.SUCCEEDED))
    assert registry.get_sample_value("headgate_releases", {"phase": "Succeeded"}) == 1
    assert moves.entered == {}


def test_the_rest_is_read_where_it_is_counted(registry: CollectorRegistry, moves: Moves) -> None:
    assert moves.active() == []
    assert registry.get_sample_value("headgate_queue_depth") == 3
    assert registry.get_sample_value("headgate_api_calls_total", {"method": "PATCH", "status": "200"}) == 7
    told = {"channel": "chat", "outcome": "delivered"}
    assert registry.get_sample_value("headgate_notifications_total", told) == 2
