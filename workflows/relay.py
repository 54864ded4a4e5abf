"""Starts the workflows of opened tickets: the only starter besides a command that finds none.

An opening writes its start request in its own transaction and rings; the relay wakes, claims what waits and starts
it. What a crash or an engine that is down leaves unstarted stays requested until the workflow itself, once running,
removes the request.
"""

import asyncio
import contextlib
import logging
from typing import Protocol

from domain.ids import TicketNumber
from domain.ticket import Ticket
from workflows.client import EngineUnavailableError
from workflows.ticket_client import TicketClient

BATCH = 64
AT_ONCE = 8
LOOK_EVERY_SECONDS = 1.0
log = logging.getLogger(__name__)


class StartRequests(Protocol):
    """Where openings wait for their workflow."""

    async def claim(self, limit: int) -> list[Ticket]: ...
    async def release(self, numbers: list[TicketNumber]) -> None: ...


class StartRelay:
    """Works through start requests, a batch at a time, for as long as it runs."""

    def __init__(self, requests: StartRequests, tickets: TicketClient) -> None:
        self._requests = requests
        self._tickets = tickets
        self._bell = asyncio.Event()

    def ring(self, _: str = "") -> None:
        """Something was requested."""
        self._bell.set()

    async def run(self) -> None:
        """Until cancelled. A fault is logged and tried again a second later."""
        while True:
            try:
                while await self.start_waiting():
                    pass
            except Exception as error:  # noqa: BLE001  the relay outlives every fault of its parts
                log.warning("start requests wait: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_SECONDS):
                    await self._bell.wait()
            self._bell.clear()

    async def start_waiting(self) -> int:
        """Start one batch. Returns how many were started; raises EngineUnavailableError when the engine is away."""
        waiting = await self._requests.claim(BATCH)
        places = asyncio.Semaphore(AT_ONCE)
        failed: list[TicketNumber] = []

        async def start(ticket: Ticket) -> None:
            async with places:
                try:
                    await self._tickets.start(ticket)
                except EngineUnavailableError as error:
                    failed.append(ticket.number)
                    failures.append(error)

        failures: list[EngineUnavailableError] = []
        await asyncio.gather(*(start(ticket) for ticket in waiting))
        if failed:
            await self._requests.release(failed)
            raise failures[0]
        return len(waiting)
