"""What a channel sends by, and how that ends."""

from __future__ import annotations

from typing import Protocol

from delivery.errors import HeadgateError, Retry
from delivery.notify.message import Message


class NotDelivered(Retry):
    """The other end cannot take the message now."""


class NotAccepted(HeadgateError):
    """The other end will never take this message."""


class Sender(Protocol):
    """One way out. It is asked by one thread, one message at a time."""

    def send(self, message: Message) -> None:
        """Returns once the other end has it. Raises NotDelivered or NotAccepted; no text of theirs holds a secret."""
