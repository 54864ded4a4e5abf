"""Webhooks: added, read, changed, rotated, deleted. Their secrets are here as they come: encrypted."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from database.audit import authored
from database.bell import WEBHOOK_BELL
from database.idempotency import RequestKey, create_once
from database.pool import PATIENT_SECONDS, Connection, Pool
from domain.audit import Author
from domain.errors import LimitReachedError, NotFoundError, UnknownReferenceError, WebhookOfLadderError
from domain.ids import WebhookId
from domain.ticket import Slug
from domain.webhook import (
    MAX_WEBHOOKS,
    DeliveryState,
    DisabledReason,
    WebhookFilter,
    WebhookSource,
)
from domain.webhook_rules import Breaker

_SELECT = """
select id, url, description, source, events, teams, include_internal, secret, old_secret, old_secret_until, enabled_at,
    disabled_reason, failures, open_until, failing_since, last_success_at, created_at, updated_at
from webhooks
"""
_ADD = """
insert into webhooks (id, url, description, events, teams, include_internal, secret, enabled_at, disabled_reason)
values ($1, $2, $3, $4, $5, $6, $7, case when $8 then clock_timestamp() end, case when not $8 then 'by_hand' end)
"""
_ROTATE = """
update webhooks set old_secret = secret, old_secret_until = $3, secret = $2, updated_at = now() where id = $1
"""
_ENABLE = """
update webhooks set enabled_at = clock_timestamp(), disabled_reason = null, failures = 0, open_until = null,
    failing_since = null, updated_at = now()
where id = $1 and enabled_at is null
"""
_DISABLE = """
update webhooks set enabled_at = null, disabled_reason = $2, updated_at = now() where id = $1 and enabled_at is not null
"""
_MOVED = "update webhooks set failures = 0, open_until = null, failing_since = null where id = $1"
_END_WAITING = """
update webhook_deliveries set state = $2, next_attempt_at = null, ended_at = now()
where webhook_id = $1 and state = 'pending'
"""
_HURRY = """
update webhook_deliveries set next_attempt_at = $2 where webhook_id = $1 and state = 'pending' and next_attempt_at > $2
"""
_FIGURES = """
select w.id, coalesce(waiting.pending, 0) as pending,
    (select count(*) from webhook_deliveries d where d.webhook_id = w.id and d.state = 'delivered'
        and d.ended_at > now() - interval '24 hours') as delivered,
    (select count(*) from webhook_deliveries d where d.webhook_id = w.id and d.state = 'failed'
        and d.ended_at > now() - interval '24 hours') as failed,
    case when waiting.pending > 0 then greatest(waiting.next_at, w.open_until) end as next_attempt_at
from webhooks w left join (
    select webhook_id, count(*) as pending, min(next_attempt_at) as next_at from webhook_deliveries
    where state = 'pending' group by webhook_id
) waiting on waiting.webhook_id = w.id
where w.id = any($1::uuid[])
"""


class WebhookPlan(NamedTuple):
    """What a new webhook is to be."""

    url: str
    description: str
    filter: WebhookFilter
    is_enabled: bool


class WebhookRecord(NamedTuple):
    """A webhook."""

    id: WebhookId
    url: str
    description: str
    source: WebhookSource
    filter: WebhookFilter
    secret: bytes
    """Encrypted."""
    old_secret: bytes | None
    """Encrypted; it signs beside the new one until `old_secret_until`."""
    old_secret_until: datetime | None
    enabled_at: datetime | None
    disabled_reason: DisabledReason | None
    breaker: Breaker
    last_success_at: datetime | None
    created_at: datetime
    updated_at: datetime

    def secrets_at(self, now: datetime) -> tuple[bytes, ...]:
        """The secrets that sign at that moment, the newest first."""
        if self.old_secret is None or self.old_secret_until is None or self.old_secret_until <= now:
            return (self.secret,)
        return self.secret, self.old_secret


class WebhookFigures(NamedTuple):
    """What waits for a webhook, and what became of its deliveries within the last 24 hours."""

    pending: int = 0
    delivered: int = 0
    failed: int = 0
    next_attempt_at: datetime | None = None


class WebhookStore:
    """Webhooks in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def all(self) -> list[WebhookRecord]:
        """The webhooks, the oldest first."""
        return [webhook_of(row) for row in await self._pool.fetch(f"{_SELECT} order by created_at, id")]

    async def read(self, id: WebhookId) -> WebhookRecord:
        """Raises NotFoundError."""
        return await read_webhook(self._pool, id)

    async def figures(self, webhooks: Sequence[WebhookId]) -> dict[WebhookId, WebhookFigures]:
        """How they fare."""
        rows = await self._pool.fetch(_FIGURES, webhooks)
        return {WebhookId(row["id"]): WebhookFigures(*list(row.values())[1:]) for row in rows}

    async def add(
        self, id: WebhookId, plan: WebhookPlan, secret: bytes, by: Author, request: RequestKey | None = None
    ) -> WebhookRecord:
        """Keep a new webhook. A repeat under the request's key adds none, and answers with the first one's record: its
        id is another one then.

        Raises LimitReachedError and UnknownReferenceError.
        """

        async def create(connection: Connection) -> dict[str, Any]:
            await connection.execute("lock table webhooks in share row exclusive mode")  # one at a time counts
            held = await connection.fetchval("select count(*) from webhooks where source = 'desk'")
            if held >= MAX_WEBHOOKS:
                raise LimitReachedError(f"There are {MAX_WEBHOOKS} webhooks; delete one that is not needed.")
            await _check_teams(connection, plan.filter.teams)
            await connection.execute(
                _ADD, id, plan.url, plan.description, *_columns(plan.filter), secret, plan.is_enabled
            )
            return {"id": str(id)}

        answer = await create_once(self._pool, request, create, by)
        return await self.read(WebhookId(UUID(answer["id"])))

    async def change(self, id: WebhookId, changes: Mapping[str, Any], by: Author) -> WebhookRecord:
        """Change what is named: `url`, `description`, `is_enabled`, `filter`. Disabled, what waits for it is skipped;
        enabled anew or with another address, it begins without a past.

        Raises NotFoundError, UnknownReferenceError, and WebhookOfLadderError for the address or filter of one that
        belongs to a ladder.
        """
        async with authored(self._pool, by) as connection:
            before = await read_webhook(connection, id, "for update")
            if before.source == "sla_ladder" and {"url", "filter"} & changes.keys():
                raise WebhookOfLadderError("Its address and what it hears of are the escalation ladder's.")
            filter: WebhookFilter = changes.get("filter", before.filter)
            await _check_teams(connection, filter.teams)
            await connection.execute(
                "update webhooks set url = $2, description = $3, events = $4, teams = $5, include_internal = $6, "
                "updated_at = now() where id = $1",
                id,
                changes.get("url", before.url),
                changes.get("description", before.description),
                *_columns(filter),
            )
            if changes.get("url", before.url) != before.url:
                await connection.execute(_MOVED, id)
                await hurry(connection, id)
            if (is_enabled := changes.get("is_enabled")) is True:
                await connection.execute(_ENABLE, id)
            elif is_enabled is False:
                await disable(connection, id, "by_hand", DeliveryState.SKIPPED)
            return await read_webhook(connection, id)

    async def rotate(self, id: WebhookId, secret: bytes, old_until: datetime, by: Author) -> WebhookRecord:
        """Sign with this secret from now on, and until that moment also with the one before. Raises NotFoundError."""
        async with authored(self._pool, by) as connection:
            await connection.execute(_ROTATE, id, secret, old_until)
            return await read_webhook(connection, id)

    async def delete(self, id: WebhookId, by: Author) -> None:
        """With its deliveries. Raises NotFoundError."""
        async with authored(self._pool, by) as connection:
            if not await connection.fetchval(
                "delete from webhooks where id = $1 returning true", id, timeout=PATIENT_SECONDS
            ):
                raise _unknown()


async def read_webhook(connection: "Connection | Pool", id: WebhookId, lock: str = "") -> WebhookRecord:
    """Raises NotFoundError."""
    row = await connection.fetchrow(f"{_SELECT} where id = $1 {lock}", id)
    if row is None:
        raise _unknown()
    return webhook_of(row)


async def disable(connection: Connection, id: WebhookId, why: DisabledReason, ended: DeliveryState) -> None:
    """Send nothing more, within the caller's transaction; what waits ends so."""
    await connection.execute(_DISABLE, id, why)
    await connection.execute(_END_WAITING, id, ended, timeout=PATIENT_SECONDS)


async def hurry(connection: Connection, id: WebhookId, now: datetime | None = None) -> None:
    """Let what waits for its next try be tried at once, within the caller's transaction."""
    moment = now or await connection.fetchval("select now()")
    await connection.execute(_HURRY, id, moment, timeout=PATIENT_SECONDS)
    await connection.execute(f"select pg_notify('{WEBHOOK_BELL}', $1)", str(id))


def webhook_of(row: asyncpg.Record) -> WebhookRecord:
    teams = None if row["teams"] is None else frozenset[Slug](row["teams"])
    return WebhookRecord(
        id=WebhookId(row["id"]),
        filter=WebhookFilter(frozenset(row["events"]), teams, row["include_internal"]),
        breaker=Breaker(row["failures"], row["open_until"], row["failing_since"]),
        **{name: row[name] for name in WebhookRecord._fields if name not in ("id", "filter", "breaker")},
    )


def _unknown() -> NotFoundError:
    return NotFoundError("There is no such webhook.")


def _columns(filter: WebhookFilter) -> tuple[list[str], list[Slug] | None, bool]:
    return sorted(filter.events), None if filter.teams is None else sorted(filter.teams), filter.include_internal


async def _check_teams(connection: Connection, teams: frozenset[Slug] | None) -> None:
    wanted = sorted(teams or ())
    known = {row["slug"] for row in await connection.fetch("select slug from teams where slug = any($1)", wanted)}
    if missing := [team for team in wanted if team not in known]:
        raise UnknownReferenceError(f"There is no team {', '.join(missing)}.")
