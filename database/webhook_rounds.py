"""What a webhook's workflow works with: what is to be sent now, and what became of it."""

import json
from datetime import datetime, timedelta
from typing import NamedTuple

from database.audit import name_author
from database.pool import Connection, Pool
from database.webhooks import WebhookRecord, disable, hurry, webhook_of
from domain.audit import Author
from domain.ids import WebhookDeliveryId, WebhookId
from domain.webhook import DeliveryState, SendResult, WebhookAttempt
from domain.webhook_rules import Breaker, Standing, Verdict, judge

AUTHOR = Author(credential="program:webhooks")
_LOOK = "update webhooks set looked_at = clock_timestamp() where id = $1 and enabled_at is not null returning *"
_HEADS = """
from webhook_deliveries d where d.webhook_id = $1 and d.state = 'pending' and not exists (
    select from webhook_deliveries p
    where p.webhook_id = $1 and p.lane = d.lane and p.state = 'pending' and p.number < d.number)
"""
"""The first of each lane that wait: the others wait for them."""
_DUE = f"select d.id {_HEADS} and d.next_attempt_at <= $2 order by d.number limit $3"
_PROBE = f"select d.id {_HEADS} order by d.last_attempt_at nulls first, d.number limit 1"
"""Another one each time: the receiver may have taken against the first."""
_NEXT = f"select min(d.next_attempt_at) {_HEADS}"
_ATTEMPT = """
insert into webhook_attempts (delivery_id, number, at, duration_ms, error, status, is_probe, request_headers,
    request_sha256, request_bytes, answer_headers, answer_body, is_cut)
select $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10::jsonb, $11, $12
from webhook_attempts where delivery_id = $1
"""
_ENDED = """
update webhook_deliveries set state = $2, attempts = $3, next_attempt_at = $4, last_attempt_at = $5, last_error = $6,
    ended_at = case when $2 <> 'pending' then $7::timestamptz end
where id = $1
"""
_FARES = """
update webhooks set failures = $2, open_until = $3, failing_since = $4,
    last_success_at = case when $5 then $6 else last_success_at end
where id = $1
"""


class Due(NamedTuple):
    """What is to be sent to a webhook now."""

    webhook: WebhookRecord | None
    """None: it is gone, or disabled."""
    deliveries: tuple[WebhookDeliveryId, ...] = ()
    is_probe: bool = False
    """The one delivery asks whether the receiver is back."""
    next_at: datetime | None = None
    """When there is something again, if there is nothing now; None: nothing waits."""


class WebhookRoundStore:
    """Deliveries that wait, in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def due(self, id: WebhookId, limit: int, now: datetime) -> Due:
        """Up to `limit` deliveries, each the first of its lane. Asking takes nothing away: only `note` does."""
        row = await self._pool.fetchrow(_LOOK, id)
        if row is None:
            return Due(None)
        webhook = webhook_of(row)
        match webhook.breaker.state(now):
            case "open":
                is_waiting = await self._pool.fetchval(f"select exists (select {_HEADS})", id)
                return Due(webhook, next_at=webhook.breaker.open_until if is_waiting else None)
            case "half_open":
                probe = await self._pool.fetchval(_PROBE, id)
                return Due(webhook) if probe is None else Due(webhook, (probe,), is_probe=True)
        rows = await self._pool.fetch(_DUE, id, now, limit)
        if rows:
            return Due(webhook, tuple(WebhookDeliveryId(row["id"]) for row in rows))
        return Due(webhook, next_at=await self._pool.fetchval(_NEXT, id))

    async def note(self, id: WebhookDeliveryId, attempt: WebhookAttempt, now: datetime) -> Verdict | None:
        """Keep an attempt, and what it makes of its delivery and its webhook. None when the delivery ended meanwhile
        otherwise, or is gone."""
        async with self._pool.acquire() as connection, connection.transaction():
            webhook = await connection.fetchrow(
                "select w.id, w.failures, w.open_until, w.failing_since from webhooks w join webhook_deliveries d "
                "on d.webhook_id = w.id where d.id = $1 for no key update of w",
                id,
            )
            if webhook is None:
                return None
            await _keep(connection, id, attempt)
            delivery = await connection.fetchrow(
                "select id, attempts, next_attempt_at from webhook_deliveries where id = $1 and state = 'pending' "
                "for update",
                id,
            )
            if delivery is None:
                return None
            before = Breaker(*list(webhook.values())[1:])
            verdict = judge(Standing(*delivery.values()), before, attempt.result, now)
            await _write(connection, WebhookId(webhook["id"]), id, attempt, verdict, now)
            if before.open_until is not None and verdict.breaker.open_until is None:
                await hurry(connection, WebhookId(webhook["id"]), now)
        return verdict

    async def skip(self, id: WebhookDeliveryId, now: datetime) -> None:
        """There is nothing to send: its event is not there any more."""
        await self._pool.execute(
            "update webhook_deliveries set state = 'skipped', next_attempt_at = null, ended_at = $2, "
            "last_error = 'event_gone' where id = $1 and state = 'pending'",
            id,
            now,
        )


async def _keep(connection: Connection, id: WebhookDeliveryId, attempt: WebhookAttempt) -> None:
    await connection.execute(
        _ATTEMPT,
        id,
        attempt.at,
        round(attempt.duration / timedelta(milliseconds=1)),
        attempt.result.error,
        attempt.result.status,
        attempt.is_probe,
        json.dumps(dict(attempt.request_headers)),
        attempt.request_sha256,
        attempt.request_bytes,
        json.dumps(dict(attempt.answer_headers)),
        attempt.answer_body,
        attempt.is_cut,
    )


async def _write(
    connection: Connection,
    webhook: WebhookId,
    delivery: WebhookDeliveryId,
    attempt: WebhookAttempt,
    verdict: Verdict,
    now: datetime,
) -> None:
    result: SendResult = attempt.result
    await connection.execute(
        _ENDED, delivery, verdict.state, verdict.attempts, verdict.next_attempt_at, attempt.at, result.error, now
    )
    await connection.execute(_FARES, webhook, *verdict.breaker, result.error is None, now)
    if verdict.disabled is not None:
        await name_author(connection, AUTHOR)
        await disable(connection, webhook, verdict.disabled, DeliveryState.FAILED)
