"""What becomes of an agent's open tickets at the end of their shift."""

from datetime import UTC, datetime
from uuid import UUID

from pydantic import BaseModel, Field

from api.http.area_router import AreaRouter
from api.requests import AsReader, InDesk
from domain.access import check_own_or_supervisor
from domain.ids import PersonId, TicketNumber
from domain.ticket import Priority, Status, Ticket

router = AreaRouter(prefix="/agents/{person}/hand-over", tags=["agents"])


class HandedTicket(BaseModel):
    number: TicketNumber
    status: Status
    priority: Priority
    next_due_at: datetime | None
    offered_to: list[PersonId] = Field(description="Who was asked to take it over.")


class HandOverOut(BaseModel):
    """An agent's open tickets, as they stand to the end of their shift."""

    on_shift: bool
    shift_ends_at: datetime | None
    back_at: datetime | None = Field(description="When their next shift begins; None: nobody knows.")
    keeps: list[HandedTicket] = Field(description="What can wait until they are back, by due time.")
    hands_over: list[HandedTicket] = Field(
        description="What cannot: it is offered to those who stay, and goes back to the queue when the shift ends."
    )


@router.get("")
async def get_hand_over(person: UUID, desk: InDesk, reader: AsReader) -> HandOverOut:
    """Which of an agent's tickets wait for them, and which go on when their shift ends; for themselves and
    supervisors."""
    check_own_or_supervisor(reader, PersonId(person))
    agent = await desk.agents.read(PersonId(person))
    duty, (keeps, hands_over) = await desk.dispatch.leaving(agent.id, datetime.now(UTC))
    if not duty.is_planned:  # nobody expects them to leave
        keeps, hands_over = [*hands_over, *keeps], []
    return HandOverOut(
        on_shift=duty.on_shift,
        shift_ends_at=duty.shift_ends_at,
        back_at=duty.next_on_at,
        keeps=[_spoken(ticket) for ticket in keeps],
        hands_over=[_spoken(ticket) for ticket in hands_over],
    )


def _spoken(ticket: Ticket) -> HandedTicket:
    return HandedTicket(
        number=ticket.number,
        status=ticket.status,
        priority=ticket.priority,
        next_due_at=ticket.next_due_at,
        offered_to=list(ticket.offer.to) if ticket.offer else [],
    )
