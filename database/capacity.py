"""What agents carry. Capacity is a lease: every ticket that somebody has and that waits for nobody else weighs."""

from typing import Any

from database.agent_rows import CARRIED
from database.pool import Connection
from domain.errors import OverCapacityError
from domain.ids import PersonId, TicketNumber
from domain.team import USUAL_MINUTES
from domain.ticket import Status

_ROOM = f"""
select p.name, a.capacity_tickets, a.capacity_minutes, (a.weights ->> $2)::float8 as own_weight,
    coalesce($3, (select usual_minutes from teams where slug = $4), {USUAL_MINUTES})::int as own_minutes, {CARRIED}
join people p on p.id = a.person_id
where a.person_id = $1 group by p.name, a.person_id
"""
_TICKET = "select priority, estimated_minutes, team, status, snoozed from tickets where number = $1"


async def lease(connection: Connection, person: PersonId, number: TicketNumber, changed: dict[str, Any]) -> None:
    """Make sure that the person has room for the ticket as the change makes it.

    The caller's transaction has locked the agent, so whoever else gives them a ticket waits. Raises OverCapacityError.
    """
    found = await connection.fetchrow(_TICKET, number)
    if found is None:
        return
    ticket = {**found, **changed}
    if ticket["snoozed"] or ticket["status"] not in (Status.NEW, Status.OPEN):
        return
    room = await connection.fetchrow(_ROOM, person, ticket["priority"], ticket["estimated_minutes"], ticket["team"])
    if room is None:
        return
    if room["weight"] + room["own_weight"] > room["capacity_tickets"]:
        raise OverCapacityError(
            f"{room['name']} carries {room['weight']:g} of {room['capacity_tickets']:g} tickets already."
        )
    most = room["capacity_minutes"]
    if most is not None and room["minutes"] + room["own_minutes"] > most:
        raise OverCapacityError(
            f"{room['name']} carries {room['minutes']} of {most} minutes of work already; this is "
            f"{room['own_minutes']} more."
        )
