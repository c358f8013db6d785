"""The policy a Release was begun with, as its record holds it."""

from __future__ import annotations

from delivery.errors import InvalidSpec
from delivery.resources.policy import DeliveryPolicySpec, parse_policy
from delivery.resources.release import Release


def recorded_policy(release: Release) -> DeliveryPolicySpec:
    """The policy, or the defaults where the record was damaged: reading on must be possible, for `decide` withdraws
    such a Release, and withdrawing needs no policy."""
    try:
        return parse_policy(release.spec.policy, f"Release {release.key}")
    except InvalidSpec:
        return DeliveryPolicySpec()
