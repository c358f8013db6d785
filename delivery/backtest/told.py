"""Recordings judged by a policy, and what came of it as plain JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from analysis.verdict import Verdict
from delivery.backtest.recording import Recording
from delivery.backtest.replay import Outcome, replay
from delivery.reconcile.judging import judge_settings
from delivery.resources.policy import DeliveryPolicySpec

WORDS = {Verdict.ROLL_BACK: "rollback", Verdict.ADVANCE: "advance", Verdict.UNDECIDED: "inconclusive"}


def judged(
    recordings: list[Recording],
    policy: DeliveryPolicySpec,
    *,
    every_step: bool,
    progress: Callable[[int], None] = lambda _done: None,
) -> list[Outcome]:
    """As the controller would have judged them; `every_step`: also when each step might have been left."""
    settings = replace(judge_settings(policy), warm_up=policy.analysis.warm_up)
    if not every_step:
        settings = replace(settings, advance_tolerances=settings.advance_tolerances[-1:])
    return replay(recordings, settings, dispersion=policy.analysis.dispersion, progress=progress)


def outcome_object(outcome: Outcome) -> dict[str, Any]:
    """One release's verdict, evidence and doubts."""
    judgement = outcome.judgement
    return {
        "release": outcome.release,
        "verdict": WORDS[judgement.verdict],
        "t": outcome.decided_at,
        "reason": judgement.reason,
        "carriedBy": judgement.carried_by,
        "secondsToDecide": judgement.seconds_to_decide,
        "requests": {"stable": judgement.stable_requests, "canary": judgement.canary_requests},
        "logEvidence": {"rollback": judgement.log_evidence_rollback, "advance": judgement.log_evidence_advance},
        "dispersion": {"phi": outcome.dispersion.phi, "note": outcome.dispersion.note},
        "metrics": judgement.metrics,
        "quality": [{"code": f.code, "message": f.message} for f in (*judgement.quality, *outcome.notes)],
    }
