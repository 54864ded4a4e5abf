"""A mail as it is written and sent, whatever it is about, and why one could not be sent."""

from enum import StrEnum
from typing import NamedTuple


class Mail(NamedTuple):
    """A mail to one receiver, in plain text and HTML. Who it is from is the sender's affair."""

    id: str
    """Names the mail for ever: of two with one id, a receiver may throw the second away."""
    address: str
    subject: str
    text: str
    html: str
    name: str = ""
    """The receiver's, as they wrote it; it may be anything."""


class MailOutcome(StrEnum):
    SENT = "sent"
    REFUSED = "refused"
    """The receiver's side said no, for good."""
    GIVEN_UP = "given_up"
    """Nobody took it for a day."""


class MailNotSentError(Exception):
    """The mail was not taken. The reason is a code, for what servers answer names people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class MailRefusedError(MailNotSentError):
    """Nobody will ever take it: trying again is of no use."""


class MailDelayedError(MailNotSentError):
    """It may be taken later."""
