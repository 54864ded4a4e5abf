"""Puts tickets into the database on the way that the product takes."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from database.pool import Pool
from database.tickets import TicketStore
from domain.ids import TextId, TicketNumber
from domain.people import Actor
from domain.ticket import Ticket
from domain.ticket_commands import TicketCommand
from domain.ticket_rules import decide
from tests.factories import AGENT, BY_AGENT, NOW, envelope, opening_change, wording


async def stored_ticket(
    store: TicketStore, *, title: str = "The printer is on fire", description: str = "Since nine.", **changes: Any
) -> Ticket:
    """A ticket that was opened; `changes` as in `opening_change`."""
    number = await store.next_number()
    made = opening_change(number, **changes)
    await store.open(made, wording(made, title, description))
    return await state_of(store, number)


async def stored_text(store: TicketStore, number: TicketNumber, body: str = "Use water.") -> TextId:
    """A text for a command to name."""
    text = TextId(uuid4())
    await store.add_text(text, number, AGENT, None, body)
    return text


async def recorded(
    store: TicketStore, ticket: Ticket, command: TicketCommand, *, by: Actor = BY_AGENT, at: datetime = NOW
) -> Ticket:
    """The ticket as it is stored after the command."""
    await store.record(decide(ticket, envelope(command, actor=by), at))
    return await state_of(store, ticket.number)


async def state_of(store: TicketStore, number: TicketNumber) -> Ticket:
    """The ticket's row, read without any effect."""
    state = await store.state(number)
    assert state is not None
    return state


async def rows_in(pool: Pool) -> dict[str, int]:
    """How many rows every table holds that a ticket's change may touch."""
    tables = ("tickets", "ticket_texts", "ticket_commands", "events", "start_requests")
    return {table: await pool.fetchval(f"select count(*) from {table}") for table in tables}  # noqa: S608  our own names
