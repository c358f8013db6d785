"""When a Release needs a pass: what a look may move, and when time alone does."""

from __future__ import annotations

from delivery.decision.snapshot import Watch
from delivery.resources.policy import DeliveryPolicySpec
from delivery.resources.release import Phase, ReleaseStatus

ROLL_BACK, ADVANCE = "RollBack", "Advance"
SOONEST_S = 0.05
RESYNC_S = 600.0
"""A change wakes sooner, a look that moves something too, and time by its own deadlines. What is left is what nobody
thought of; every Release of a fleet costs this pass, so it is rare."""


def shortest_step(status: ReleaseStatus, policy: DeliveryPolicySpec) -> float:
    """Seconds for which the present step is kept at least."""
    canary = policy.strategy.canary
    own = canary.steps[min(status.step, len(canary.steps) - 1)].min_duration
    return canary.min_step_duration if own is None else own


def longest_step(status: ReleaseStatus, policy: DeliveryPolicySpec) -> float:
    """Seconds after which a step that is still undecided is inconclusive."""
    return max(policy.strategy.canary.max_step_duration, shortest_step(status, policy))


def last_heard(status: ReleaseStatus) -> float | None:
    """Since when the canary has been silent, as far as its record knows; None before it is judged."""
    analysis = status.analysis
    known = (analysis.last_data_at, analysis.started_at, status.step_since)
    return max((since for since in known if since is not None), default=None)


def silent_for(status: ReleaseStatus, watch: Watch | None, now: float) -> float | None:
    """Seconds for which requests of the canary were looked for in vain; None where nothing can be said yet. What
    passed while nobody looked tells nothing: not of the canary, and not of Prometheus.
    """
    if watch is None:
        return None
    heard, analysis = last_heard(status), status.analysis
    if analysis.started_at is None:  # nothing is asked yet: what it waits for is its route
        return now - max(watch.since, status.stage_since or now if heard is None else heard)
    if watch.looked_at is None:
        return None
    return min(now - (heard or now), analysis.silent + now - watch.looked_at)


def moves(status: ReleaseStatus, verdict: str, policy: DeliveryPolicySpec, now: float) -> bool:
    """Whether a pass with a look of this verdict would bring the Release further."""
    if verdict == ROLL_BACK:
        return True
    since = status.step_since
    if status.phase is not Phase.SHIFTING or since is None:
        return False
    elapsed = now - since
    return elapsed > longest_step(status, policy) or (verdict == ADVANCE and elapsed >= shortest_step(status, policy))


def next_deadline(status: ReleaseStatus, policy: DeliveryPolicySpec, watch: Watch | None, now: float) -> float:
    """Seconds until time alone may decide something about a judged step, or until it is worth looking all the same."""
    elapsed, silent = now - (status.step_since or now), silent_for(status, watch, now)
    waits = (
        shortest_step(status, policy) - elapsed,
        longest_step(status, policy) - elapsed,
        policy.analysis.no_data.deadline - (silent or 0.0),
    )
    return max(SOONEST_S, min(RESYNC_S, *(wait + SOONEST_S for wait in waits if wait >= 0)))
