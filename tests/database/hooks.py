"""Webhooks for tests: added as admins add them, with what their receivers answer."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from database.pool import Pool
from database.webhook_outbox import WebhookOutbox
from database.webhooks import WebhookPlan, WebhookRecord, WebhookStore
from domain.ids import WebhookId
from domain.webhook import SendResult, WebhookAttempt, WebhookFilter
from tests.factories import ADMIN, NOW, author

URL = "https://receiver.example/hook"
BY_ADMIN = author(ADMIN)
FAILED = SendResult("status", 500)
TAKEN = SendResult(None, 200)


async def a_webhook(pool: Pool, *, url: str = URL, is_enabled: bool = True, **wanted: Any) -> WebhookRecord:
    """A webhook that hears of what it wants; of all that is public when nothing is said."""
    plan = WebhookPlan(url, "", WebhookFilter(**wanted), is_enabled)
    return await WebhookStore(pool).add(WebhookId(uuid4()), plan, b"encrypted", BY_ADMIN)


def outbox_of(pool: Pool, **options: int) -> WebhookOutbox:
    return WebhookOutbox(pool, lambda _: b"encrypted", **options)


async def all_taken(pool: Pool) -> None:
    """Everything in the log became deliveries."""
    outbox = outbox_of(pool)
    while await pool.fetchval(
        "select exists (select from events e, webhook_relay r where (e.xid, e.id) > (r.xid, r.id) "
        "and (e.data -> 'actions' @> '[{\"type\": \"call_webhook\"}]' "
        "or exists (select from webhooks where enabled_at is not null and source = 'desk')))"
    ):
        await outbox.take()


async def sent(pool: Pool, webhook: WebhookId) -> list[tuple[int | None, str]]:
    """Ticket and type of the webhook's deliveries, in their order."""
    rows = await pool.fetch(
        "select ticket_number, event_type from webhook_deliveries where webhook_id = $1 order by number", webhook
    )
    return [(row["ticket_number"], row["event_type"]) for row in rows]


def attempt(result: SendResult = TAKEN, at: datetime = NOW, *, is_probe: bool = False, **answer: Any) -> WebhookAttempt:
    return WebhookAttempt(
        at=at,
        duration=timedelta(milliseconds=12),
        result=result,
        request_headers={"webhook-id": "x"},
        request_sha256=b"digest",
        request_bytes=6,
        is_probe=is_probe,
        **answer,
    )
