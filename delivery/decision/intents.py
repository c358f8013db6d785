"""What people ask for: intents, appended to a Release under their own rights, answered once each and in order."""

from __future__ import annotations

from delivery.decision.actions import Announce, Decision
from delivery.decision.snapshot import Snapshot
from delivery.resources.release import Intent, ReleaseStatus


def waiting_intents(snapshot: Snapshot, status: ReleaseStatus) -> tuple[Intent, ...]:
    """The wishes of people that were not answered yet, oldest first."""
    return snapshot.release.spec.intents[max(0, status.intents_done) :] if snapshot.release else ()


def pending_intent(snapshot: Snapshot, status: ReleaseStatus) -> Intent | None:
    """The oldest wish of a person that was not answered yet."""
    waiting = waiting_intents(snapshot, status)
    return waiting[0] if waiting else None


def answered(status: ReleaseStatus, count: int = 1) -> ReleaseStatus:
    """The status with `count` more intents behind it."""
    return status.model_copy(update={"intents_done": max(0, status.intents_done) + count})


def by_whom(intent: Intent) -> str:
    """` by ann`, or nothing where nobody signed."""
    return f" by {intent.by}" if intent.by else ""


def too_late(snapshot: Snapshot, status: ReleaseStatus) -> Decision | None:
    """The refusal of a wish that came too late; None where nobody waits for an answer."""
    intent = pending_intent(snapshot, status)
    if intent is None:
        return None
    message = (
        f"{intent.verb}{by_whom(intent)} comes too late: the version is approved and rolls out; "
        "to go back, give the Deployment its former template"
    )
    return Decision(answered(status), (Announce("TooLate", message, warning=True),), again_after=0.0)
