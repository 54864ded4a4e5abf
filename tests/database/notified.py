"""Puts notifications into the database, and says what was decided of them."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from database.pool import Pool
from domain.ids import NotificationId, PersonId, TicketNumber
from domain.notification import Channel, NotificationType
from tests.factories import NOW


async def notified(
    pool: Pool,
    person: PersonId,
    type: NotificationType = NotificationType.REPLIED,
    *,
    ticket: TicketNumber | None = None,
    at: datetime = NOW,
    **columns: Any,
) -> NotificationId:
    """Somebody is told of something; each time of something else."""
    row = {
        "person_id": person,
        "type": type,
        "kind": "a test",
        "ticket_number": ticket,
        "at": at,
        "subject": f"{uuid4()}",
    }
    row |= columns
    places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
    id = await pool.fetchval(
        f"insert into notifications ({', '.join(row)}) values ({places}) returning id",  # noqa: S608  our own names
        *row.values(),
    )
    return NotificationId(id)


async def decided(pool: Pool, id: NotificationId, channel: Channel) -> list[str]:
    """What was decided of one by a channel, in order."""
    rows = await pool.fetch(
        "select outcome || ' ' || reason as text from notification_decisions "
        "where notification_id = $1 and channel = $2 order by id",
        id,
        channel,
    )
    return [row["text"] for row in rows]


async def messages_of(pool: Pool, person: PersonId) -> list[tuple[str, str, int | None]]:
    """Channel, kind and ticket of the person's messages, in the order in which they were made."""
    rows = await pool.fetch(
        "select channel, kind, ticket_number from messages where person_id = $1 "
        "order by created_at, channel, kind, ticket_number",
        person,
    )
    return [(row["channel"], row["kind"], row["ticket_number"]) for row in rows]


async def with_device(pool: Pool, person: PersonId) -> None:
    """Somebody registers a device for pushes."""
    await pool.execute(
        "insert into push_subscriptions (person_id, endpoint, p256dh, auth) values ($1, $2, 'key', 'secret')",
        person,
        f"https://push.example.com/{person}",
    )


async def chooses(pool: Pool, person: PersonId, type: NotificationType, **choice: Any) -> None:
    """Somebody chooses, with nothing decided anew."""
    await pool.execute(
        "insert into notification_choices (person_id, type, in_app, email, push) values ($1, $2, $3, $4, $5)",
        person,
        type,
        choice.get("in_app", True),
        choice.get("email", "off"),
        choice.get("push", "off"),
    )
