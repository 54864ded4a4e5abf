"""The event log as it is read: by the stream in commit order, by the timeline in the ticket's order.

Numbers are drawn before commit, so a reader that has passed event 12 may meet event 11 later. Rows therefore carry
their transaction's id, and readers stop below the oldest transaction that is still open
(`pg_snapshot_xmin(pg_current_snapshot())`): nothing can commit behind them. A cursor names a row by (xid, id).
"""

import re
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from database.pool import PATIENT_SECONDS, Pool
from domain.errors import InvalidError
from domain.ids import PersonId, TicketNumber
from domain.ticket import Slug
from domain.ticket_events import TICKET_EVENT, PastChange

_CURSOR = re.compile(r"(\d{1,9})\.(\d{1,19})-(\d{1,19})")


class StreamCursor(NamedTuple):
    """A place in the log: after row (xid, id) of this epoch. Ordered as the log is."""

    epoch: int
    xid: int
    id: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.xid}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> "StreamCursor":
        """Raises InvalidError for a text that is no cursor."""
        match = _CURSOR.fullmatch(text)
        if match is None or any(int(part) >= 2**63 for part in match.groups()):
            raise InvalidError("This is no cursor of the event stream.")
        return cls(*(int(part) for part in match.groups()))


STREAM_CURSOR = "(select epoch from event_stream)::text || '.' || pg_snapshot_xmin(pg_current_snapshot())::text || '-0'"
"""SQL: the cursor of this statement's snapshot. Whatever the snapshot does not show comes after it."""


def cursor_of(text: str) -> StreamCursor:
    """The value of STREAM_CURSOR."""
    return StreamCursor.parse(text)


class EventPlace(NamedTuple):
    """Where an event was found in the log."""

    xid: int
    id: int


class EventRecord(NamedTuple):
    """An event with whom it concerns today: the ticket's present team, requester and assignee decide who may see it.

    One without a ticket is about `person`, or it names its team itself, or it is nobody's.
    """

    cursor: StreamCursor
    topic: str
    type: str
    at: datetime
    ticket: TicketNumber | None
    revision: int | None
    actor_kind: str
    actor_id: PersonId | None
    actor_name: str | None
    internal: bool
    data: str
    assignee_name: str | None
    requester_name: str | None
    title: str | None
    """The title that the event brought, if it opened or reworded the ticket."""
    person: PersonId | None
    team: Slug | None
    requester_id: PersonId | None
    assignee_id: PersonId | None
    person_name: str | None
    organisation: Slug | None
    watcher_ids: list[PersonId] | None


class TimelineRecord(NamedTuple):
    """An event of one ticket with the text it brought."""

    revision: int
    type: str
    at: datetime
    actor_kind: str
    actor_id: PersonId | None
    actor_name: str | None
    internal: bool
    data: str
    assignee_name: str | None
    requester_name: str | None
    title: str | None
    body: str | None


_EVENT = """
select e.xid::text::bigint as xid, e.id, e.topic, e.type, e.at, e.ticket_number, e.revision, e.actor_kind,
    e.actor_id, p.name as actor_name, e.internal, e.data, n.name as assignee_name, r.name as requester_name,
    x.title, e.person_id, case when e.topic = 'queue' then e.data ->> 'team' else t.team end as team, t.requester_id,
    t.assignee_id, s.name as person_name, q.organisation, t.watcher_ids
from events e
left join tickets t on t.number = e.ticket_number
left join people q on q.id = t.requester_id
left join people s on s.id = e.person_id
left join people p on p.id = e.actor_id
left join people n on n.id = (e.data ->> 'assignee_id')::uuid
left join people r on r.id = (e.data ->> 'requester_id')::uuid
left join ticket_texts x on x.id = e.text_id
"""
_AFTER = f"""
{_EVENT}
where (e.xid, e.id) > ($1::text::xid8, $2) and e.xid < pg_snapshot_xmin(pg_current_snapshot())
order by e.xid, e.id
limit $3
"""

_AT = f"""
select one.*, (select epoch from event_stream) as epoch
from ({_EVENT} where e.xid in ($1::text::xid8, '0') and e.id = $2) one
"""
_TIMELINE = """
select e.revision, e.type, e.at, e.actor_kind, e.actor_id, p.name as actor_name, e.internal, e.data,
    n.name as assignee_name, r.name as requester_name, x.title, x.body
from events e
left join people p on p.id = e.actor_id
left join people n on n.id = (e.data ->> 'assignee_id')::uuid
left join people r on r.id = (e.data ->> 'requester_id')::uuid
left join ticket_texts x on x.id = e.text_id
where e.ticket_number = $1 and e.revision > $2 and (not e.internal or $3)
order by e.revision
limit $4
"""

_CHANGES = """
select c.first_revision, min(e.at) as at, bool_and(e.actor_kind = 'timer') as by_timer,
    array_agg(e.data order by e.revision) as events
from ticket_commands c
join events e on e.ticket_number = c.ticket_number and e.revision between c.first_revision and c.revision
where c.ticket_number = $1
group by c.first_revision
order by c.first_revision
"""


class EventLog:
    """Reads the event log."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def now(self) -> StreamCursor:
        """The cursor behind everything that is committed for good."""
        return cursor_of(await self._pool.fetchval(f"select {STREAM_CURSOR}"))

    async def after(self, cursor: StreamCursor, limit: int = 500) -> list[EventRecord]:
        """The next events after the cursor, in the log's order; none that could still be overtaken."""
        rows = await self._pool.fetch(_AFTER, str(cursor.xid), cursor.id, limit)
        return [_event(cursor.epoch, row) for row in rows]

    async def at(self, place: EventPlace) -> EventRecord | None:
        """The event in this place, also when a restored log has begun anew since; None when it is not there any
        more."""
        row = await self._pool.fetchrow(_AT, str(place.xid), place.id)
        return None if row is None else _event(row["epoch"], row)

    async def is_older_than(self, cursor: StreamCursor, days: int) -> bool:
        """Whether the stream no longer keeps all that came after the cursor."""
        return bool(
            await self._pool.fetchval(
                "select recorded_at < now() - make_interval(days => $3) from events "
                "where (xid, id) > ($1::text::xid8, $2) order by xid, id limit 1",
                str(cursor.xid),
                cursor.id,
                days,
            )
        )

    async def horizon_age_seconds(self) -> float:
        """How long the oldest open writing transaction has been holding the stream back."""
        age = await self._pool.fetchval(
            "select coalesce(extract(epoch from max(now() - xact_start)), 0)::float8 from pg_stat_activity "
            "where backend_xid is not null"
        )
        return float(age)

    async def timeline(
        self, ticket: TicketNumber, after_revision: int, limit: int, with_internal: bool
    ) -> list[TimelineRecord]:
        """A ticket's events after a revision, oldest first; internal ones only for those who may see them."""
        rows = await self._pool.fetch(_TIMELINE, ticket, after_revision, with_internal, limit)
        return [TimelineRecord(*row.values()) for row in rows]

    async def changes(self, ticket: TicketNumber) -> list[PastChange]:
        """All that happened to a ticket, command by command, oldest first."""
        rows = await self._pool.fetch(_CHANGES, ticket)
        return [
            PastChange(
                row["at"], row["first_revision"], tuple(map(TICKET_EVENT.validate_json, row["events"])), row["by_timer"]
            )
            for row in rows
        ]

    async def heal_epoch(self) -> int:
        """Begin a new epoch when the log holds transaction ids that this server has not reached yet.

        That is so after a dump was restored into another cluster, and the stream would stand still until the new
        server got there. All old ids become 0 (their order is then that of their row ids), and cursors of the old
        epoch are answered with `reset`. Returns the epoch in force.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("lock table event_stream in exclusive mode")
            ahead = await connection.fetchval(
                "select exists (select from events where xid >= pg_snapshot_xmax(pg_current_snapshot()))"
            )
            if ahead:
                await connection.execute("update events set xid = '0'", timeout=PATIENT_SECONDS)
                await connection.execute("update event_stream set epoch = epoch + 1")
            return int(await connection.fetchval("select epoch from event_stream"))


def _event(epoch: int, row: asyncpg.Record) -> EventRecord:
    values: list[Any] = list(row.values())
    return EventRecord(StreamCursor(epoch, values[0], values[1]), *values[2 : len(EventRecord._fields) + 1])
