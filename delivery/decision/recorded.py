"""The policy a Release was begun with, as its record holds it."""

from __future__ import annotations

from delivery.errors import InvalidSpec
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Release


def recorded_policy(release: Release) -> DeliveryPolicySpec:
    """The policy, or the defaults where the record was damaged: reading on must be possible, for `decide` withdraws
    such a Release, and withdrawing needs no policy."""
    try:
        return release.spec.delivery_policy
    except InvalidSpec:
        return DeliveryPolicySpec()
