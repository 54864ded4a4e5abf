"""Removes what is older than its rule says, some at a time."""

from datetime import datetime
from typing import NamedTuple

from database.audit import authored
from database.erasure import ErasureStore
from database.personal_data import ERASED
from database.pool import PATIENT_SECONDS, Pool
from domain.audit import Author
from domain.errors import ConflictError
from domain.ids import PersonId
from domain.retention import RETENTION, RetentionKind

BATCH = 500


class RetentionRule(NamedTuple):
    """A rule as it is in force, and when it was applied last."""

    kind: RetentionKind
    days: int | None
    applied_at: datetime | None
    removed: int | None
    """How many the last run removed."""


_OLD = "< now() - make_interval(days => $1)"
_REMOVE: dict[RetentionKind, str] = {
    RetentionKind.SESSIONS: f"""
    with gone as (delete from sessions where id in (
        select id from sessions where least(expires_at, revoked_at) {_OLD} limit $2) returning 1),
    keys as (delete from api_keys where id in (
        select id from api_keys where least(expires_at, revoked_at) {_OLD} limit $2) returning 1)
    select (select count(*) from gone) + (select count(*) from keys)
    """,
    RetentionKind.SIGN_IN_TALLIES: f"""
    with gone as (delete from throttles where bucket in (
        select bucket from throttles where last_at {_OLD} limit $2) returning 1),
    tokens as (delete from refresh_tokens where id in (
        select id from refresh_tokens where expires_at {_OLD} limit $2) returning 1)
    select (select count(*) from gone) + (select count(*) from tokens)
    """,
    RetentionKind.IDEMPOTENCY_KEYS: f"""
    with gone as (delete from idempotency_keys where id in (
        select id from idempotency_keys where created_at {_OLD} limit $2) returning 1) select count(*) from gone
    """,
    RetentionKind.NOTIFICATIONS: f"""
    with gone as (delete from notifications where id in (
        select id from notifications where at {_OLD} limit $2) returning 1),
    told as (delete from events where (xid, id) in (
        select xid, id from events where topic = 'notifications' and recorded_at {_OLD} limit $2) returning 1),
    sent as (delete from messages where id in (
        select id from messages where created_at {_OLD} limit $2) returning 1)
    select (select count(*) from gone) + (select count(*) from told) + (select count(*) from sent)
    """,
    RetentionKind.DECISIONS: f"""
    with gone as (delete from dispatch_decisions where id in (
        select id from dispatch_decisions where at {_OLD} limit $2) returning 1) select count(*) from gone
    """,
    RetentionKind.WEBHOOK_DELIVERIES: f"""
    with gone as (delete from webhook_deliveries where id in (
        select id from webhook_deliveries where ended_at {_OLD} limit $2) returning 1) select count(*) from gone
    """,
    # One that waits for its workflow stays. One that began and never ended goes: somebody stopped its workflow.
    RetentionKind.REPORT_MAIL_RUNS: f"""
    with gone as (delete from report_mail_runs where id in (
        select id from report_mail_runs where coalesce(ended_at, started_at) {_OLD} limit $2) returning 1)
    select count(*) from gone
    """,
    RetentionKind.UNTIED_ATTACHMENTS: f"""
    with gone as (delete from attachments where id in (
        select id from attachments where revision is null and created_at {_OLD} limit $2) returning 1)
    select count(*) from gone
    """,
    RetentionKind.CLOSED_TICKETS: f"""
    with gone as (update ticket_texts set body = '{ERASED}', title = case when title is not null then '{ERASED}' end
        where id in (
            select x.id from ticket_texts x join tickets t on t.number = x.ticket_number
            where t.status = 'closed' and t.closed_at {_OLD} and x.body <> '{ERASED}' limit $2) returning 1),
    files as (delete from attachments where id in (
        select f.id from attachments f join tickets t on t.number = f.ticket_number
        where t.status = 'closed' and t.closed_at {_OLD} limit $2) returning 1)
    select (select count(*) from gone) + (select count(*) from files)
    """,
}
_IDLE = f"""
select p.id from people p where p.role = 'requester' and p.kind = 'person' and p.erased_at is null
    and greatest(p.created_at, p.updated_at) {_OLD}
    and not exists (select from sessions s
        where s.person_id = p.id and s.created_at >= now() - make_interval(days => $1))
    and not exists (select from tickets t where t.requester_id = p.id
        and (t.status <> 'closed' or t.updated_at >= now() - make_interval(days => $1)))
order by p.id limit $2
"""


class RetentionStore:
    """Rules in PostgreSQL, and what they do."""

    def __init__(self, pool: Pool, erasing: ErasureStore) -> None:
        self._pool = pool
        self._erasing = erasing

    async def rules(self) -> list[RetentionRule]:
        """All rules, in the order of their kinds."""
        chosen = {row["kind"]: row["days"] for row in await self._pool.fetch("select kind, days from retention_rules")}
        runs = {
            row["kind"]: row
            for row in await self._pool.fetch(
                "select distinct on (kind) kind, at, removed from retention_runs order by kind, at desc"
            )
        }
        return [
            RetentionRule(
                kind,
                chosen.get(kind, RETENTION[kind].days),
                runs[kind]["at"] if kind in runs else None,
                runs[kind]["removed"] if kind in runs else None,
            )
            for kind in RetentionKind
        ]

    async def choose(self, kind: RetentionKind, days: int | None, by: Author) -> None:
        """Keep what is of this kind for that many days from now on; None: for ever."""
        async with authored(self._pool, by) as connection:
            await connection.execute(
                "insert into retention_rules (kind, days) values ($1, $2) "
                "on conflict (kind) do update set days = excluded.days, updated_at = now()",
                kind,
                days,
            )

    async def remove_some(self, kind: RetentionKind, days: int) -> int:
        """Remove at most `BATCH` of what is older. Returns how many; 0 when there is no more."""
        if kind is RetentionKind.IDLE_REQUESTERS:
            return await self._erase_idle(days)
        return int(await self._pool.fetchval(_REMOVE[kind], days, BATCH, timeout=PATIENT_SECONDS))

    async def note_run(self, kind: RetentionKind, at: datetime, removed: int) -> None:
        """Remember what a run did. The same run again changes nothing."""
        await self._pool.execute(
            "insert into retention_runs (kind, at, removed) values ($1, $2, $3) on conflict do nothing",
            kind,
            at,
            removed,
        )

    async def _erase_idle(self, days: int) -> int:
        erased = 0
        for row in await self._pool.fetch(_IDLE, days, BATCH, timeout=PATIENT_SECONDS):
            person = PersonId(row["id"])
            try:
                await self._erasing.erase(person, None)
            except ConflictError:
                continue  # they came back meanwhile
            erased += 1
        return erased
