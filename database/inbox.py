"""The inbox: what a person was told of, read and unread. Muted notifications are not in it; the whys find them.

A list begins at a moment, and its cursor carries that moment on: what is read meanwhile stays at its place, and what
comes meanwhile comes before the first page, so that nothing is shown twice and nothing is left out.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from database.bell import BELL
from database.events import STREAM_CURSOR, StreamCursor, cursor_of
from database.inbox_places import GroupPlace, Place
from database.pool import Connection, Pool
from domain.errors import NotificationNotFoundError
from domain.ids import NotificationId, PersonId, TicketNumber
from domain.inbox import Decision
from domain.notification import NotificationType
from domain.people import Actor
from domain.ticket import Priority, Slug, Status
from domain.ticket_events import TICKET_EVENT, TicketEvent

BATCH = 2_000
"""As many are marked in one transaction: while it is open, nobody's stream goes on."""
MOST_IDS_TOLD = 200
"""Of more than these a stream event says only how many were read."""


class InboxRecord(NamedTuple):
    """A notification as its receiver reads it, with the ticket of today: whom that concerns decides what is shown."""

    id: NotificationId
    type: str
    kind: str
    at: datetime
    read_at: datetime | None
    why: str
    internal: bool
    in_app: bool
    actor_kind: str
    actor_id: PersonId | None
    actor_name: str | None
    ticket: TicketNumber | None
    revision: int | None
    subject: str | None
    details: dict[str, Any]
    """Those values of the event that a sentence may need."""
    title: str | None
    priority: Priority | None
    status: Status | None
    team: Slug | None
    requester_id: PersonId
    """Of a ticket; else nobody's."""
    assignee_id: PersonId | None
    watcher_ids: list[PersonId]
    organisation: Slug | None


class InboxFilter(NamedTuple):
    """What a list is narrowed to; None and nothing mean all."""

    unread: bool | None = None
    types: Sequence[NotificationType] = ()
    ticket: TicketNumber | None = None


class InboxPage(NamedTuple):
    items: list[InboxRecord]
    next_cursor: str | None
    stream_cursor: StreamCursor


class InboxGroup(NamedTuple):
    """What somebody was told of one ticket, or of one type that is about none."""

    size: int
    unread: int
    types: list[str]
    last: InboxRecord


class GroupPage(NamedTuple):
    items: list[InboxGroup]
    next_cursor: str | None
    stream_cursor: StreamCursor


class InboxCounts(NamedTuple):
    """How many are unread, by type; types without any are not in it."""

    by_type: Mapping[str, int]
    stream_cursor: StreamCursor

    @property
    def unread(self) -> int:
        return sum(self.by_type.values())


class Marking(NamedTuple):
    """Which notifications are to be marked: those to which all applies that is given."""

    ids: Sequence[NotificationId] | None = None
    ticket: TicketNumber | None = None
    types: Sequence[NotificationType] = ()
    up_to: NotificationId | None = None
    up_to_at: datetime | None = None


class Explained(NamedTuple):
    """A notification with what was decided for it, in that order."""

    record: InboxRecord
    decisions: list[Decision]


class PastEvent(NamedTuple):
    """An event of a ticket, who caused it, and the last revision of the change that it belongs to."""

    revision: int
    change_revision: int
    at: datetime
    actor: Actor
    event: TicketEvent


_DETAILS = ", ".join(
    f"'{name}', e.data -> '{name}'" for name in ("status", "percent", "target", "escalation_level", "step", "rating")
)
_COLUMNS = f"""
n.id, n.type, n.kind, n.at, n.read_at, n.why, n.internal, n.in_app, n.actor_kind, n.actor_id, a.name as actor_name,
    n.ticket_number, n.revision, n.subject, jsonb_strip_nulls(jsonb_build_object({_DETAILS})) as details,
    w.title, t.priority, t.status, t.team, t.requester_id, t.assignee_id, t.watcher_ids, r.organisation
"""
_RELATED = """
left join people a on a.id = n.actor_id
left join tickets t on t.number = n.ticket_number
left join ticket_texts w on w.id = t.wording_id
left join people r on r.id = t.requester_id
left join events e on e.ticket_number = n.ticket_number and e.revision = n.revision
"""
_FITS = """
n.person_id = $1 and n.in_app and (cardinality($2::text[]) = 0 or n.type = any($2))
    and ($3::bigint is null or n.ticket_number = $3)
"""
_PAGE = f"""
select page.stream_cursor, page.as_of, n.is_unread, {_COLUMNS}
from (select {STREAM_CURSOR} as stream_cursor, coalesce($5::timestamptz, now()) as as_of) page
left join lateral (
    select * from ({{parts}}) both_parts order by is_unread desc, at desc, id desc limit $4
) n on true
{_RELATED}
order by n.is_unread desc, n.at desc, n.id desc
"""
_PART = f"""
(select n.*, {{is_unread}} as is_unread from notifications n where {_FITS} and {{which}}
    order by at desc, id desc limit $4)
"""
_UNREAD = {False: "n.read_at is null", True: "(n.read_at is null or n.read_at > $5)"}
"""What counts as unread on the first page, and on those after it."""
_READ = {False: "n.read_at is not null", True: "n.read_at <= $5"}
_GROUPS = f"""
with page as (
    select {STREAM_CURSOR} as stream_cursor,
        coalesce($5::bigint, (select max(id) from notifications where person_id = $1), 0) as newest
), parts as (
    select n.ticket_number, n.type, count(*) as count, count(*) filter (where n.read_at is null) as unread,
        max(n.at) as last_at
    from notifications n, page where {_FITS} and n.id <= page.newest group by n.ticket_number, n.type
), groups as (
    select coalesce(ticket_number::text, type) as thing, sum(count)::int as count, sum(unread)::int as unread,
        array_agg(type order by type) as types, max(last_at) as last_at
    from parts group by thing
), shown as (
    select * from groups g where ($6::bool is null or (g.unread > 0) = $6)
        and ($7::timestamptz is null or (g.last_at, g.thing) < ($7, $8::text))
    order by last_at desc, thing desc limit $4
)
select page.stream_cursor, page.newest, g.thing, g.count, g.unread, g.types, {_COLUMNS}
from page left join shown g on true left join lateral (
    select * from notifications n where {_FITS} and n.id <= page.newest and n.at = g.last_at
        and coalesce(n.ticket_number::text, n.type) = g.thing order by n.id desc limit 1
) n on true
{_RELATED}
order by g.last_at desc, g.thing desc
"""
_COUNTS = f"""
select {STREAM_CURSOR} as stream_cursor, (
    select jsonb_object_agg(type, count) from (
        select type, count(*) from notifications
        where person_id = $1 and read_at is null and in_app group by type) as by_type) as counts
"""
_MARKED = """
n.person_id = $1 and n.in_app and ($2::bigint[] is null or n.id = any($2))
    and ($3::bigint is null or n.ticket_number = $3)
    and (cardinality($4::text[]) = 0 or n.type = any($4)) and ($5::bigint is null or n.id <= $5)
    and ($6::timestamptz is null or n.at <= $6)
"""
_MARK = """
update notifications set read_at = {read_at} where id in (
    select n.id from notifications n where n.read_at is {otherwise} and {marked} limit {most}) returning id
"""
_MARKS = {
    True: _MARK.format(read_at="clock_timestamp()", otherwise="null", marked=_MARKED, most=BATCH),
    False: _MARK.format(read_at="null", otherwise="not null", marked=_MARKED, most=BATCH),
}
"""By whether they are read from now on."""
_TELL = f"""
with event as (
    insert into events (topic, type, at, actor_kind, actor_id, actor_role, internal, person_id, data)
    values ('notifications', $2, now(), 'person', $1, $3, false, $1, $4::jsonb)
)
select pg_notify('{BELL}', '')
"""
_DECISIONS = """
select d.channel, d.at, d.outcome, d.reason, d.until, m.sent_at, m.failed_at, m.failure
from notification_decisions d left join messages m on m.id = d.message_id
where d.notification_id = $1 order by d.id
"""
_EVENT = """
select e.revision, coalesce(c.revision, e.revision) as change_revision, e.at, e.actor_kind, e.actor_id, e.actor_role,
    e.data
from events e left join ticket_commands c on c.ticket_number = e.ticket_number
    and e.revision between c.first_revision and c.revision
where e.ticket_number = $1 and (not e.internal or $3) and ($2::int is null or e.revision = $2)
order by e.revision desc limit 1
"""


class InboxStore:
    """Inboxes in PostgreSQL. Whoever asks is shown their own."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def page(self, person: PersonId, wanted: InboxFilter, limit: int, cursor: str | None) -> InboxPage:
        """Unread ones first, then the newest first. Raises InvalidError for a cursor that is none of this list."""
        place = None if cursor is None else Place.parse(cursor, wanted.unread)
        rows = await self._pool.fetch(
            _PAGE.format(parts=" union all ".join(_parts(wanted.unread, place))),
            person,
            list(wanted.types),
            wanted.ticket,
            limit + 1,
            place and place.as_of,
            *([] if place is None else [place.at, place.id]),
        )
        found = [row for row in rows if row["id"] is not None]
        next_cursor = None
        if len(found) > limit:
            last = found[limit - 1]
            next_cursor = str(Place(wanted.unread, last["as_of"], last["is_unread"], last["at"], last["id"]))
        return InboxPage([_record(row, 3) for row in found[:limit]], next_cursor, cursor_of(rows[0]["stream_cursor"]))

    async def groups(self, person: PersonId, wanted: InboxFilter, limit: int, cursor: str | None) -> GroupPage:
        """The same by ticket, and by type what is about none; whichever was told of last comes first.

        Raises InvalidError for a cursor that is none of this list.
        """
        place = None if cursor is None else GroupPlace.parse(cursor)
        rows = await self._pool.fetch(
            _GROUPS, person, list(wanted.types), wanted.ticket, limit + 1,
            place and place.newest, wanted.unread, place and place.at, place and place.thing,
        )  # fmt: skip
        found = [row for row in rows if row["id"] is not None]
        next_cursor = None
        if len(found) > limit:
            last = found[limit - 1]
            next_cursor = str(GroupPlace(last["newest"], last["at"], last["thing"]))
        items = [InboxGroup(row["count"], row["unread"], row["types"], _record(row, 6)) for row in found[:limit]]
        return GroupPage(items, next_cursor, cursor_of(rows[0]["stream_cursor"]))

    async def counts(self, person: PersonId) -> InboxCounts:
        """How many are unread."""
        return await _counts(self._pool, person)

    async def mark(self, actor: Actor, marking: Marking, *, is_read: bool) -> tuple[int, InboxCounts]:
        """Make notifications of the actor's own read, or unread again; their other devices are told in the same
        transaction, BATCH by BATCH. Returns how many were not so before, and what is unread behind it. Harmless to
        repeat."""
        total = 0
        while True:
            async with self._pool.acquire() as connection, connection.transaction():
                # Of two devices that read at once the second one counts what the first one left.
                await connection.execute("select from people where id = $1 for no key update", actor.id)
                changed, counts = await _mark(connection, actor, marking, is_read=is_read)
            total += changed
            if changed < BATCH:
                return total, counts

    async def mark_one(self, actor: Actor, id: NotificationId, *, is_read: bool) -> tuple[int, InboxCounts]:
        """The same for one. Raises NotificationNotFoundError when it is not in the actor's inbox."""
        known = "select true from notifications where id = $1 and person_id = $2 and in_app"
        if not await self._pool.fetchval(known, id, actor.id):
            raise NotificationNotFoundError("There is no such notification in your inbox.")
        return await self.mark(actor, Marking(ids=[id]), is_read=is_read)

    async def explain(self, person: PersonId, id: NotificationId) -> Explained:
        """A notification of theirs, also a muted one, and what was decided for it. Raises
        NotificationNotFoundError."""
        found = await self._explained("n.id = $2", person, id)
        if found is None:
            raise NotificationNotFoundError("You have no such notification.")
        return found

    async def explain_event(self, person: PersonId, ticket: TicketNumber, revision: int) -> Explained | None:
        """The same for what they were told of an event; None when they were not."""
        return await self._explained("n.ticket_number = $2 and n.revision = $3", person, ticket, revision)

    async def event(self, ticket: TicketNumber, revision: int | None, *, with_internal: bool) -> PastEvent | None:
        """An event of a ticket, or the last one, if there is one that may be seen."""
        row = await self._pool.fetchrow(_EVENT, ticket, revision, with_internal)
        if row is None:
            return None
        actor = Actor(kind=row["actor_kind"], id=row["actor_id"], role=row["actor_role"])
        return PastEvent(
            row["revision"], row["change_revision"], row["at"], actor, TICKET_EVENT.validate_json(row["data"])
        )

    async def _explained(self, which: str, *arguments: object) -> Explained | None:
        row = await self._pool.fetchrow(
            f"select {_COLUMNS} from notifications n {_RELATED} where n.person_id = $1 and {which}", *arguments
        )
        if row is None:
            return None
        decisions = await self._pool.fetch(_DECISIONS, row["id"])
        return Explained(_record(row, 0), [Decision(*one.values()) for one in decisions])


async def _mark(connection: Connection, actor: Actor, marking: Marking, *, is_read: bool) -> tuple[int, InboxCounts]:
    marked = await connection.fetch(
        _MARKS[is_read],
        actor.id,
        None if marking.ids is None else list(marking.ids),
        marking.ticket,
        list(marking.types),
        marking.up_to,
        marking.up_to_at,
    )
    counts = await _counts(connection, actor.id)
    if marked:
        ids = sorted(row["id"] for row in marked) if len(marked) <= MOST_IDS_TOLD else None
        change = {"ids": ids, "count": len(marked), "unread": counts.unread, "by_type": counts.by_type}
        type = "notification.read" if is_read else "notification.unread"
        await connection.execute(_TELL, actor.id, type, actor.role, json.dumps(change))
    return len(marked), counts


async def _counts(connection: "Connection | Pool", person: PersonId | None) -> InboxCounts:
    row = await connection.fetchrow(_COUNTS, person)
    assert row is not None
    return InboxCounts(json.loads(row["counts"] or "{}"), cursor_of(row["stream_cursor"]))


def _parts(unread: bool | None, place: Place | None) -> list[str]:
    """The statements of the unread and the read ones, as far as they are asked for and lie after the place."""
    after = "" if place is None else " and (n.at, n.id) < ($6, $7)"
    later = place is not None
    parts = []
    if unread is not False and (place is None or place.is_unread):
        parts.append(_PART.format(is_unread="true", which=_UNREAD[later] + after))
    if unread is not True:
        passed = after if place is not None and not place.is_unread else ""
        parts.append(_PART.format(is_unread="false", which=_READ[later] + passed))
    return parts


def _record(row: asyncpg.Record, first: int) -> InboxRecord:
    """From a row of _COLUMNS, which begin at `first`."""
    record = InboxRecord._make(row[first : first + len(InboxRecord._fields)])
    return record._replace(
        details=json.loads(row["details"]),
        priority=None if record.priority is None else Priority(record.priority),
        status=None if record.status is None else Status(record.status),
        watcher_ids=record.watcher_ids or [],
    )
