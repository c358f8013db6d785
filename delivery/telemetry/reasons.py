"""Why there is no data, by name: for a person to act on, and for a program to count."""

from __future__ import annotations

from enum import StrEnum

from delivery.errors import HeadgateError, InvalidSpec, Refused, Unavailable


class Reason(StrEnum):
    """What stood between a release and its numbers. None of them is evidence for or against a version."""

    UNREACHABLE = "Unreachable"  # nobody answers at the address
    SLOW = "Slow"  # no whole answer in time
    SERVER_ERROR = "ServerError"  # 5xx, 429
    ACCESS_REFUSED = "AccessRefused"  # 401, 403
    BAD_QUERY = "BadQuery"  # 400, 422
    PARTIAL = "Partial"  # a part of the answer is missing, as the server itself says
    TOO_LARGE = "TooLarge"
    TOO_MANY_SERIES = "TooManySeries"
    NOT_PROMETHEUS = "NotPrometheus"  # an answer that is none
    OTHER_INSTANT = "OtherInstant"  # samples of another time than was asked for, older or of the future
    NOT_A_NUMBER = "NotANumber"
    NO_SERIES = "NoSeries"  # an answer that is empty
    UNKNOWN = "Unknown"


class MetricsUnavailable(Unavailable):
    """No answer to use; the next may be one."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class QueryRefused(InvalidSpec):
    """The query itself is at fault."""

    reason = Reason.BAD_QUERY


class AccessRefused(Refused):
    """Somebody must grant the right to ask."""

    reason = Reason.ACCESS_REFUSED


def reason_of(problem: HeadgateError) -> Reason:
    """The reason that a problem carries."""
    found = getattr(problem, "reason", Reason.UNKNOWN)
    return found if isinstance(found, Reason) else Reason.UNKNOWN
