"""Puts notifications, and the messages that are to tell of them, into the database, as whoever decides does."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from database.pool import Pool
from domain.ids import MessageId, NotificationId, PersonId, TicketNumber
from domain.notification import Channel, NotificationType

_NOTIFIED = """
insert into notifications (person_id, ticket_number, revision, kind, type, why, internal, at, actor_kind, actor_id,
    subject)
values ($1, $2, $3, $4, $5, $6, $7, $8, case when $9::uuid is null then 'timer' else 'person' end, $9, $10)
returning id
"""
_ASKED = "insert into messages (person_id, channel, kind, ticket_number) values ($1, $2, $3, $4) returning id"
_DECIDED = """
insert into notification_decisions (notification_id, channel, at, outcome, reason, message_id)
values ($1, $2, now(), 'sends', 'test', $3)
"""


async def notified(
    pool: Pool,
    person: PersonId,
    type: NotificationType = NotificationType.SLA_BREACH,
    kind: str = "ticket.sla_breached",
    ticket: TicketNumber | None = None,
    *,
    revision: int = 1,
    why: str = "assignee",
    internal: bool = False,
    at: datetime | None = None,
    actor: PersonId | None = None,
    subject: str = "",
) -> NotificationId:
    """A notification of the person."""
    id: int = await pool.fetchval(
        _NOTIFIED, person, ticket, revision, kind, type, why, internal, at or datetime.now(UTC), actor, subject
    )
    return NotificationId(id)


async def told(pool: Pool, person: PersonId) -> list[NotificationId]:
    """The notifications that the person has, the oldest first."""
    return [
        row["id"] for row in await pool.fetch("select id from notifications where person_id = $1 order by id", person)
    ]


async def asked_message(
    pool: Pool,
    person: PersonId,
    notifications: Sequence[NotificationId],
    channel: Channel = Channel.EMAIL,
    *,
    kind: str = "ticket",
    ticket: TicketNumber | None = None,
) -> MessageId:
    """A message about these notifications that is to be sent."""
    id: Any = await pool.fetchval(_ASKED, person, channel, kind, ticket)
    await pool.executemany(_DECIDED, [(one, channel, id) for one in notifications])
    return MessageId(id)


async def outcome_of(pool: Pool, message: MessageId) -> tuple[bool, str | None]:
    """Whether it was sent, and how it failed."""
    row = await pool.fetchrow("select sent_at is not null, failure from messages where id = $1", message)
    assert row is not None
    return row[0], row[1]
