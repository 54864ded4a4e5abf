"""Makes deliveries of events. The event log itself is the outbox: nothing about webhooks is in the transaction of a
change, so no receiver ever holds one back.

A place in the log is kept in one row. What lies after it, and below what may still be overtaken (`database/events.py`),
becomes deliveries in the transaction that moves the place: each event once for each webhook, however many workers look.
"""

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

import asyncpg

from database.pool import Connection, Pool
from database.webhooks import WebhookRecord, webhook_of
from domain.ids import WebhookId
from domain.webhook import LADDER, Told, lane_of

BATCH = 500
IDLE_STRIDE = 10_000
"""Transactions after which the place is moved though nothing was found: writing it down is one itself."""
BEHIND_SECONDS = 30
"""What should have been tried so long ago, and whose workflow did not look since, has no workflow."""
log = logging.getLogger(__name__)

_LADDER_ONLY = f"e.type = '{LADDER}' and e.data -> 'actions' @> '[{{\"type\": \"call_webhook\"}}]'"
_PLACE = """
select r.epoch, r.xid::text::bigint as xid, r.id, s.epoch as log_epoch,
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint as horizon,
    exists (select from webhooks where enabled_at is not null and source = 'desk') as has_webhooks
from webhook_relay r, event_stream s
"""
_CLAIM = "select epoch, xid::text::bigint as xid, id from webhook_relay for update skip locked"
_WHERE = f"""
(e.xid, e.id) > ($1::text::xid8, $2) and e.xid < $3::text::xid8 and ($4 or {_LADDER_ONLY})
"""
_EVENTS = f"""
select e.xid::text::bigint as xid, e.id, e.type, e.at, e.recorded_at, e.internal, e.ticket_number, e.person_id,
    case when e.topic = 'queue' then e.data ->> 'team' else t.team end as team,
    case when e.type = 'ticket.moved' then e.data ->> 'previous' end as previous,
    case when {_LADDER_ONLY} then e.data -> 'actions' end as actions
from events e left join tickets t on t.number = e.ticket_number
where {_WHERE} order by e.xid, e.id limit {BATCH}
"""
_MOVE = "update webhook_relay set epoch = $1, xid = $2::text::xid8, id = $3"
_OF_LADDER = """
insert into webhooks (id, url, source, events, include_internal, secret, enabled_at)
values ($1, $2, 'sla_ladder', $3, true, $4, clock_timestamp()) on conflict do nothing
"""
_ADD = """
insert into webhook_deliveries (webhook_id, event_xid, event_id, event_type, lane, ticket_number, at, next_attempt_at)
select webhook_id, event_xid::text::xid8, event_id, event_type, lane, ticket_number, at, now()
from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[])
    with ordinality as new (webhook_id, event_xid, event_id, event_type, lane, ticket_number, at, place)
order by place
on conflict (webhook_id, event_id) do nothing
returning webhook_id
"""
_BEHIND = """
select w.id from webhooks w, (select now() - make_interval(secs => $1) as moment) late
where w.enabled_at is not null and (w.looked_at is null or w.looked_at < late.moment)
    and (w.open_until is null or w.open_until < late.moment)
    and exists (select from webhook_deliveries d
        where d.webhook_id = w.id and d.state = 'pending' and d.next_attempt_at < late.moment)
"""


class Taken(NamedTuple):
    """What a look at the log came to."""

    called: frozenset[WebhookId] = frozenset()
    """Whom something waits for since."""
    has_more: bool = False


class WebhookOutbox:
    """The log, as the relay reads it."""

    def __init__(self, pool: Pool, new_secret: Callable[[WebhookId], bytes], idle_stride: int = IDLE_STRIDE) -> None:
        """`new_secret` makes one for a webhook, encrypted."""
        self._pool = pool
        self._new_secret = new_secret
        self._idle_stride = idle_stride

    async def take(self) -> Taken:
        """Make deliveries of the next events. Harmless to repeat, and in several workers at once."""
        place = await self._pool.fetchrow(_PLACE)
        if place is None:
            raise LookupError("the place of webhooks in the event log is gone")
        if place["epoch"] == place["log_epoch"] and not await self._has_events(place):
            return Taken()
        async with self._pool.acquire() as connection, connection.transaction():
            claimed = await connection.fetchrow(_CLAIM)
            if claimed is None:
                return Taken()  # another worker is at it
            horizon = place["horizon"]
            if claimed["epoch"] != place["log_epoch"]:
                log.warning("the event log began anew: webhooks hear of what comes from now on")
                await connection.execute(_MOVE, place["log_epoch"], str(horizon), 0)
                return Taken()
            after = (str(claimed["xid"]), claimed["id"], str(horizon), place["has_webhooks"])
            events = await connection.fetch(_EVENTS, *after)
            called = await self._deliver(connection, events)
            is_full = len(events) == BATCH
            to = (
                (events[-1]["xid"], events[-1]["id"]) if is_full else max((claimed["xid"], claimed["id"]), (horizon, 0))
            )
            await connection.execute(_MOVE, claimed["epoch"], str(to[0]), to[1])
        return Taken(frozenset(called), is_full)

    async def behind(self) -> list[WebhookId]:
        """Webhooks that something has been due for a while for, and whose workflow does not look: the engine was away,
        or lost it."""
        return [WebhookId(row["id"]) for row in await self._pool.fetch(_BEHIND, BEHIND_SECONDS)]

    async def _has_events(self, place: asyncpg.Record) -> bool:
        """Whether there is a reason to write: a look that finds nothing takes no transaction id."""
        if place["horizon"] - place["xid"] > self._idle_stride:
            return True
        found: bool = await self._pool.fetchval(
            f"select exists (select from events e where {_WHERE})",
            str(place["xid"]),
            place["id"],
            str(place["horizon"]),
            place["has_webhooks"],
        )
        return found

    async def _deliver(self, connection: Connection, events: Sequence[asyncpg.Record]) -> set[WebhookId]:
        if not events:
            return set()
        rows = await connection.fetch("select * from webhooks where enabled_at is not null and source = 'desk'")
        webhooks = [webhook_of(row) for row in rows]
        new: list[tuple[Any, ...]] = []
        for event in events:
            heard = [webhook.id for webhook in webhooks if _hears(webhook, event)]
            heard += await self._of_ladders(connection, event)
            new += [
                (
                    webhook,
                    event["xid"],
                    event["id"],
                    event["type"],
                    lane_of(event["ticket_number"], event["person_id"], event["team"]),
                    event["ticket_number"],
                    event["at"],
                )
                for webhook in heard
            ]
        if not new:
            return set()
        return {WebhookId(row["webhook_id"]) for row in await connection.fetch(_ADD, *zip(*new, strict=True))}

    async def _of_ladders(self, connection: Connection, event: asyncpg.Record) -> list[WebhookId]:
        """The webhooks that a step of an escalation ladder calls, made at their first call; without those that were
        disabled."""
        urls = sorted(_called(event["actions"]))
        if not urls:
            return []
        for url in urls:
            if not await connection.fetchval("select true from webhooks where source = 'sla_ladder' and url = $1", url):
                id = WebhookId(uuid4())
                await connection.execute(_OF_LADDER, id, url, [LADDER], self._new_secret(id))
        rows = await connection.fetch(
            "select id from webhooks where source = 'sla_ladder' and url = any($1) and enabled_at is not null", urls
        )
        return [WebhookId(row["id"]) for row in rows]


def _hears(webhook: WebhookRecord, event: asyncpg.Record) -> bool:
    """Nobody hears of what was before they were there."""
    if webhook.enabled_at is None or event["recorded_at"] < webhook.enabled_at:
        return False
    teams = frozenset(team for team in (event["team"], event["previous"]) if team is not None)
    return webhook.filter.takes(Told(event["type"], event["internal"], teams))


def _called(actions: str | None) -> Iterable[str]:
    return {action["url"] for action in json.loads(actions or "[]") if action["type"] == "call_webhook"}
