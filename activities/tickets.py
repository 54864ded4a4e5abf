"""Loads and records tickets for their workflows."""

from typing import Protocol

from temporalio import activity

from activities.failures import failure_of
from domain.errors import DomainError
from domain.ids import TicketNumber
from domain.ticket import Ticket
from domain.ticket_commands import Receipt
from domain.ticket_events import TicketChange


class TicketRecords(Protocol):
    """Where tickets are remembered."""

    async def load(self, number: TicketNumber) -> Ticket | None: ...
    async def record(self, change: TicketChange) -> Receipt: ...


class TicketActivities:
    """Both activities are harmless to retry: loading changes nothing that loading again would, and a change is stored
    once under its command's id."""

    def __init__(self, records: TicketRecords) -> None:
        self._records = records

    @activity.defn
    async def load_ticket(self, number: TicketNumber) -> Ticket | None:
        """The ticket as the database has it; None when there is none."""
        return await self._records.load(number)

    @activity.defn
    async def record(self, change: TicketChange) -> Receipt:
        """Store a change. A refusal (someone or something it names is unfit) comes back by its code."""
        try:
            return await self._records.record(change)
        except DomainError as error:
            raise failure_of(error) from error
