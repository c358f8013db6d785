"""What a Release asks a person, and which answers there are."""

from __future__ import annotations

from dataclasses import dataclass

from delivery.resources.release import Phase, Release, Verb


@dataclass(frozen=True, slots=True)
class Question:
    """In words, and the verbs that answer it."""

    text: str
    verbs: tuple[Verb, ...]


PAUSED = Question("resume it, promote it, or abort it", ("resume", "promote", "abort"))
STALLED = Question(
    "the promotion did not finish: look at the Deployment, then retry or abort",
    ("retry", "abort"),
)
PAUSED_FOR: dict[str, Question] = {
    "AwaitingApproval": Question("approve it, or abort it", ("approve", "abort")),
    "Inconclusive": Question(
        "the evidence does not decide: promote it, resume it, or abort it", ("promote", "resume", "abort")
    ),
}


def asked(phase: Phase, reason: str) -> Question | None:
    """What is asked in that phase, entered for that reason; None where nobody is asked."""
    if phase is Phase.STALLED:
        return STALLED
    return PAUSED_FOR.get(reason, PAUSED) if phase is Phase.PAUSED else None


def question(release: Release) -> str:
    """What a person is asked, in words; "" where nobody is."""
    found = asked(release.status.phase, release.status.reason)
    return found.text if found else ""
