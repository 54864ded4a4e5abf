"""Messages: what is to be sent to whom, read at the moment of sending, and what became of it."""

import asyncpg

from database.people import PERSON, PersonRecord, person_of
from database.personal_data import ERASED
from database.pool import Pool
from domain.access import Audience, Reader, may_see_internal, ticket_scope
from domain.ids import MessageId, NotificationId, PushSubscriptionId, TicketNumber
from domain.message import (
    INACTIVE,
    LONGEST_QUOTE,
    NO_ADDRESS,
    NOTHING_LEFT,
    Message,
    MessageItem,
    MessageNotSentError,
    Receiver,
    Route,
    TicketGlance,
)
from domain.notification import Channel, NotificationType
from domain.ticket import Priority, Status

_UNSENT = "m.id = $1 and m.sent_at is null and m.failed_at is null"
_ROUTE = f"""
select m.channel, array(select s.id from push_subscriptions s
    where m.channel = 'push' and s.person_id = m.person_id order by s.created_at, s.id) as subscriptions
from messages m where {_UNSENT}
"""
_MESSAGE = f"""
select {PERSON}, p.erased_at, coalesce(n.zone, 'UTC') as zone, m.channel, m.kind as message_kind,
    m.created_at as asked_at,
    (select count(*) from notifications u where u.person_id = p.id and u.read_at is null and u.in_app) as unread,
    (select b.id from messages b where m.channel = 'email' and b.channel = 'email' and b.person_id = m.person_id
        and b.ticket_number = m.ticket_number and b.created_at < m.created_at and b.sent_at is not null
        order by b.created_at desc limit 1) as previous
from messages m join people p on p.id = m.person_id left join notification_settings n on n.person_id = p.id
where m.id = $1 and m.failed_at is null and (m.sent_at is null or m.channel = 'push')
"""
"""A push that one device has counts as sent, while it still goes to the others."""
_ITEMS = """
select n.id, n.type, n.kind, n.why, n.at, n.internal, a.name as actor,
    case when n.type in ('replied', 'mentioned') then left(x.body, $2) end as text,
    case when n.type = 'status_changed' then e.data ->> 'status' end as status_told,
    t.number, w.title, t.status, t.priority, t.sla_due_at, (t.offer ->> 'expires_at')::timestamptz as offered_until,
    r.organisation, t.team, t.requester_id, t.assignee_id, t.watcher_ids
from messages m
join notifications n on n.person_id = m.person_id
left join people a on a.id = n.actor_id
left join tickets t on t.number = n.ticket_number
left join ticket_texts w on w.id = t.wording_id
left join people r on r.id = t.requester_id
left join events e on e.ticket_number = n.ticket_number and e.revision = n.revision
left join ticket_texts x on x.id = e.text_id
where m.id = $1 and exists (select from notification_decisions d where d.message_id = m.id and d.notification_id = n.id)
order by n.at, n.id
"""


class MessageStore:
    """Messages in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def route(self, message: MessageId) -> Route | None:
        """By which way the message goes, and to which devices; None when it is not to be sent any more."""
        row = await self._pool.fetchrow(_ROUTE, message)
        if row is None:
            return None
        return Route(channel=Channel(row["channel"]), subscriptions=tuple(map(PushSubscriptionId, row[1])))

    async def read(self, message: MessageId) -> Message | None:
        """The message with what its receiver may still see of it; None when it is not to be sent any more.

        Raises MessageNotSentError when there is nobody to send it to, or nothing left to say.
        """
        row = await self._pool.fetchrow(_MESSAGE, message)
        if row is None:
            return None
        person, channel = person_of(row), Channel(row["channel"])
        _check_reachable(person, channel, is_erased=row["erased_at"] is not None)
        found = await self._pool.fetch(_ITEMS, message, LONGEST_QUOTE + 1)
        items = tuple(_item(one) for one in found if _may_be_told(person.reader, one))
        if not items:
            raise MessageNotSentError(NOTHING_LEFT)
        return Message(
            message,
            channel,
            row["message_kind"],
            row["asked_at"],
            Receiver(person.id, person.name, person.email, row["zone"]),
            items,
            None if row["previous"] is None else MessageId(row["previous"]),
            row["unread"],
        )

    async def mark_sent(self, message: MessageId) -> None:
        """Repeating it changes nothing."""
        await self._pool.execute(f"update messages m set sent_at = now() where {_UNSENT}", message)

    async def mark_failed(self, message: MessageId, failure: str) -> None:
        """Repeating it changes nothing. The failure is a code."""
        await self._pool.execute(
            f"update messages m set failed_at = now(), failure = $2 where {_UNSENT}", message, failure
        )


def _check_reachable(person: PersonRecord, channel: Channel, *, is_erased: bool) -> None:
    if channel is Channel.EMAIL and (is_erased or person.email_verified_at is None):
        raise MessageNotSentError(NO_ADDRESS)
    if not person.is_active:
        raise MessageNotSentError(INACTIVE)


def _may_be_told(reader: Reader, row: asyncpg.Record) -> bool:
    """Whether the notification is still one for this reader's eyes, by the rights of this moment."""
    if row["number"] is None:
        return True
    if row["text"] == ERASED:
        return False
    audience = Audience(
        row["organisation"], row["team"], row["requester_id"], row["assignee_id"], tuple(row["watcher_ids"])
    )
    if not ticket_scope(reader).includes(audience):
        return False
    return not row["internal"] or may_see_internal(reader, audience)


def _item(row: asyncpg.Record) -> MessageItem:
    ticket = None
    if row["number"] is not None:
        ticket = TicketGlance(
            TicketNumber(row["number"]),
            row["title"],
            Status(row["status"]),
            Priority(row["priority"]),
            row["sla_due_at"],
            row["offered_until"],
        )
    return MessageItem(
        NotificationId(row["id"]),
        NotificationType(row["type"]),
        row["kind"],
        row["why"],
        row["at"],
        ticket,
        row["actor"],
        row["text"],
        None if row["status_told"] is None else Status(row["status_told"]),
    )
