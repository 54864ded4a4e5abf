"""What a client of the stream must have heard, and what it must know: the database and the API's lists against it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from database.pool import Pool
from operations.replay.evidence import place_of
from tests.system.client_session import Json
from tests.system.stream_client import FIELDS_OF_EVENTS, StreamClient

Heard = tuple[int, int, int | None, int | None, str]
"""(xid, id, ticket, revision, type) of an event."""
_VISIBLE = """
select e.xid::text::bigint, e.id, e.ticket_number, e.revision, e.type
from events e left join tickets t on t.number = e.ticket_number
where (e.xid, e.id) > ($1::text::xid8, $2)
    and ($3::text[] is null or e.topic = any($3)) and ($4::bigint is null or e.ticket_number = $4)
    and case e.topic
        when 'tickets' then case $5
            when 'requester' then t.requester_id = $6 and not e.internal
            when 'agent' then t.team is null or t.team = any($7) or t.assignee_id = $6
            else true end
        when 'presence' then $5 <> 'requester'
        when 'queue' then $5 in ('supervisor', 'admin') or ($5 = 'agent' and e.data ->> 'team' = any($7))
        when 'notifications' then e.person_id = $6
        else false end
order by e.xid, e.id
"""
CLOCK_FIELDS = ("target", "audience", "cycle", "state", "due_at", "warn_at", "met_at", "breached_at")
"""What events tell of a clock; how many seconds are used up is a matter of the moment of reading."""
NOT_FOR_REQUESTERS = frozenset({"sla", "sla_state", "offer", "revision", "updated_at"})
"""What internal events change too: a requester's rows have them as of the last event that was theirs to hear."""


@dataclass
class Listener:
    """Who listens, what they ask for, with which rights (learned at signing in), and what they have heard so far."""

    name: str
    role: str = ""
    person: str = ""
    teams: tuple[str, ...] = ()
    topics: tuple[str, ...] | None = None
    ticket: int | None = None
    heard: list[Heard] = field(default_factory=list)

    def hear(self, event: Json) -> None:
        self.heard.append((*place_of(event["id"]), event["ticket"], event["revision"], event["type"]))


async def visible_events(pool: Pool, listener: Listener, since: str) -> list[Heard]:
    """Every event after a cursor that the listener may see and asked for, in the log's order."""
    rows = await pool.fetch(
        _VISIBLE,
        str(place_of(since)[0]),
        place_of(since)[1],
        listener.topics,
        listener.ticket,
        listener.role,
        UUID(listener.person),
        list(listener.teams),
    )
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


async def delivery_faults(pool: Pool, listener: Listener, since: str) -> list[str]:
    """Each event that the listener may see came once, in the log's order, and nothing else did."""
    expected = await visible_events(pool, listener, since)
    if listener.heard == expected:
        return []
    times = Counter(listener.heard)
    faults = [f"{listener.name} heard {times[event]} times: {event}" for event in expected if times[event] != 1]
    faults += [f"not for {listener.name}: {event}" for event in times.keys() - set(expected)]
    return faults or [f"{listener.name} heard out of order"]


def state_faults(listener: Listener, client: StreamClient, fresh: StreamClient) -> list[str]:
    """What the client made of the events is what the lists show, field by field of what events carry."""
    faults = [
        f"{listener.name}: ticket {number} is {'only in the list' if number in fresh.tickets else 'in no list'}"
        for number in sorted(client.tickets.keys() ^ fresh.tickets.keys())
    ]
    for number in sorted(client.tickets.keys() & fresh.tickets.keys()):
        faults += [
            f"{listener.name}: {name} of ticket {number} is {known!r}, the list has {listed!r}"
            for name, known, listed in _compared(listener, client.tickets[number], fresh.tickets[number])
            if known != listed
        ]
    if client.presence != fresh.presence:
        faults.append(f"{listener.name}: presence is {client.presence}, the list has {fresh.presence}")
    return faults


def _compared(listener: Listener, known: Json, listed: Json) -> Iterator[tuple[str, Any, Any]]:
    for name in (*FIELDS_OF_EVENTS, "revision", "updated_at", "created_at"):
        if listener.role != "requester" or name not in NOT_FOR_REQUESTERS:
            yield name, _plain(name, known.get(name)), _plain(name, listed[name])


def _plain(name: str, value: Any) -> Any:
    """The same moment, however it is written, and of a clock what events tell."""
    if name == "sla":
        return [{field: _plain(field, clock[field]) for field in CLOCK_FIELDS} for clock in value]
    if isinstance(value, dict):
        return {field: _plain(field, one) for field, one in value.items()}
    if isinstance(value, str) and name.endswith("_at"):
        return datetime.fromisoformat(value)
    if name == "snoozed_until" and value is not None:
        return datetime.fromisoformat(value)
    return value
