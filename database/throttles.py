"""How often somebody tried, counted for all processes together."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from database.pool import Connection, Pool
from domain.throttle import Counted, Tally, after_attempt, longest_wait


class ThrottleStore:
    """The tallies of `domain.throttle` in PostgreSQL. They survive a restart, and name nobody."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def take(self, counted: Sequence[Counted], now: datetime) -> timedelta:
        """Count an attempt, and return zero; or count nothing, and return how long to wait first.

        Two at once come one after the other: the tallies are locked, always in the same order.
        """
        buckets = sorted((_bucket(one), one) for one in counted)
        names = [bucket for bucket, _ in buckets]
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "insert into throttles (bucket, count, last_at) select unnest($1::bytea[]), 0, $2 "
                "on conflict do nothing",
                names,
                now,
            )
            rows = await connection.fetch(
                "select bucket, count, last_at, blocked_until from throttles where bucket = any($1::bytea[]) "
                "order by bucket for update",
                names,
            )
            tallies = [Tally(*list(row.values())[1:]) for row in rows]
            wait = longest_wait(tallies, now)
            if not wait:
                for (bucket, one), tally in zip(buckets, tallies, strict=True):
                    await _write(connection, bucket, after_attempt(tally, one.limit, now))
        return wait

    async def forgive(self, counted: Sequence[Counted], at: datetime) -> None:
        """Take an attempt of that moment back, for it succeeded. What is counted for an account begins anew; of an
        address one try is taken back, or whoever has one account of their own could guess at others without end."""
        ours = sorted(_bucket(one) for one in counted if one.names[1] != "address")
        shared = sorted(_bucket(one) for one in counted if one.names[1] == "address")
        await self._pool.execute(
            "with mine as (delete from throttles where bucket = any($1::bytea[])) "
            "update throttles set count = greatest(count - 1, 0), "
            "blocked_until = case when last_at = $3 then null else blocked_until end where bucket = any($2::bytea[])",
            ours,
            shared,
            at,
        )


async def _write(connection: Connection, bucket: bytes, tally: Tally) -> None:
    await connection.execute(
        "update throttles set count = $2, last_at = $3, blocked_until = $4 where bucket = $1", bucket, *tally
    )


def _bucket(one: Counted) -> bytes:
    return hashlib.sha256("\0".join(one.names).encode()).digest()
