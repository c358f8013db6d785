"""Sizes and weights: how many canary pods a share needs, and what a step's evidence must rule out."""

from __future__ import annotations

import math

from delivery.resources.metrics import ToleranceSpec
from delivery.resources.policy import DeliveryPolicySpec

FULL = 100.0
_SAME_WEIGHT = 5e-5  # percent; half of the finest weight a policy may name, so that it never passes for 0


def same_weight(left: float | None, right: float | None) -> bool:
    """Whether two weights in percent are the same share."""
    if left is None or right is None:
        return left is right
    return abs(left - right) < _SAME_WEIGHT


def replicas_for(weight: float, stable_replicas: int) -> int:
    """Canary pods for `weight` percent of the traffic that `stable_replicas` pods carry: rounded up, at least one."""
    return max(1, math.ceil(stable_replicas * weight / FULL - 1e-9))


def advance_tolerances(policy: DeliveryPolicySpec) -> tuple[ToleranceSpec, ...]:
    """For each step, the excess that must be ruled out before it is left.

    Harm is weight times excess. Leaving step i exposes the share of step i + 1, so an excess of
    `tolerance x 100 / next weight` does there what the tolerance itself does at full traffic: the bound on harm is the
    same at every step, and a small step need not wait for evidence that only a large one can give.
    """
    tolerance = policy.analysis.mesh_errors.tolerance
    exposed = (*policy.weights[1:], FULL)
    return tuple(
        ToleranceSpec.model_construct(
            absolute=tolerance.absolute * FULL / weight, relative=tolerance.relative * FULL / weight
        )
        for weight in exposed
    )
