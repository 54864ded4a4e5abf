"""What becomes of the tickets of somebody who leaves the desk: they go back to their queues."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Query

from api.state import Desk
from domain.access import Reader
from domain.errors import StaleRevisionError
from domain.ids import PersonId, TicketNumber, command_id_for_return
from domain.ticket_commands import CommandEnvelope, UnassignTicket
from workflows.client import CommandPendingError, EngineUnavailableError

AT_ONCE = 10
"""How many tickets' workflows are asked at the same time."""
ROUNDS = 5
"""How often is looked again for what changed while it was to be returned."""
LeftTickets = Annotated[
    Literal["return"] | None,
    Query(
        description="What becomes of the open tickets of somebody who is deactivated: `return` puts them back into "
        "their queues. Without it the request is refused while there are any."
    ),
]


async def return_tickets(desk: Desk, reader: Reader, owner: PersonId) -> None:
    """Return all open tickets of somebody who left the desk already, so that nothing new comes to them.

    Harmless to repeat, and to be repeated when it fails: it looks for what they still have, and takes no ticket from
    anybody else. Raises EngineUnavailableError, and AgentOwnsTicketsError when tickets changed too often meanwhile.
    """
    for _ in range(ROUNDS):
        owned = await desk.agents.owned(owner)
        if not owned:
            return
        for start in range(0, len(owned), AT_ONCE):
            some = owned[start : start + AT_ONCE]
            outcomes = await asyncio.gather(
                *(_return(desk, reader, owner, number) for number in some), return_exceptions=True
            )
            for outcome in outcomes:
                if outcome is not None:
                    raise outcome
    await desk.agents.check_owns_nothing(owner)


async def _return(desk: Desk, reader: Reader, owner: PersonId, number: TicketNumber) -> None:
    ticket = await desk.tickets.state(number)
    if ticket is None or ticket.assignee_id != owner:
        return
    envelope = CommandEnvelope(
        id=command_id_for_return(number, ticket.revision, owner),
        actor=reader.actor,
        command=UnassignTicket(),
        expected_revision=ticket.revision,  # by the next one it may be somebody else's
        fingerprint="return",
        at=datetime.now(UTC),
        row_revision=ticket.revision,
    )
    try:
        await desk.workflows.apply(ticket, envelope)
    except StaleRevisionError:
        return  # the next round looks again
    except CommandPendingError as error:
        raise EngineUnavailableError(f"ticket {number}: {error}") from error
