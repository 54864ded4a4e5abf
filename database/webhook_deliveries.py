"""The log of deliveries: read by page and one by one, sent again one by one or a range at a time, and tried out."""

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

import asyncpg

from database.bell import WEBHOOK_BELL
from database.events import EventPlace
from database.pool import PATIENT_SECONDS, Connection, Pool
from database.webhooks import WebhookRecord, read_webhook
from domain.errors import NotFoundError, WebhookDisabledError
from domain.ids import TicketNumber, WebhookDeliveryId, WebhookId
from domain.webhook import PING, DeliveryState, SendResult, WebhookAttempt

_FIELDS = """
d.id, d.number, d.webhook_id, d.event_type, d.ticket_number, d.at, d.state, d.attempts, d.next_attempt_at,
d.last_attempt_at, d.last_error, d.ended_at, d.created_at, d.event_xid::text::bigint as event_xid, d.event_id
"""
_PAGE = f"""
select {_FIELDS} from webhook_deliveries d
where d.webhook_id = $1
    and ($2::bigint is null or d.number < $2)
    and ($3::text is null or d.state = $3)
    and ($4::text is null or d.event_type = $4)
    and ($5::bigint is null or d.ticket_number = $5)
    and ($6::timestamptz is null or d.created_at >= $6)
    and ($7::timestamptz is null or d.created_at < $7)
order by d.number desc limit $8
"""
_ATTEMPTS = "select * from webhook_attempts where delivery_id = $1 order by number"
_AGAIN = """
update webhook_deliveries set state = 'pending', attempts = 0, next_attempt_at = now(), ended_at = null
"""
_PROBE_NOW = "update webhooks set open_until = now() where id = $1 and open_until > now()"


class DeliveryFilter(NamedTuple):
    """What a page is narrowed to; None means all."""

    state: DeliveryState | None = None
    event_type: str | None = None
    ticket: TicketNumber | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Up to, but without this moment."""


class DeliveryRecord(NamedTuple):
    """A delivery as it stands."""

    id: WebhookDeliveryId
    number: int
    """In the order in which deliveries were made."""
    webhook_id: WebhookId
    event_type: str
    ticket: TicketNumber | None
    at: datetime
    """When what it tells happened."""
    state: DeliveryState
    attempts: int
    """That are used up."""
    next_attempt_at: datetime | None
    last_attempt_at: datetime | None
    last_error: str | None
    ended_at: datetime | None
    created_at: datetime
    event: EventPlace | None
    """None: it is about no event."""


class WebhookDeliveryStore:
    """Deliveries in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def page(
        self, webhook: WebhookId, wanted: DeliveryFilter, limit: int, before: int | None = None
    ) -> list[DeliveryRecord]:
        """The newest deliveries, of those with a number below `before` where that is given. Raises NotFoundError for
        an unknown webhook."""
        await read_webhook(self._pool, webhook)
        rows = await self._pool.fetch(_PAGE, webhook, before, *wanted, limit)
        return [_delivery_of(row) for row in rows]

    async def read(self, id: WebhookDeliveryId) -> DeliveryRecord:
        """Raises NotFoundError."""
        return await _read(self._pool, id)

    async def attempts(self, id: WebhookDeliveryId) -> list[WebhookAttempt]:
        """All tries of a delivery, the first one first."""
        return [_attempt_of(row) for row in await self._pool.fetch(_ATTEMPTS, id)]

    async def ping(self, webhook: WebhookId) -> DeliveryRecord:
        """Have something sent that is about no event; a receiver that is left alone is called for it. Raises
        NotFoundError and WebhookDisabledError."""
        async with self._pool.acquire() as connection, connection.transaction():
            await _enabled(connection, webhook)
            id = await connection.fetchval(
                "insert into webhook_deliveries (webhook_id, event_type, lane, at, next_attempt_at) "
                "values ($1, $2, gen_random_uuid()::text, now(), now()) returning id",
                webhook,
                PING,
            )
            await _call(connection, webhook)
            return await _read(connection, id)

    async def redeliver(self, id: WebhookDeliveryId) -> DeliveryRecord:
        """Send it again at once, as if it had not been tried; its receiver is called though it be left alone.

        Raises NotFoundError and WebhookDisabledError.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            webhook = (await _read(connection, id)).webhook_id
            await _enabled(connection, webhook)
            await connection.execute(f"{_AGAIN} where id = $1", id)
            await _call(connection, webhook)
            return await _read(connection, id)

    async def redeliver_range(
        self, webhook: WebhookId, since: datetime, until: datetime, states: Collection[DeliveryState]
    ) -> int:
        """Send again what was made from `since` on and before `until` and ended so, in its order. Returns how many.

        Raises NotFoundError and WebhookDisabledError.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await _enabled(connection, webhook)
            done = await connection.execute(
                f"{_AGAIN} where webhook_id = $1 and created_at >= $2 and created_at < $3 and state = any($4)",
                webhook,
                since,
                until,
                list(states),
                timeout=PATIENT_SECONDS,
            )
            await _call(connection, webhook)
        return int(done.rsplit(" ", 1)[1])


async def _enabled(connection: Connection, id: WebhookId) -> WebhookRecord:
    webhook = await read_webhook(connection, id, "for no key update")
    if webhook.enabled_at is None:
        raise WebhookDisabledError("The webhook is disabled; enable it first.")
    return webhook


async def _call(connection: Connection, webhook: WebhookId) -> None:
    await connection.execute(_PROBE_NOW, webhook)
    await connection.execute(f"select pg_notify('{WEBHOOK_BELL}', $1)", str(webhook))


async def _read(connection: "Connection | Pool", id: WebhookDeliveryId) -> DeliveryRecord:
    row = await connection.fetchrow(f"select {_FIELDS} from webhook_deliveries d where d.id = $1", id)
    if row is None:
        raise NotFoundError("There is no such delivery.")
    return _delivery_of(row)


def _delivery_of(row: asyncpg.Record) -> DeliveryRecord:
    *told, xid, event = row.values()
    record = DeliveryRecord._make([*told, None if event is None else EventPlace(xid, event)])
    return record._replace(state=DeliveryState(record.state))


def _attempt_of(row: asyncpg.Record) -> WebhookAttempt:
    return WebhookAttempt(
        at=row["at"],
        duration=timedelta(milliseconds=row["duration_ms"]),
        result=SendResult(row["error"], row["status"]),
        request_headers=json.loads(row["request_headers"]),
        request_sha256=row["request_sha256"],
        request_bytes=row["request_bytes"],
        answer_headers=json.loads(row["answer_headers"]),
        answer_body=row["answer_body"],
        is_cut=row["is_cut"],
        is_probe=row["is_probe"],
    )
