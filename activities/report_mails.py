"""Sends reports by mail: who is to be written to, one letter after the other, and what became of each.

Histories hold ids and outcomes alone: no figure, no name, no address.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.account_mails import MailSender
from domain.ids import PersonId, ReportMailId, ReportMailRunId
from domain.mail import Mail, MailDelayedError, MailRefusedError
from domain.report_mail import LetterOutcome, ReportLetter

log = logging.getLogger(__name__)


class ReportMails(Protocol):
    """Where runs and what became of them are kept."""

    async def begin(
        self, mail: ReportMailId, run: ReportMailRunId, at: datetime, *, is_asked: bool
    ) -> list[PersonId]: ...
    async def note(self, run: ReportMailRunId, person: PersonId, outcome: LetterOutcome) -> None: ...
    async def end(self, run: ReportMailRunId) -> None: ...


class Letters(Protocol):
    """What a receiver is told; or why nothing is sent to them, for it was already, say."""

    async def read(
        self, mail: ReportMailId, run: ReportMailRunId, person: PersonId, at: datetime
    ) -> ReportLetter | LetterOutcome: ...


class ReportMailWriter(Protocol):
    """What a mail says. Takes its time."""

    def write(self, letter: ReportLetter, now: datetime) -> Mail: ...


class ReportRun(BaseModel):
    """A sending, due at that moment."""

    model_config = ConfigDict(frozen=True)

    mail: ReportMailId
    run: ReportMailRunId
    at: datetime
    is_asked: bool = False


class LetterReport(BaseModel):
    """What became of a letter."""

    model_config = ConfigDict(frozen=True)

    run: ReportMailRunId
    person: PersonId
    outcome: LetterOutcome


class ReportMailActivities:
    """Sending and noting that it was sent are two steps: a database that is away between them does not send twice.
    Only a worker that dies after the server's yes and before it has told the engine does, with one Message-ID."""

    def __init__(self, mails: ReportMails, letters: Letters, writer: ReportMailWriter, sender: MailSender) -> None:
        self._mails = mails
        self._letters = letters
        self._writer = writer
        self._sender = sender

    @property
    def steps(self) -> Sequence[Callable[..., Any]]:
        return (self.begin_report_mail, self.send_report_letter, self.note_report_letter, self.end_report_mail)

    @activity.defn
    async def begin_report_mail(self, run: ReportRun) -> list[PersonId]:
        """Who is to be written to."""
        return await self._mails.begin(run.mail, run.run, run.at, is_asked=run.is_asked)

    @activity.defn
    async def send_report_letter(self, run: ReportRun, person: PersonId) -> LetterOutcome:
        """Tell one receiver what they may see. A server that is away or busy fails the attempt, with a code and nothing
        that names anybody."""
        letter = await self._letters.read(run.mail, run.run, person, run.at)
        if isinstance(letter, LetterOutcome):
            return letter
        try:
            await self._sender.send(await asyncio.to_thread(self._writer.write, letter, datetime.now(UTC)))
        except MailRefusedError as error:
            log.warning("a letter of report run %s was refused: %s", run.run, error.reason)
            return LetterOutcome.REFUSED
        except MailDelayedError as error:
            log.warning("a letter of report run %s waits: %s", run.run, error.reason)
            raise ApplicationError("the mail was not taken", type=error.reason) from None
        return LetterOutcome.SENT

    @activity.defn
    async def note_report_letter(self, report: LetterReport) -> None:
        """Keep what became of a letter. Harmless to repeat: the first report counts."""
        await self._mails.note(report.run, report.person, report.outcome)

    @activity.defn
    async def end_report_mail(self, run: ReportMailRunId) -> None:
        """Everybody was written to, or will not be."""
        await self._mails.end(run)
