"""Sends mails about accounts, and keeps what became of them."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict
from temporalio import activity
from temporalio.exceptions import ApplicationError

from domain.account_mail import AccountMailRequest
from domain.ids import AccountMailId
from domain.mail import Mail, MailDelayedError, MailOutcome, MailRefusedError

log = logging.getLogger(__name__)


class AccountMails(Protocol):
    """Where mails that were asked for are remembered."""

    async def read_unsent(self, mail: AccountMailId) -> AccountMailRequest | None: ...
    async def mark_sent(self, mail: AccountMailId) -> None: ...
    async def mark_failed(self, mail: AccountMailId, failure: str) -> None: ...


class AccountMailWriter(Protocol):
    """What a mail says."""

    def write(self, request: AccountMailRequest, now: datetime) -> Mail: ...


class MailSender(Protocol):
    """Where mails go. `send` returns when somebody else has taken responsibility for the mail; a second time under the
    same id it may be delivered twice, with one Message-ID. Raises MailRefusedError and MailDelayedError."""

    async def send(self, mail: Mail) -> None: ...


class MailReport(BaseModel):
    """What became of a mail. It stays in the workflow's history, so it names nobody."""

    model_config = ConfigDict(frozen=True)

    mail: AccountMailId
    outcome: MailOutcome
    reason: str | None = None


class AccountMailActivities:
    """Sending and noting that it was sent are two steps: a database that is away between them does not send twice.
    Only a worker that dies after the server's yes and before it has told the engine does."""

    def __init__(
        self,
        mails: AccountMails,
        writer: AccountMailWriter,
        sender: MailSender,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._mails = mails
        self._writer = writer
        self._sender = sender
        self._clock = clock

    @property
    def steps(self) -> Sequence[Callable[..., Any]]:
        return (self.send_account_mail, self.note_account_mail)

    @activity.defn
    async def send_account_mail(self, mail: AccountMailId) -> MailReport | None:
        """Hand the mail over. None when there is nothing to send: it was sent, or its account is gone.

        A server that is away or busy fails the attempt, with a code and nothing that names anybody.
        """
        request = await self._mails.read_unsent(mail)
        if request is None:
            return None
        try:
            await self._sender.send(self._writer.write(request, self._clock()))
        except MailRefusedError as error:
            log.warning("account mail %s was refused: %s", mail, error.reason)
            return MailReport(mail=mail, outcome=MailOutcome.REFUSED, reason=error.reason)
        except MailDelayedError as error:
            log.warning("account mail %s waits: %s", mail, error.reason)
            raise ApplicationError("the mail was not taken", type=error.reason) from None
        return MailReport(mail=mail, outcome=MailOutcome.SENT)

    @activity.defn
    async def note_account_mail(self, report: MailReport) -> None:
        """Keep what became of the mail. Harmless to repeat: the first report counts."""
        if report.outcome is MailOutcome.SENT:
            await self._mails.mark_sent(report.mail)
        else:
            await self._mails.mark_failed(report.mail, report.reason or report.outcome)
