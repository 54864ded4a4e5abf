"""Tells the stream how the counts of teams' queues stand after they changed.

Whoever folds facts raises the revision of each team whose counts changed, in the same transaction. So whatever is
killed, what was not told yet is known, and the next look tells it. Facts stand still while it is told: an event's
counts are those of its revision.
"""

from database.bell import BELL
from database.overview import NO_TEAM, queue_counts
from database.pool import Connection, Pool
from database.report_log import FACTS_LOCK
from domain.queue_counts import OVERVIEW_CHANGED

TELL_EVERY_SECONDS = 1.0
_DUE = """
select team from queue_revisions
where revision > told_revision and told_at <= clock_timestamp() - make_interval(secs => $1)
"""
_TELL = f"""
insert into events (topic, type, at, actor_kind, internal, data)
select 'queue', '{OVERVIEW_CHANGED}', clock_timestamp(), 'timer', true, data from unnest($1::jsonb[]) data
"""
_TOLD = """
update queue_revisions set told_revision = revision, told_at = clock_timestamp() where team = any($1::text[])
"""


class OverviewLog:
    """The one writer of `overview.changed`. Many processes may have one."""

    def __init__(self, pool: Pool, tell_every_seconds: float = TELL_EVERY_SECONDS) -> None:
        self._pool = pool
        self._tell_every_seconds = tell_every_seconds

    async def tell(self) -> int:
        """Tell of each team that changed and was not told of in the last second. Returns how many; 0 also when
        somebody folds facts just now, who tells when that is done."""
        if not await self._pool.fetch(_DUE, self._tell_every_seconds):
            return 0
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval("select pg_try_advisory_xact_lock($1)", FACTS_LOCK):
                return 0
            return await self._tell(connection)

    async def _tell(self, connection: Connection) -> int:
        due = [row["team"] or None for row in await connection.fetch(_DUE, self._tell_every_seconds)]
        counts = await queue_counts(connection, due)
        await connection.execute(_TELL, [one.model_dump_json() for one in counts])
        await connection.execute(_TOLD, [team or NO_TEAM for team in due])
        await connection.execute(f"select pg_notify('{BELL}', '')")
        return len(counts)
