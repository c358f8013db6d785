"""What is worth telling of a Release: lines of its history, each told of once. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from delivery.clock import to_rfc3339
from delivery.decision.questions import Question, asked
from delivery.resources.release import Phase, Release, Transition

SAME_TIME_S = 1e-5  # times are stored to the microsecond
ANNOUNCED_FOR_S = 3600.0  # what is older and was never told of stays untold: a first installation must not flood


class NewsKind(StrEnum):
    """What happened."""

    STARTED = "started"
    PAUSED = "paused"
    STALLED = "stalled"
    ROLLED_BACK = "rolledBack"
    PROMOTED = "promoted"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    BYPASSED = "bypassed"


_KINDS = {
    Phase.PREPARING: NewsKind.STARTED,
    Phase.PAUSED: NewsKind.PAUSED,
    Phase.STALLED: NewsKind.STALLED,
    Phase.ROLLED_BACK: NewsKind.ROLLED_BACK,
    Phase.SUCCEEDED: NewsKind.PROMOTED,
    Phase.FAILED: NewsKind.FAILED,
    Phase.SUPERSEDED: NewsKind.SUPERSEDED,
    Phase.BYPASSED: NewsKind.BYPASSED,
}


@dataclass(frozen=True, slots=True)
class News:
    """One line of a Release's history. `question` is what a person is asked, where it still is."""

    kind: NewsKind
    line: Transition
    id: str
    question: Question | None = None


def news_of(release: Release, marks: Collection[float], since: float) -> tuple[News, ...]:
    """What is to be told, oldest first: what comes after the latest mark, or what is not older than `since` where there
    is none. A mark is the time of a line that was told of."""
    history = release.status.history
    return tuple(
        _news(release, at, kind)
        for at in range(_first_untold(history, marks, since), len(history))
        if (kind := _kind(release, at)) is not None
    )


def _first_untold(history: tuple[Transition, ...], marks: Collection[float], since: float) -> int:
    if not marks:
        return next((at for at, line in enumerate(history) if line.at >= since), len(history))
    return max(_behind(history, mark) for mark in marks)


def _behind(history: tuple[Transition, ...], mark: float) -> int:
    # By place, not by time: two leaders' clocks may differ, and a later line may bear an earlier time.
    for at in reversed(range(len(history))):
        if abs(history[at].at - mark) <= SAME_TIME_S:
            return at + 1
    return next((at for at, line in enumerate(history) if line.at > mark), len(history))  # its line was cut off


def _kind(release: Release, at: int) -> NewsKind | None:
    line = release.status.history[at]
    former = release.status.history[at - 1] if at else None
    if former is None and line.phase is Phase.PROMOTING and release.spec.light:
        return NewsKind.STARTED  # nothing to judge: it is never prepared
    if former is not None and (former.phase, former.reason) == (line.phase, line.reason):
        return None
    return _KINDS.get(line.phase)


def _news(release: Release, at: int, kind: NewsKind) -> News:
    history = release.status.history
    line = history[at]
    # Without a dot: what is signed of a webhook has its parts between dots.
    digits = re.sub(r"\D", "", to_rfc3339(line.at))
    question = asked(line.phase, line.reason) if at == len(history) - 1 else None
    return News(kind, line, f"{release.uid}-{digits}-{kind}", question)
