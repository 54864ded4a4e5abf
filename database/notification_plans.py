"""Where a person's plan finds its facts and leaves its decisions: one transaction, one at a time for each person.

Whoever was told of something since the last plan has a notification without `noticed_at`; what some channel has not
decided for good has no `settled_at`.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

import asyncpg

from database.notification_settings import LOCK, read_preferences
from database.people import PERSON, person_of
from database.pool import PATIENT_SECONDS, Connection, Pool
from domain.access import Audience, Reader, may_see_internal, ticket_scope
from domain.errors import NotFoundError
from domain.ids import MessageId, NotificationId, PersonId, TicketNumber
from domain.notification import Channel, NotificationType
from domain.notification_decision import Decision, Outcome, Reason
from domain.notification_plan import Facts, NewDecision, Plan, Unsettled
from domain.ticket import Priority

AT_MOST = 5_000
"""How many notifications one plan looks at: those that are new, then those whose moment comes first."""
UNSENT_AT_MOST = 200
_LATEST = """
left join lateral (
    select outcome, reason, until from notification_decisions
    where notification_id = n.id and channel = '{channel}' order by id desc limit 1
) {channel} on true
"""
_DUE = "case when {channel}.outcome is null then '-infinity' else coalesce({channel}.until, 'infinity') end"
_UNSETTLED = f"""
select n.id, n.type, n.at, n.ticket_number, n.internal, n.read_at, n.in_app,
    {", ".join(f"{channel}.outcome, {channel}.reason, {channel}.until" for channel in Channel)}
from notifications n {" ".join(_LATEST.format(channel=channel) for channel in Channel)}
where n.person_id = $1 and n.settled_at is null
order by n.noticed_at is null desc,
    least({_DUE.format(channel=Channel.EMAIL)}, {_DUE.format(channel=Channel.PUSH)}), n.id
limit {AT_MOST}
"""
_TICKETS = """
select t.number, t.priority, r.organisation, t.team, t.requester_id, t.assignee_id, t.watcher_ids
from tickets t join people r on r.id = t.requester_id where t.number = any($1::bigint[])
"""
_PERSON = f"""
select {PERSON}, p.erased_at is not null as is_erased,
    exists (select from push_subscriptions s where s.person_id = p.id) as has_device
from people p where p.id = $1
"""
_PUSHED = """
select n.type, max(m.created_at) as at from messages m
join notification_decisions d on d.message_id = m.id join notifications n on n.id = d.notification_id
where m.person_id = $1 and m.channel = 'push' and m.created_at > $2 group by n.type
"""
_MESSAGE = """
insert into messages (id, person_id, channel, kind, ticket_number, created_at) values ($1, $2, $3, $4, $5, $6)
"""
_DECIDE = """
insert into notification_decisions (notification_id, channel, at, outcome, reason, until, message_id)
select n, c, $7, o, r, u, m
from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::uuid[]) as x (n, c, o, r, u, m)
"""
_LOOKED_AT = """
update notifications set noticed_at = coalesce(noticed_at, $2),
    settled_at = case when id = any($3::bigint[]) then $2 end
where id in (select id from notifications where id = any($1::bigint[])
    and (noticed_at is null or id = any($3::bigint[])) order by id for no key update)
"""
_DIGEST = """
insert into notifications (person_id, kind, type, why, subject, at) values ($1, 'digest', 'digest', 'person', $2, $3)
on conflict do nothing
"""
_LEFT = f"""
select array(select id from messages where person_id = $1 and sent_at is null and failed_at is null
        order by created_at desc, id limit {UNSENT_AT_MOST}) as unsent,
    not exists (select from notifications where person_id = $1 and settled_at is null) as is_over
"""
_NEW = """
select person_id, min(id) as first from notifications where noticed_at is null
group by person_id order by min(id) limit $1
"""
_OPEN = """
select person_id from (
    select distinct person_id from notifications where settled_at is null
    union select person_id from messages where sent_at is null and failed_at is null
) waiting
where $1::uuid is null or person_id > $1 order by person_id limit $2
"""


class Planned(NamedTuple):
    """What is left to do for a person after a plan."""

    unsent: Sequence[MessageId] = ()
    """Their messages that are neither sent nor failed, the latest first."""
    next_at: datetime | None = None
    is_over: bool = True
    """Whether nothing waits for a decision."""
    decisions: int = 0


class Told(NamedTuple):
    """Somebody who was told of something that no plan has looked at, and the first of it."""

    person: PersonId
    first: NotificationId


class NotificationPlanStore:
    """Plans in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def carry_out(self, person: PersonId, now: datetime, plan: Callable[[Facts, datetime], Plan]) -> Planned:
        """Have a plan made from the facts of this moment, and keep what it decides. Harmless to repeat: what was
        decided is among the facts.

        In a storm thousands of facts wait for one person: they are read and planned in a thread, so that meanwhile the
        process goes on with whatever is due.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(LOCK, person)
            facts = await _facts(connection, person, now)
            if facts is None:
                return Planned()
            planned = await asyncio.to_thread(plan, facts, now)
            await _keep(connection, person, now, planned, [one.id for one in facts.unsettled])
            left = await connection.fetchrow(_LEFT, person)
            assert left is not None  # it has no `from`
        unsent = tuple(MessageId(id) for id in left["unsent"])
        return Planned(unsent, planned.next_at, left["is_over"], len(planned.decisions))

    async def reach(self, person: PersonId) -> Facts:
        """What is known of how a person can be told, without what waits for them. Raises NotFoundError."""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(_PERSON, person)
            if row is None:
                raise NotFoundError("There is no such person.")
            return await _reach(connection, row)

    async def told(self, limit: int) -> list[Told]:
        """Those who were told of something that no plan has looked at, whoever waits longest first."""
        rows = await self._pool.fetch(_NEW, limit, timeout=PATIENT_SECONDS)
        return [Told(PersonId(row["person_id"]), NotificationId(row["first"])) for row in rows]

    async def waiting(self, after: PersonId | None, limit: int) -> list[PersonId]:
        """Those for whom anything waits, by their ids."""
        rows = await self._pool.fetch(_OPEN, after, limit, timeout=PATIENT_SECONDS)
        return [PersonId(row["person_id"]) for row in rows]


async def _facts(connection: Connection, person: PersonId, now: datetime) -> Facts | None:
    """What is known of the person now; None when there is no such person."""
    row = await connection.fetchrow(_PERSON, person)
    if row is None:
        return None
    reach, record = await _reach(connection, row), person_of(row)
    rows = await connection.fetch(_UNSETTLED, person, timeout=PATIENT_SECONDS)
    tickets = await _tickets(connection, {one["ticket_number"] for one in rows if one["ticket_number"] is not None})
    since = now - timedelta(minutes=reach.preferences.settings.bundle_minutes)
    return reach._replace(
        unsettled=await asyncio.to_thread(_unsettled, rows, record.reader, tickets),
        pushed={NotificationType(type): at for type, at in await connection.fetch(_PUSHED, person, since)},
    )


async def _reach(connection: Connection, row: asyncpg.Record) -> Facts:
    person = person_of(row)
    return Facts(
        preferences=await read_preferences(connection, person.id, person.role),
        unsettled=(),
        pushed={},
        is_active=person.is_active and person.kind == "person" and not row["is_erased"],
        has_address=person.email_verified_at is not None,
        has_device=row["has_device"],
    )


class _Ticket(NamedTuple):
    priority: Priority
    audience: Audience


async def _tickets(connection: Connection, numbers: Iterable[TicketNumber]) -> dict[TicketNumber, _Ticket]:
    rows = await connection.fetch(_TICKETS, list(numbers))
    return {number: _Ticket(Priority(priority), Audience(*rest)) for number, priority, *rest in rows}


def _unsettled(
    rows: Iterable[asyncpg.Record], reader: Reader, tickets: Mapping[TicketNumber, _Ticket]
) -> list[Unsettled]:
    """What waits for somebody, the oldest first."""
    scope = ticket_scope(reader)

    def may_see(audience: Audience, *, internal: bool) -> bool:
        return scope.includes(audience) and (not internal or may_see_internal(reader, audience))

    def read(row: asyncpg.Record) -> Unsettled:
        id, type, at, number, internal, read_at, in_app, *decided = row
        ticket = tickets.get(number)
        return Unsettled(
            id=NotificationId(id),
            type=NotificationType(type),
            at=at,
            ticket=number,
            priority=None if ticket is None else ticket.priority,
            read_at=read_at,
            is_visible=number is None or (ticket is not None and may_see(ticket.audience, internal=internal)),
            is_muted=not in_app,
            decided={
                channel: Decision(Outcome(outcome), Reason(reason), until)
                for channel, outcome, reason, until in zip(
                    Channel, decided[::3], decided[1::3], decided[2::3], strict=True
                )
                if outcome is not None
            },
        )

    return sorted(map(read, rows), key=lambda one: one.id)


async def _keep(
    connection: Connection, person: PersonId, now: datetime, plan: Plan, loaded: Sequence[NotificationId]
) -> None:
    ids = [MessageId(uuid4()) for _ in plan.messages]
    messages = [(id, person, *message, now) for id, message in zip(ids, plan.messages, strict=True)]
    await connection.executemany(_MESSAGE, messages)
    if plan.decisions:
        await connection.execute(_DECIDE, *_columns(plan.decisions, ids), now, timeout=PATIENT_SECONDS)
    if loaded:
        await connection.execute(_LOOKED_AT, list(loaded), now, list(plan.settled), timeout=PATIENT_SECONDS)
    if plan.digest_of is not None:
        await connection.execute(_DIGEST, person, plan.digest_of.isoformat(), now)


def _columns(decisions: Sequence[NewDecision], messages: Sequence[MessageId]) -> tuple[list[object], ...]:
    rows = [
        (one.notification, one.channel, *one.decision, None if one.message is None else messages[one.message])
        for one in decisions
    ]
    return tuple(map(list, zip(*rows, strict=True)))
