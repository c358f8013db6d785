"""The error tree. Each class is named by the reaction it asks of whoever catches it."""

from __future__ import annotations


class HeadgateError(Exception):
    """Anything Headgate itself raises. The message is one sentence a person can act on."""


class Retry(HeadgateError):
    """A passing fault: the same call may go through later. `after` is the server's wish in seconds, if any."""

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Unavailable(Retry):
    """The other side cannot be reached or cannot answer at all (connection refused, 500, 503)."""


class Conflict(HeadgateError):
    """Somebody else wrote first (a resourceVersion or uid precondition failed): gather again and decide anew."""


class AlreadyExists(HeadgateError):
    """An object of that name is there; whose it is decides what happens next."""


class NotFound(HeadgateError):
    """The object is gone, or its kind is not served here."""


class Expired(HeadgateError):
    """A watch or a list fell behind the server's history (410 Gone): list again."""


class Refused(HeadgateError):
    """The server will not do this for us (401, 403): a person must grant the right."""


class NotNow(HeadgateError):
    """What is asked for does not apply as things stand: look at the object before asking again."""


class InvalidSpec(HeadgateError):
    """What the user wrote cannot be carried out: terminal until it changes. Names the object, the field and the fix."""
