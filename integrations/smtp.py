"""Hands mails to an SMTP server."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, NoReturn

import aiosmtplib
from aiosmtplib import (
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from domain.mail import Mail, MailDelayedError, MailRefusedError
from integrations.mail_message import mail_message, receiver

ANSWER_SECONDS = 20.0
"""How long the server may take for one answer."""
MAIL_SECONDS = 45.0
"""How long it may take for all of them."""
PERMANENT = 500
"""RFC 5321 section 4.2.1: answers from here on are for good."""

Security = Literal["none", "starttls", "tls"]


@dataclass(frozen=True)
class SmtpServer:
    """Where mails are handed in, and as whom."""

    host: str
    port: int
    security: Security
    user: str | None = None
    password: str | None = field(default=None, repr=False)


class SmtpSender:
    """One connection for each mail: they are few, and a connection that waits is one that was closed meanwhile."""

    def __init__(
        self,
        server: SmtpServer,
        sender: str,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._server = server
        self._sender = sender
        self._tls = tls or ssl.create_default_context()
        self._clock = clock

    async def send(self, mail: Mail) -> None:
        """Returns when the server has taken responsibility for the mail.

        Raises MailRefusedError when it said no to the receiver or the message for good, MailDelayedError for all else:
        a server that is away or busy, and also one that refuses us, for that an operator can mend.
        """
        message = mail_message(mail, self._sender, self._clock())
        server = self._server
        try:
            async with asyncio.timeout(MAIL_SECONDS):
                await aiosmtplib.send(
                    message,
                    recipients=[receiver(mail).addr_spec],
                    hostname=server.host,
                    port=server.port,
                    username=server.user,
                    password=server.password,
                    use_tls=server.security == "tls",
                    start_tls=server.security == "starttls",
                    tls_context=None if server.security == "none" else self._tls,
                    timeout=ANSWER_SECONDS,
                )
        except SMTPRecipientsRefused as error:
            _refused(error.recipients[0])
        except (SMTPRecipientRefused, SMTPDataError) as error:
            _refused(error)
        except SMTPResponseException as error:
            raise MailDelayedError(f"smtp_{error.code}") from None
        except SMTPNotSupported as error:
            if not receiver(mail).addr_spec.isascii():
                raise MailRefusedError("smtputf8_not_supported") from None
            raise MailDelayedError("not_supported") from error
        except TimeoutError:
            raise MailDelayedError("timeout") from None
        except (SMTPException, OSError) as error:
            raise MailDelayedError(type(error).__name__) from None


def _refused(error: SMTPResponseException) -> NoReturn:
    """The error itself goes no further: its text names the receiver."""
    kind = MailRefusedError if error.code >= PERMANENT else MailDelayedError
    raise kind(f"smtp_{error.code}") from None
