"""What a policy would have done with the evidence of a recording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.verdict import Verdict
from delivery.backtest.replay import Outcome
from delivery.resources.policy import DeliveryPolicySpec


@dataclass(frozen=True, slots=True)
class Deed:
    """At `t` seconds of the recording the policy would have done this."""

    t: float
    what: str


def deeds(outcome: Outcome, policy: DeliveryPolicySpec) -> list[Deed]:
    """Step by step until the release ends or the recording does.

    The recorded traffic stays what it was: a weight that was not recorded brings no other evidence here.
    """
    t, leaves = outcome.course.joined()
    if not t.size:
        return []
    steps = list(_steps(t, leaves, policy))
    if outcome.judgement.verdict is not Verdict.ROLL_BACK:
        return steps
    return [steps[0], *(deed for deed in steps[1:] if deed.t < t[-1]), Deed(float(t[-1]), "roll back")]


def _steps(t: np.ndarray, leaves: np.ndarray, policy: DeliveryPolicySpec) -> Iterator[Deed]:
    canary, weights = policy.strategy.canary, policy.weights
    entered = float(t[0])
    yield Deed(entered, f"send {weights[0]:g} % to the canary")
    for number, step in enumerate(canary.steps):
        least = canary.min_step_duration if step.min_duration is None else step.min_duration
        left = _left_at(t, leaves[:, number], entered + least)
        deadline = entered + max(canary.max_step_duration, least)
        if left is None or left > deadline:
            if deadline <= t[-1]:
                told = f"undecided for {deadline - entered:g} s at {step.weight:g} %"
                yield Deed(deadline, f"{canary.on_inconclusive}: {told}")
            return
        asked = "ask for approval, then " if step.gate else ""
        yield Deed(left, asked + (f"go on to {weights[number + 1]:g} %" if number + 1 < len(weights) else "promote"))
        entered = left


def _left_at(t: np.ndarray, may_leave: np.ndarray, earliest: float) -> float | None:
    """The first tick from `earliest` on at which the step may be left; what held when judging ended goes on to hold."""
    ready = np.flatnonzero(may_leave & (t >= earliest))
    if ready.size:
        return float(t[ready[0]])
    return max(earliest, float(t[-1])) if may_leave[-1] else None
