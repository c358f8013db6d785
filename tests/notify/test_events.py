"""Kubernetes Events: whatever is news to a channel is announced where it is decided."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.decision.actions import Announce, Decision
from delivery.decision.snapshot import BackEnds, CanaryState, RouteState
from delivery.resources.release import AnalysisRecord, Phase, Stage
from tests.decision.given import (
    CANARY,
    NOW,
    decided,
    look,
    only,
    policy,
    recorded,
    release,
    stable_set,
    workload,
)

FED = AnalysisRecord(started_at=NOW - 20, data_through=NOW - 1, last_data_at=NOW - 1)
NOTHING: dict[str, Any] = {"canary": CanaryState(), "back_ends": BackEnds(), "route": RouteState()}


def started() -> Decision:
    return decided(release(Phase.PENDING, weight=None), **NOTHING)


def paused() -> Decision:
    gated = policy(steps=[{"weight": 5, "gate": "approval"}, 50])
    return decided(release(analysis=FED, spec=gated), look=look("Advance"))


def rolled_back() -> Decision:
    return decided(release(analysis=FED), look=look("RollBack"))


def stalled() -> Decision:
    rolling_out = release(Phase.PROMOTING, Stage.ROLL_OUT, weight=100.0)
    canary = CanaryState(exists=True, of_release="web-bbbbbbbbbb", replicas=4, ready=4, pods=4)
    return decided(rolling_out, canary=canary, workload=workload(paused=False, stuck=True))


def promoted() -> Decision:
    ending = release(Phase.PROMOTING, Stage.REMOVE_BACK_ENDS, weight=0.0)
    return decided(ending, **NOTHING, workload=workload(rolled_out=True), stable=stable_set(CANARY))


@pytest.mark.parametrize(
    ("decision", "phase", "reason", "warning"),
    [
        (started(), Phase.PREPARING, "Started", False),
        (paused(), Phase.PAUSED, "AwaitingApproval", False),
        (rolled_back(), Phase.ROLLING_BACK, "EvidenceAgainstCanary", True),
        (stalled(), Phase.STALLED, "RolloutStuck", True),
        (promoted(), Phase.SUCCEEDED, "Succeeded", False),
    ],
)
def test_what_is_news_is_an_event(decision: Decision, phase: Phase, reason: str, warning: bool) -> None:
    said = only(decision, Announce)
    assert (recorded(decision).phase, said.reason, said.warning) == (phase, reason, warning)
    assert said.message
