"""Keeps workflows and rows together, whatever dies.

It tells workflows of changes that were stored but never became their history, and begins those anew whose tasks keep
failing.

A change is stored by a local activity, which becomes history only when its workflow task completes. A worker or an
engine that dies between the two leaves the row ahead of its workflow. The next command to the ticket finds that out;
but a ticket that nobody touches would not know what to wait for. So when a worker starts, and when the engine comes
back, the tickets that were changed just before are compared, and those that differ load their row.
"""

import asyncio
import itertools
import logging
from typing import NamedTuple, Protocol

from temporalio.client import RPCError

from domain.ids import TicketNumber
from domain.ticket import Ticket
from workflows.client import EngineUnavailableError, WedgedWorkflowError
from workflows.dispatch_client import DispatchClient
from workflows.ticket_client import TicketClient

LATELY_SECONDS = 30
"""How far before the last change an unheard one may lie: a local activity ends within two seconds, a task in ten."""
LOOK_EVERY_SECONDS = 0.5
LOOKS_PER_MENDING = 20
AT_ONCE = 4
TRIES = 5
"""A ticket that does not answer by then is `make reconcile`'s to find."""
log = logging.getLogger(__name__)


class ChangedTickets(Protocol):
    """Where the rows are."""

    async def changed_lately(self, seconds: int) -> list[Ticket]: ...
    async def state(self, number: TicketNumber) -> Ticket | None: ...


class Sweep(NamedTuple):
    """How many workflows were behind and are not any more, and how many did not answer."""

    told: int
    silent: int


class Recovery:
    """Runs beside the worker."""

    def __init__(self, rows: ChangedTickets, tickets: TicketClient, dispatchers: DispatchClient) -> None:
        self._rows = rows
        self._tickets = tickets
        self._dispatchers = dispatchers

    async def run(self) -> None:
        """Until cancelled: sweep now, and again whenever the engine was away."""
        tries = TRIES
        for look in itertools.count():
            if not await self._tickets.is_available():
                tries = TRIES
            elif tries > 0:
                tries = 0 if await self._is_all_well() else tries - 1
            elif look % LOOKS_PER_MENDING == 0:
                await self._mend()
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def sweep(self) -> Sweep:
        """Compare the tickets changed lately with their workflows. Raises whatever a database that is down raises."""
        places = asyncio.Semaphore(AT_ONCE)

        async def look(ticket: Ticket) -> Sweep:
            async with places:
                try:
                    return Sweep(told=int(await self._tell(ticket)), silent=0)
                except (EngineUnavailableError, RPCError):
                    return Sweep(told=0, silent=1)

        looks = await asyncio.gather(*(look(ticket) for ticket in await self._rows.changed_lately(LATELY_SECONDS)))
        return Sweep(told=sum(one.told for one in looks), silent=sum(one.silent for one in looks))

    async def _tell(self, ticket: Ticket) -> bool:
        """Make the ticket's workflow hold its row. Returns whether it did not."""
        try:
            held = await self._tickets.state(ticket.number)
        except WedgedWorkflowError:
            await self._tickets.begin_anew(ticket)
            return True
        is_behind = held is not None and held.revision < ticket.revision
        if is_behind:
            await self._tickets.reload(ticket)
        return is_behind

    async def _mend(self) -> None:
        """Begin workflows whose tasks keep failing anew from the database, also if nobody touches their tickets; and
        dispatchers, which nobody touches."""
        try:
            for number in await self._tickets.reported_problems():
                ticket = await self._rows.state(number)
                if ticket is not None:
                    await self._tickets.mend(ticket)
            await self._dispatchers.mend()
        except Exception as error:  # noqa: BLE001  it outlives every fault of its parts
            log.warning("the look for failing workflows failed: %s", error)

    async def _is_all_well(self) -> bool:
        try:
            sweep = await self.sweep()
        except Exception as error:  # noqa: BLE001  it outlives every fault of its parts
            log.warning("the look for unheard changes failed: %s", error)
            return False
        if sweep.told or sweep.silent:
            log.warning("%s tickets had not heard of their last change, %s did not answer", *sweep)
        return sweep.silent == 0
