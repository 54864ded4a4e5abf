"""Keeps the engine's schedules of mailed reports equal to the rows, and has sent what somebody asked for.

Whoever changes a mailed report writes down only that; the relay is woken by the bell and makes its schedule so. It
looks at all of them besides: a bell that nobody heard, an engine that was away or that lost its store costs one look.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from domain.ids import ReportMailId, ReportMailRunId
from workflows.client import EngineUnavailableError
from workflows.report_mail_schedules import ReportMail, note_of

LOOK_EVERY_SECONDS = 5.0
ALL_EVERY_SECONDS = 60.0
"""How long a schedule that is not as it should be may stay so unnoticed."""
log = logging.getLogger(__name__)


class AskedRun(Protocol):
    @property
    def id(self) -> ReportMailRunId: ...
    @property
    def mail(self) -> ReportMailId: ...


class ReportMails(Protocol):
    """The rows."""

    async def all(self) -> Sequence[ReportMail]: ...
    async def find(self, id: ReportMailId, /) -> ReportMail | None: ...
    async def asked(self) -> Sequence[AskedRun]: ...
    async def mark_started(self, run: ReportMailRunId, /) -> None: ...


class Schedules(Protocol):
    """The engine's side. All raise EngineUnavailableError."""

    async def known(self) -> dict[ReportMailId, str | None]: ...
    async def keep(self, mail: ReportMail, /) -> None: ...
    async def remove(self, mail: ReportMailId, /) -> None: ...
    async def send(self, mail: ReportMailId, run: ReportMailRunId, /) -> None: ...


class ReportMailRelay:
    """Runs beside the worker."""

    def __init__(self, mails: ReportMails, schedules: Schedules) -> None:
        self._mails = mails
        self._schedules = schedules
        self._changed: set[ReportMailId] = set()
        self._all_at = 0.0
        self._bell = asyncio.Event()

    def ring(self, mail: str = "", /) -> None:
        """This one changed, or is to be sent now; without an id: look at all."""
        if mail:
            self._changed.add(ReportMailId(UUID(mail)))
        else:
            self._all_at = 0.0
        self._bell.set()

    async def run(self) -> None:
        """Until cancelled. A fault is logged and tried again seconds later."""
        while True:
            self._bell.clear()
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001  the relay outlives every fault of its parts
                log.warning("mailed reports wait: %s", error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), LOOK_EVERY_SECONDS)

    async def look(self) -> None:
        """Mend what is known to have changed, from time to time all; start what was asked for. Raises
        EngineUnavailableError; what was not done stays to be done."""
        clock = asyncio.get_running_loop().time
        if clock() >= self._all_at:
            self._changed |= await self._different()
            self._all_at = clock() + ALL_EVERY_SECONDS
        failure: EngineUnavailableError | None = None
        for id in sorted(self._changed):
            mail = await self._mails.find(id)
            self._changed.discard(id)  # first: a bell from here on is about something newer than what was found
            try:
                await (self._schedules.remove(id) if mail is None else self._schedules.keep(mail))
            except EngineUnavailableError as error:  # one that the engine refuses holds up no other
                self._changed.add(id)
                failure = error
        for run in await self._mails.asked():
            await self._schedules.send(run.mail, run.id)
            await self._mails.mark_started(run.id)
        if failure is not None:
            raise failure

    async def _different(self) -> set[ReportMailId]:
        """Those whose schedule is not there, is of another revision, or has no mail any more."""
        known = await self._schedules.known()
        wanted = {mail.id: note_of(mail) for mail in await self._mails.all()}
        return {id for id in known.keys() | wanted.keys() if known.get(id) != wanted.get(id)}
