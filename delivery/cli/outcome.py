"""What became of a Release, as a pipeline asks it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from delivery.resources.release import Phase


class Outcome(StrEnum):
    """As the API's wait says it."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolledBack"
    FAILED = "failed"
    UNDECIDED = "undecided"


_ENDED = {Phase.SUCCEEDED: Outcome.PROMOTED, Phase.ROLLED_BACK: Outcome.ROLLED_BACK, Phase.FAILED: Outcome.FAILED}


def outcome_of(summary: dict[str, Any] | None) -> Outcome:
    """Of a Release's summary; None where there was none."""
    return Outcome.UNDECIDED if summary is None else _ENDED.get(Phase(summary["phase"]), Outcome.UNDECIDED)


def said(summary: dict[str, Any] | None) -> str:
    """One line of progress."""
    if summary is None:
        return "no such release yet"
    asked = f" - {summary['question']}" if summary["question"] else ""
    return f"{summary['phase']} {summary['weight']:g} %: {summary['message']}{asked}"
