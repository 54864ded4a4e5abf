"""Has mails about accounts sent: whoever asks for one writes that down in their own transaction and rings; the relay
wakes, claims what waits and starts its workflow. What a crash or an engine that is away leaves behind stays asked for.
"""

import asyncio
import contextlib
import logging
from typing import Protocol

from domain.ids import AccountMailId
from workflows.client import EngineUnavailableError

BATCH = 64
AT_ONCE = 8
LOOK_EVERY_SECONDS = 5.0
"""The bell rings for each mail; looking besides is for what a crash left behind."""
log = logging.getLogger(__name__)


class AskedMails(Protocol):
    """Where mails wait for their workflow."""

    async def claim(self, limit: int) -> list[AccountMailId]: ...
    async def mark_started(self, mails: list[AccountMailId]) -> None: ...
    async def release(self, mails: list[AccountMailId]) -> None: ...


class Mailing(Protocol):
    """How mails are sent."""

    async def send(self, mail: AccountMailId) -> None: ...


class MailRelay:
    """Runs beside the worker."""

    def __init__(self, mails: AskedMails, mailing: Mailing) -> None:
        self._mails = mails
        self._mailing = mailing
        self._bell = asyncio.Event()

    def ring(self, _: str = "") -> None:
        """A mail was asked for."""
        self._bell.set()

    async def run(self) -> None:
        """Until cancelled. A fault is logged and tried again seconds later."""
        while True:
            self._bell.clear()
            try:
                while await self.start_waiting():
                    pass
            except Exception as error:  # noqa: BLE001  the relay outlives every fault of its parts
                log.warning("mails about accounts wait: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_SECONDS):
                    await self._bell.wait()

    async def start_waiting(self) -> int:
        """Start one batch. Returns how many were started; raises EngineUnavailableError when the engine is away."""
        places = asyncio.Semaphore(AT_ONCE)
        failures: dict[AccountMailId, EngineUnavailableError] = {}

        async def start(mail: AccountMailId) -> None:
            async with places:
                try:
                    await self._mailing.send(mail)
                except EngineUnavailableError as error:
                    failures[mail] = error

        claimed = await self._mails.claim(BATCH)
        await asyncio.gather(*(start(mail) for mail in claimed))
        if started := [mail for mail in claimed if mail not in failures]:
            await self._mails.mark_started(started)
        if failures:
            await self._mails.release(list(failures))
            raise next(iter(failures.values()))
        return len(claimed)
