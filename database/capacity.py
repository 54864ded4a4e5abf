"""What agents carry. Capacity is a lease: every ticket that somebody has and that waits for nobody else weighs."""

from typing import Any

from database.pool import Connection
from domain.errors import AssigneeUnavailableError, OverCapacityError
from domain.ids import PersonId, TicketNumber
from domain.ticket import Status

WEIGHS = "t.status in ('new', 'open') and not t.snoozed"
"""SQL: whether ticket `t` takes room from who has it. What waits for others, or is resolved, does not."""
CARRIED = f"""
    coalesce(sum((a.weights ->> t.priority)::float8), 0) as weight,
    coalesce(sum(coalesce(t.estimated_minutes, m.usual_minutes, 15)), 0)::int as minutes,
    count(t.number)::int as tickets
from agents a
left join tickets t on t.assignee_id = a.person_id and {WEIGHS}
left join teams m on m.slug = t.team
"""
"""SQL: what agent `a` carries; to be grouped by agent."""
_ROOM = f"""
select p.name, a.capacity_tickets, a.capacity_minutes, (a.weights ->> $3)::float8 as own_weight,
    coalesce($4, (select usual_minutes from teams where slug = $5), 15)::int as own_minutes, {CARRIED}
    and t.number <> $2
join people p on p.id = a.person_id
where a.person_id = $1 group by p.name, a.person_id
"""
_TICKET = "select priority, estimated_minutes, team, status, snoozed from tickets where number = $1"


async def lease(connection: Connection, person: PersonId, number: TicketNumber, changed: dict[str, Any]) -> None:
    """Make sure, until the transaction ends, that the person has room for the ticket as the change makes it.

    Whoever else gives them a ticket waits for this transaction. Raises OverCapacityError.
    """
    if not await connection.fetchval("select true from agents where person_id = $1 for update", person):
        raise AssigneeUnavailableError(f"{person} is no agent.")
    found = await connection.fetchrow(_TICKET, number)
    if found is None:
        return
    ticket = {**found, **changed}
    if ticket["snoozed"] or ticket["status"] not in (Status.NEW, Status.OPEN):
        return
    room = await connection.fetchrow(
        _ROOM, person, number, ticket["priority"], ticket["estimated_minutes"], ticket["team"]
    )
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
