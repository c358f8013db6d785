"""Why there is no data, by name: for a person to act on, and for a program to count."""

from __future__ import annotations

import re
from enum import StrEnum

from delivery.errors import HeadgateError, InvalidSpec, Refused, Unavailable

LONGEST_PROBLEM = 600  # characters: it is kept in every Release that it is about
_CREDENTIALS = re.compile(r"(?<=//)\S*@")


class Reason(StrEnum):
    """What stood between a release and its numbers. None of them is evidence for or against a version."""

    UNREACHABLE = "Unreachable"  # nobody answers at the address
    SLOW = "Slow"  # no whole answer in time
    SERVER_ERROR = "ServerError"  # 5xx, 408, 429
    WRONG_ADDRESS = "WrongAddress"  # 404, 405, a redirection: somebody is there who knows of no such API
    ACCESS_REFUSED = "AccessRefused"  # 401, 403, 407
    NO_CREDENTIALS = "NoCredentials"  # the file of a token, password or certificate is missing or unusable
    BAD_QUERY = "BadQuery"  # 400, 422, or an answer that is no instant vector
    QUERY_TOO_LONG = "QueryTooLong"  # 413, 414
    PARTIAL = "Partial"  # a part of the answer is missing, as the server itself says
    TOO_LARGE = "TooLarge"
    TOO_MANY_SERIES = "TooManySeries"
    NOT_PROMETHEUS = "NotPrometheus"  # an answer that is none
    OTHER_INSTANT = "OtherInstant"  # samples of another time than was asked for, older or of the future
    OLD_SAMPLES = "OldSamples"  # samples that land after their time: counts come late
    NOT_A_NUMBER = "NotANumber"
    NO_SERIES = "NoSeries"  # an answer that is empty
    UNKNOWN = "Unknown"


class AnswerProblem(Exception):
    """There was no answer to read; the message says what to do about it, not whose answer it was."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class MetricsUnavailable(Unavailable):
    """No answer to use; the next may be one."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(bounded(message))
        self.reason = reason


class QueryRefused(InvalidSpec):
    """The query itself is at fault."""

    reason = Reason.BAD_QUERY

    def __init__(self, message: str) -> None:
        super().__init__(bounded(message))


class AccessRefused(Refused):
    """Somebody must grant the right to ask."""

    reason = Reason.ACCESS_REFUSED

    def __init__(self, message: str) -> None:
        super().__init__(bounded(message))


def reason_of(problem: HeadgateError) -> Reason:
    """The reason that a problem carries."""
    found = getattr(problem, "reason", Reason.UNKNOWN)
    return found if isinstance(found, Reason) else Reason.UNKNOWN


def without_credentials(text: str) -> str:
    """The text with the user names and passwords of its addresses left out."""
    return _CREDENTIALS.sub("", text)


def bounded(message: str) -> str:
    """The message as it may be shown to everybody, and as much of it as a Release keeps."""
    return clipped(without_credentials(message), LONGEST_PROBLEM)


def clipped(text: str, longest: int) -> str:
    """The text's beginning, marked where it is not all."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
