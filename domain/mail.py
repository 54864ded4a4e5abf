"""A mail as it is written and sent, whatever it is about, and why one could not be sent."""

from enum import StrEnum
from typing import NamedTuple


class MailThread(NamedTuple):
    """What a mail belongs to, so that mail programs show what is about one thing together."""

    root: str
    """Names the thing (`ticket-1042`). No mail has this id; all mails about the thing hang on it."""
    previous: str | None = None
    """The id of the mail to this receiver about this thing that came before."""


class MailPicture(NamedTuple):
    """A PNG picture that the HTML shows by `cid:<name>`."""

    name: str
    content: bytes


class MailFile(NamedTuple):
    """A file that comes with a mail."""

    name: str
    type: str
    """As in `Content-Type`."""
    content: bytes


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
    thread: MailThread | None = None
    unsubscribe: str | None = None
    """The address at which one click ends mails of this kind (RFC 8058); None: they cannot be ended."""
    kind: str = "notifications"
    """What receivers may sort mails that can be ended by: labels with dots between them, as in `List-Id`."""
    pictures: tuple[MailPicture, ...] = ()
    files: tuple[MailFile, ...] = ()


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
