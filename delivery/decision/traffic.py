"""The one way to ask for a weight: the record's intent and the action always name the same number."""

from __future__ import annotations

from delivery.decision.actions import SetWeight
from delivery.resources.release import ReleaseStatus


def steer(status: ReleaseStatus, weight: float, reason: str) -> tuple[ReleaseStatus, SetWeight]:
    """The status with `weight` percent as its intent, and the action that carries it out after it is recorded."""
    traffic = status.traffic.model_copy(update={"desired_weight": weight})
    return status.model_copy(update={"traffic": traffic}), SetWeight(weight, reason)
