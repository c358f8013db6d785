"""What the statistics can say about a release."""

from enum import StrEnum


class Verdict(StrEnum):
    """The three answers; no data is always UNDECIDED, never a pass."""

    ROLL_BACK = "RollBack"
    ADVANCE = "Advance"
    UNDECIDED = "Undecided"
