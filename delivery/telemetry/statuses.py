"""What an HTTP status says about a query API, and what a person does about it."""

from __future__ import annotations

from delivery.telemetry.reasons import AnswerProblem, Reason

_NAMED = {
    400: Reason.BAD_QUERY,
    422: Reason.BAD_QUERY,
    401: Reason.ACCESS_REFUSED,
    403: Reason.ACCESS_REFUSED,
    407: Reason.ACCESS_REFUSED,
    404: Reason.WRONG_ADDRESS,
    405: Reason.WRONG_ADDRESS,
    410: Reason.WRONG_ADDRESS,
    408: Reason.SERVER_ERROR,
    429: Reason.SERVER_ERROR,
    413: Reason.QUERY_TOO_LONG,
    414: Reason.QUERY_TOO_LONG,
}
_TO_DO = {
    Reason.WRONG_ADDRESS: "is --prometheus right, with its scheme and its path prefix?",
    Reason.ACCESS_REFUSED: "grant the controller access",
    Reason.QUERY_TOO_LONG: "raise what the server or a proxy in between takes as a body, to 256 KiB",
    Reason.NOT_PROMETHEUS: "no query API answers so; what is in between?",
}


class BadStatus(AnswerProblem):
    """An answer with a status other than 200, and the server's own words."""

    def __init__(self, status: int, words: str) -> None:
        reason = reason_of_status(status)
        told, advice = f"answered HTTP {status}: {words}", _TO_DO.get(reason)
        super().__init__(reason, f"{told}; {advice}" if advice else told)


def reason_of_status(status: int) -> Reason:
    """Only what may pass by itself is a server's error."""
    if status in _NAMED:
        return _NAMED[status]
    if 300 <= status < 400:
        return Reason.WRONG_ADDRESS
    return Reason.SERVER_ERROR if status >= 500 else Reason.NOT_PROMETHEUS
